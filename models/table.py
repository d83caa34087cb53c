"""Recorded rows as models are fitted on them and batches are scored: named channels, stretches that belong together."""

from collections.abc import Mapping

import msgspec
import numpy as np

from models.contract import F64, I64


class Stretch(msgspec.Struct, frozen=True):
    """k rows that belong together, in order: what a device recorded, an engine's flights, a unit under test."""

    name: str
    t_ns: I64  # k; a count instead of a time stands as so many seconds
    rows: F64  # k x c, NaN = missing
    label: F64 | None = None  # k; NaN = not known. Anomaly: 0 or 1; life: what is left; outcome: place in `classes`
    weight: F64 | None = None  # k; how many units like it a row stands for; None: for itself

    def part(self, rows: I64 | slice) -> "Stretch":
        """Some of its rows."""
        label = None if self.label is None else self.label[rows]
        weight = None if self.weight is None else self.weight[rows]
        return Stretch(name=self.name, t_ns=self.t_ns[rows], rows=self.rows[rows], label=label, weight=weight)


class Table(msgspec.Struct, frozen=True):
    """Stretches with the same channels."""

    channels: tuple[str, ...]
    stretches: tuple[Stretch, ...]
    classes: tuple[str, ...] = ()  # outcome: what the label column says, sorted
    words: Mapping[str, tuple[str, ...]] = {}  # channels of text: their values stand as places in this list

    @property
    def rows(self) -> int:
        """How many there are in all."""
        return sum(len(stretch.t_ns) for stretch in self.stretches)

    def stacked(self) -> F64:
        """All rows below each other, n x c."""
        return np.concatenate([stretch.rows for stretch in self.stretches] or [np.zeros((0, len(self.channels)))])

    def labels(self) -> F64:
        """All labels below each other, n; NaN where none is known."""
        parts = [np.full(len(s.t_ns), np.nan) if s.label is None else s.label for s in self.stretches]
        return np.concatenate(parts or [np.zeros(0)])

    def weights(self) -> F64:
        """All weights below each other, n; 1 where none is said."""
        parts = [np.ones(len(s.t_ns)) if s.weight is None else s.weight for s in self.stretches]
        return np.concatenate(parts or [np.zeros(0)])
