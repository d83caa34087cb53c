"""All features of a recipe side by side, run over the rows of many devices at once."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.contract import F64
from models.features.kind import Feature

LARGEST = 1e12  # of a normalised value: what lies beyond counts as this, for its square must not overflow
BLOCK = 32_768  # values worked on at once: so many stay in a processor's cache


@dataclass(frozen=True)
class Bank:
    """What is made of rows with c channels: `width` numbers a row; number j belongs to channel j % c.

    A device's memory is a flat vector: the count of its rows, then for each channel its last value and what each
    feature keeps.
    """

    features: tuple[Feature, ...]
    channels: int

    @property
    def width(self) -> int:
        """Numbers made of a row."""
        return self.channels * sum(feature.outputs for feature in self.features)

    @property
    def warm(self) -> int:
        """Rows until all features mean what they say."""
        return max(feature.warm for feature in self.features)

    @property
    def depth(self) -> int:
        """Numbers kept of a column."""
        return 2 + sum(feature.memory for feature in self.features)

    @property
    def memory(self) -> int:
        """Numbers kept of a device."""
        return self.depth * self.channels

    def cold(self) -> F64:
        """The memory of a device that has shown nothing."""
        return np.zeros(self.memory)

    def run(self, memories: Sequence[F64], rows: Sequence[F64]) -> list[tuple[F64, F64]]:
        """Features (k x width) and the memory after them, for the rows (k x c, NaN = missing) of each device."""
        out: list[tuple[F64, F64] | None] = [None] * len(rows)
        by_length: dict[int, list[int]] = {}
        for at, mine in enumerate(rows):
            by_length.setdefault(len(mine), []).append(at)
        for length, places in by_length.items():
            if not length:
                for at in places:
                    out[at] = np.zeros((0, self.width)), memories[at]
                continue
            made, after = self._stacked([memories[at] for at in places], [rows[at] for at in places])
            for turn, at in enumerate(places):
                out[at] = made[:, turn].reshape(length, self.width), after[turn]
        return [each for each in out if each is not None]

    def _stacked(self, memories: Sequence[F64], rows: Sequence[F64]) -> tuple[F64, F64]:
        """Features (k x devices x features x channels) and memories after them, of devices with equally many rows."""
        count, length = len(rows), len(rows[0])
        memory = np.stack(memories).reshape(count, self.depth, self.channels).swapaxes(0, 1).reshape(self.depth, -1)
        made = np.empty((length, count, self.width // self.channels, self.channels))
        step = max(1, BLOCK // (count * self.channels))
        for start in range(0, length, step):
            part = slice(start, start + step)
            x = np.concatenate([mine[part] for mine in rows], axis=1)
            outputs, memory = self._columns(memory, x)
            for turn, output in enumerate(outputs):
                made[part, :, turn] = output.reshape(-1, count, self.channels)
        after = memory.reshape(self.depth, count, self.channels).swapaxes(0, 1).reshape(count, -1)
        return made, after

    def _columns(self, memory: F64, x: F64) -> tuple[list[F64], F64]:
        """Outputs and memory of columns side by side; a column that is missing holds its last value."""
        count, last = memory[0].astype(np.int64), memory[1]
        age = count + np.arange(len(x))[:, None]
        missing = ~np.isfinite(x)
        x = np.clip(_held(x, np.where(count > 0, last, 0.0)), -LARGEST, LARGEST)
        made: list[F64] = []
        parts, at = [age[-1:] + 1.0, x[-1:]], 2
        new = count == 0
        for feature in self.features:
            mine = memory[at : at + feature.memory]
            if new.any():
                mine = np.where(new, feature.start(x[0]), mine)
            out, after = feature.run(mine, x, age)
            made += [np.where(missing, np.nan, each) for each in out] if feature.shows_gaps else out
            parts.append(after)
            at += feature.memory
        return made, np.concatenate(parts)


def _held(x: F64, last: F64) -> F64:
    """The last value where one is missing; `last` (w) before the first."""
    missing = ~np.isfinite(x)
    if not missing.any():
        return x
    source = np.where(missing, -1, np.arange(len(x))[:, None])
    np.maximum.accumulate(source, axis=0, out=source)
    held = np.take_along_axis(x, np.maximum(source, 0), axis=0)
    return np.where(source < 0, last, held)
