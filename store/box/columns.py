"""Turning frames, scores and contributions into Arrow columns; knows nothing of a database."""

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from store.box.sets import Place
from wire.messages import NEAR_LIMIT, Frame, Scores


class Block(msgspec.Struct, frozen=True):
    """Rows for one table, and how many rows and how many values that are there each edge has among them."""

    width: int
    table: pa.Table
    counts: Mapping[str, tuple[int, int]]


class ScoreBlock(msgspec.Struct, frozen=True):
    """Scores of one commit without the NaN ones, and the contributions of those near the limit."""

    scores: pa.Table
    contributions: pa.Table


def readings(frames: Sequence[tuple[Place, Frame]]) -> list[Block]:
    """The rows of all frames, a block for each width; NaN becomes NULL."""
    by_width: dict[int, list[tuple[Place, Frame]]] = {}
    for place, frame in frames:
        by_width.setdefault(place.kept_as.width, []).append((place, frame))
    return [_block(width, some) for width, some in by_width.items()]


def _block(width: int, frames: Sequence[tuple[Place, Frame]]) -> Block:
    rows = sum(frame.rows for _, frame in frames)
    values = np.full((width, rows), np.nan)
    sets = np.empty(rows, np.int32)
    at = 0
    for place, frame in frames:
        end = at + frame.rows
        part = np.frombuffer(frame.values, "<" + frame.dtype).reshape(frame.rows, len(frame.channels)).T
        if place.columns is None:
            values[: len(part), at:end] = part
        else:
            values[list(place.columns), at:end] = part
        sets[at:end] = place.kept_as.id
        at = end
    t_ns = np.frombuffer(b"".join(frame.t_ns for _, frame in frames), "<i8")
    missing = np.isnan(values)
    columns = [_column(values[i], missing[i]) for i in range(width)]
    table = pa.table([pa.array(sets), pa.array(t_ns), *columns], names=["set_id", "t_ns", *_names(width)])
    return Block(width, table, _counts(frames, (width - missing.sum(axis=0)).astype(np.int64)))


def _counts(frames: Sequence[tuple[Place, Frame]], present: npt.NDArray[np.int64]) -> dict[str, tuple[int, int]]:
    starts = np.cumsum([0, *(frame.rows for _, frame in frames[:-1])])
    counts: dict[str, tuple[int, int]] = {}
    for (place, frame), values in zip(frames, np.add.reduceat(present, starts).tolist(), strict=True):
        rows_before, values_before = counts.get(place.kept_as.edge, (0, 0))
        counts[place.kept_as.edge] = (rows_before + frame.rows, values_before + values)
    return counts


def _column(values: npt.NDArray[np.float64], missing: npt.NDArray[np.bool_]) -> pa.Array:
    return pa.array(values, mask=missing if missing.any() else None)


def _names(width: int) -> list[str]:
    return [f"v{i}" for i in range(width)]


def scores(parts: Sequence[tuple[int, Scores]]) -> ScoreBlock:
    """The scores of all devices in one table each; `parts` pairs the scorer's number with what it said."""
    said = [(scorer, np.frombuffer(s.score, "<f4"), np.frombuffer(s.t_ns, "<i8"), s) for scorer, s in parts]
    numbers = np.concatenate([np.full(len(score), scorer, np.int32) for scorer, score, _, _ in said])
    score = np.concatenate([score for _, score, _, _ in said])
    t_ns = np.concatenate([t for _, _, t, _ in said])
    known = ~np.isnan(score)
    table = pa.table({"scorer": numbers[known], "t_ns": t_ns[known], "score": score[known]})
    return ScoreBlock(table, _contributions(said))


def _contributions(
    said: Sequence[tuple[int, npt.NDArray[np.float32], npt.NDArray[np.int64], Scores]],
) -> pa.Table:
    numbers: list[npt.NDArray[np.int32]] = []
    times: list[npt.NDArray[np.int64]] = []
    lists: list[pa.Array] = []
    for scorer, score, t_ns, s in said:
        near = score >= NEAR_LIMIT
        count = int(near.sum()) if s.contributions else 0
        if count:
            channels = len(s.channels)
            parts = np.frombuffer(s.contributions, "<f4").reshape(len(score), channels)[near]
            offsets = np.arange(0, parts.size + 1, channels, dtype=np.int32)
            numbers.append(np.full(count, scorer, np.int32))
            times.append(t_ns[near])
            lists.append(pa.ListArray.from_arrays(pa.array(offsets), pa.array(parts.reshape(-1))))
    schema = pa.schema([("scorer", pa.int32()), ("t_ns", pa.int64()), ("parts", pa.list_(pa.float32()))])
    if not lists:
        return schema.empty_table()
    return pa.table([np.concatenate(numbers), np.concatenate(times), pa.chunked_array(lists)], schema=schema)


class Newest(msgspec.Struct, frozen=True):
    """The newest score of a device in one commit, and how many there are."""

    count: int
    t_ns: int
    score: float


def newest(said: Scores) -> Newest | None:
    """The newest score that is one; None while the model learns."""
    score = np.frombuffer(said.score, "<f4")
    known = np.flatnonzero(~np.isnan(score))
    if not len(known):
        return None
    t_ns = np.frombuffer(said.t_ns, "<i8")[known]
    at = int(t_ns.argmax())
    return Newest(len(known), int(t_ns[at]), float(score[known[at]]))
