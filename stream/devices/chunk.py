"""The rows of one device in one batch as a matrix over all channels the device has ever shown."""

from collections.abc import Iterator, Sequence

import msgspec
import numpy as np

from models.contract import F64, I64
from stream.devices.plan import NEVER
from wire.messages import Frame

MAX_VALUES = 2_000_000  # of one chunk; frames of many channels with few values each are taken in several


class Chunk(msgspec.Struct, frozen=True):
    """n rows, in time order; NaN = missing."""

    t_ns: I64  # n
    values: F64  # n x c

    @property
    def rows(self) -> int:
        """Number of rows n."""
        return int(self.t_ns.size)


def union(known: tuple[str, ...], frames: Sequence[Frame], limit: int) -> tuple[tuple[str, ...], int]:
    """The known channels and the new ones in order of appearance, at most `limit`; and how many are left out."""
    if len(frames) == 1 and frames[0].channels == known:
        return known, 0
    names = dict.fromkeys(known)
    for frame in frames:
        names.update(dict.fromkeys(frame.channels))
    if len(names) == len(known):
        return known, 0
    return tuple(names)[:limit], max(0, len(names) - limit)


def chunks(frames: Sequence[Frame], channels: tuple[str, ...]) -> Iterator[Chunk]:
    """Lay frames over the device's channels; rows with times before 1970 or past 2116 are left out."""
    if len(frames) == 1 and frames[0].channels == channels:
        yield from _sane(Chunk(_times(frames[0]), _values(frames[0])))
        return
    column = {name: index for index, name in enumerate(channels)}
    group: list[Frame] = []
    rows = 0
    for frame in frames:
        if group and (rows + frame.rows) * len(channels) > MAX_VALUES:
            yield from _sane(_merged(group, rows, column))
            group, rows = [], 0
        group.append(frame)
        rows += frame.rows
    yield from _sane(_merged(group, rows, column))


def _merged(frames: Sequence[Frame], rows: int, column: dict[str, int]) -> Chunk:
    t_ns = np.empty(rows, dtype=np.int64)
    values = np.full((rows, len(column)), np.nan)
    start = 0
    for frame in frames:
        end = start + frame.rows
        t_ns[start:end] = _times(frame)
        kept = [(index, column[name]) for index, name in enumerate(frame.channels) if name in column]
        if kept:
            sources, targets = zip(*kept, strict=True)
            values[start:end, list(targets)] = _values(frame)[:, list(sources)]
        start = end
    if rows > 1 and (t_ns[1:] < t_ns[:-1]).any():
        order = np.argsort(t_ns, kind="stable")
        t_ns, values = t_ns[order], values[order]
    return Chunk(t_ns, values)


def _sane(chunk: Chunk) -> Iterator[Chunk]:
    t_ns = chunk.t_ns
    if t_ns.size and (t_ns[0] < 0 or t_ns[-1] >= NEVER):
        sane = (t_ns >= 0) & (t_ns < NEVER)
        chunk = Chunk(t_ns[sane], chunk.values[sane])
    if chunk.rows:
        yield chunk


def _times(frame: Frame) -> I64:
    return np.frombuffer(frame.t_ns, dtype="<i8")


def _values(frame: Frame) -> F64:
    flat = np.frombuffer(frame.values, dtype="<f8" if frame.dtype == "f8" else "<f4")
    return flat.reshape(frame.rows, len(frame.channels)).astype(np.float64, copy=False)
