"""Rows of one device as columns: merging partial rows, thinning by minimum and maximum; knows nothing of a database."""

from collections.abc import Iterable, Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from store.port import Series

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]


class Columns(msgspec.Struct, frozen=True):
    """n times and c columns of n values each; NaN = missing."""

    t_ns: I64
    values: F64  # c x n


def merged(parts: Sequence[Columns], columns: int) -> Columns:
    """Rows of all parts in time order, rows of one time as one row: what one part lacks another may have."""
    if not parts:
        return Columns(np.empty(0, np.int64), np.empty((columns, 0)))
    t_ns = np.concatenate([part.t_ns for part in parts])
    values = np.concatenate([part.values for part in parts], axis=1)
    if np.any(t_ns[1:] < t_ns[:-1]):
        order = np.argsort(t_ns, kind="stable")
        t_ns, values = t_ns[order], values[:, order]
    starts = np.flatnonzero(np.diff(t_ns, prepend=t_ns[:1] - 1))
    if len(starts) == len(t_ns):
        return Columns(t_ns, values)
    return Columns(t_ns[starts], np.fmax.reduceat(values, starts, axis=1))


def as_series(rows: Columns, names: Sequence[str]) -> Series:
    """Columns as the port gives them: lists, None for what is missing."""
    columns = {}
    for name, values in zip(names, rows.values, strict=True):
        cells = values.astype(object)
        cells[np.isnan(values)] = None
        columns[name] = cells.tolist()
    return Series(t_ns=rows.t_ns.tolist(), columns=columns)


class Extremes(msgspec.Struct, frozen=True):
    """What one channel set has in each bucket that it has rows in; the four lists have an array a channel."""

    bucket: I64
    first_ns: I64
    last_ns: I64
    columns: Sequence[int]  # where the channels stand in the whole
    low: Sequence[F64]
    low_ns: Sequence[F64]  # float64 ns from the first row on: exact for 104 days, then finer than any bucket
    high: Sequence[F64]
    high_ns: Sequence[F64]


def thinned(parts: Iterable[Extremes], buckets: int, columns: int) -> Columns:
    """Two rows a bucket, at its first and last time, with each channel's minimum and maximum in the order they came."""
    low = np.full((columns, buckets), np.nan)
    high = np.full((columns, buckets), np.nan)
    low_ns = np.zeros((columns, buckets))
    high_ns = np.zeros((columns, buckets))
    first = np.full(buckets, np.iinfo(np.int64).max)
    last = np.full(buckets, np.iinfo(np.int64).min)
    for part in parts:
        at = part.bucket
        first[at] = np.minimum(first[at], part.first_ns)
        last[at] = np.maximum(last[at], part.last_ns)
        for i, column in enumerate(part.columns):
            less = ~(low[column, at] <= part.low[i])
            low[column, at[less]], low_ns[column, at[less]] = part.low[i][less], part.low_ns[i][less]
            more = ~(high[column, at] >= part.high[i])
            high[column, at[more]], high_ns[column, at[more]] = part.high[i][more], part.high_ns[i][more]
    falling = high_ns < low_ns
    early, late = np.where(falling, high, low), np.where(falling, low, high)
    return _two_rows(first, last, early, late)


def _two_rows(first: I64, last: I64, early: F64, late: F64) -> Columns:
    t_ns = np.stack([first, last], axis=1).reshape(-1)
    values = np.stack([early, late], axis=2).reshape(len(early), -1)
    there = np.repeat(first <= last, 2)
    there[1::2] &= last > first  # a bucket with one time has one row
    return Columns(t_ns[there], values[:, there])
