"""A bounded look at what a device showed and was scored in a stretch of time: short slices, evenly spread.

A store thins by minimum and maximum, which is no sample; slices of plain rows are one.
"""

from collections.abc import Sequence

import msgspec
import numpy as np

from models.arrays import F64, I64
from models.watching.reference import Seen
from store.port import Reader, Series
from tocsin.keeping.laying import laid
from wire.config import DeviceRule

SLICES = 24
ROWS = 60  # of a slice, about
MOST_ROWS = 5_000  # of a slice: a device that speaks faster than it did is seen shorter


class Glimpse(msgspec.Struct, frozen=True):
    """Rows and scores of all slices, below each other."""

    channels: tuple[str, ...]
    seen: Seen
    slices: int  # in which it ran


class Wanted(msgspec.Struct, frozen=True):
    """Of which device, how, and by which model it was scored."""

    device: str
    rule: DeviceRule
    model: str
    version: int
    threshold: float


def glimpse(reader: Reader, wanted: Wanted, *, start_ns: int, end_ns: int, every_ns: int) -> Glimpse:
    """What is to be seen of [start_ns, end_ns)."""
    step = max(1, (end_ns - start_ns) // SLICES)
    length = min(step, ROWS * max(every_ns, 1))
    names: dict[str, int] = {}
    parts: list[tuple[I64, F64]] = []
    scores: list[tuple[I64, F64]] = []
    ran = 0
    for begin in range(start_ns, end_ns - length + 1, step):
        found = reader.readings(wanted.device, start_ns=begin, end_ns=begin + length)
        t_ns, values = _matrix(found, names)
        t_ns, values = laid(t_ns, values, tuple(names), wanted.rule)
        parts.append((t_ns, values))
        ran += bool(len(t_ns))
        said = reader.scores(
            wanted.device, start_ns=begin, end_ns=begin + length, model=wanted.model, version=wanted.version
        )
        scores.append(_scores(said))
    score = np.concatenate([each for _, each in scores] or [np.zeros(0)])
    seen = Seen(
        t_ns=np.concatenate([t_ns for t_ns, _ in parts] or [np.zeros(0, dtype=np.int64)]),
        rows=_stacked([values for _, values in parts], len(names)),
        score=score,
        over=score >= wanted.threshold,
        score_ns=np.concatenate([t_ns for t_ns, _ in scores] or [np.zeros(0, dtype=np.int64)]),
    )
    return Glimpse(tuple(names), seen, max(1, ran))


def _matrix(found: Series, names: dict[str, int]) -> tuple[I64, F64]:
    """Rows over all channels that were ever seen; new ones are noted in `names`."""
    for name in found.columns:
        names.setdefault(name, len(names))
    t_ns = np.array(found.t_ns[:MOST_ROWS], dtype=np.int64)
    values = np.full((len(t_ns), len(names)), np.nan)
    for name, column in found.columns.items():
        values[:, names[name]] = np.array(column[:MOST_ROWS], dtype=np.float64)
    return t_ns, values


def _scores(found: Series) -> tuple[I64, F64]:
    score = np.array(found.columns.get("score", [])[:MOST_ROWS], dtype=np.float64)
    known = np.isfinite(score)
    return np.array(found.t_ns[:MOST_ROWS], dtype=np.int64)[known], score[known]


def _stacked(parts: Sequence[F64], channels: int) -> F64:
    whole = np.full((sum(len(part) for part in parts), channels), np.nan)
    at = 0
    for part in parts:
        whole[at : at + len(part), : part.shape[1]] = part
        at += len(part)
    return whole
