"""What the records of a cut hold: rows by device, events, and how many were none or came again; writes nothing."""

from collections.abc import Iterable
from math import isfinite

import msgspec
import numpy as np
import numpy.typing as npt

from store.archive.lanes import Lanes
from wire.envelope import Rejected, unpack_input
from wire.messages import (
    Action,
    Backtested,
    Batch,
    Event,
    Gap,
    Labelled,
    Measured,
    ModelChange,
    Tick,
    Verdict,
    Watched,
)
from wire.ports import Record

NEVER = 2**62  # past every time that a clock may carry
I64 = npt.NDArray[np.int64]
F64 = npt.NDArray[np.float64]
Done = Action | Verdict | ModelChange | Labelled | Watched | Backtested


class Rows(msgspec.Struct, frozen=True):
    """All rows of one device with one set of channels, in time order; NaN = missing."""

    edge: str
    device: str
    channels: tuple[str, ...]
    t_ns: I64
    values: F64  # n x c
    late: npt.NDArray[np.bool_]


class Said(msgspec.Struct, frozen=True):
    """An input beside the numbers: an event of an edge, or what a person did."""

    edge: str
    device: str
    kind: str
    t_ns: int
    late: bool
    offset: int
    place: int  # among the events of its record
    body: bytes  # JSON


class _Piece(msgspec.Struct, frozen=True):
    t_ns: bytes
    values: bytes
    dtype: str
    late: bool


class Contents:
    """What was found in the records of a cut, in their order."""

    def __init__(self) -> None:
        self.records = self.batches = self.resent = self.unreadable = self.ticks = self.rows = 0
        self.newest_at_ns = 0
        self.events: list[Said] = []
        self._pieces: dict[tuple[str, str, tuple[str, ...]], list[_Piece]] = {}

    @classmethod
    def of(cls, records: Iterable[Record], lanes: Lanes) -> "Contents":
        """Take in records in order; `lanes` knows what came before, and knows these batches too afterwards."""
        found = cls()
        for record in records:
            found.take(record, lanes)
        return found

    def take(self, record: Record, lanes: Lanes) -> None:
        """Take in one record."""
        self.records += 1
        self.newest_at_ns = max(self.newest_at_ns, record.at_ns)
        match unpack_input(record.body):
            case Batch() as batch if 0 <= batch.clock_ns < NEVER and batch.seq >= 1:
                self._batch(batch, record, lanes)
            case Tick():
                self.ticks += 1
            case Action() | Verdict() | ModelChange() | Labelled() | Watched() | Backtested() as item:
                self.events.append(_done(item, record))
            case Batch() | Rejected():
                self.unreadable += 1  # the stream worker buries it, with its reason

    def sets(self) -> list[Rows]:
        """The rows, by edge, device and channels."""
        return [_rows(key, pieces) for key, pieces in sorted(self._pieces.items(), key=lambda pair: pair[0])]

    def channels(self) -> dict[str, tuple[str, ...]]:
        """Every channel of each device in the order they came."""
        found: dict[str, dict[str, None]] = {}
        for _, device, channels in self._pieces:
            found.setdefault(device, {}).update(dict.fromkeys(channels))
        return {device: tuple(channels) for device, channels in found.items()}

    def _batch(self, batch: Batch, record: Record, lanes: Lanes) -> None:
        if not lanes.admit(batch.edge, batch.log, batch.seq, batch.clock_ns):
            self.resent += 1
            return
        self.batches += 1
        for frame in batch.frames:
            if frame.t_ns:
                piece = _Piece(frame.t_ns, frame.values, frame.dtype, batch.late)
                self._pieces.setdefault((batch.edge, frame.device, frame.channels), []).append(piece)
                self.rows += frame.rows
        for place, event in enumerate(batch.events):
            self.events.append(_happened(event, place, batch, record))


def _rows(key: tuple[str, str, tuple[str, ...]], pieces: list[_Piece]) -> Rows:
    edge, device, channels = key
    t_ns = np.frombuffer(b"".join(piece.t_ns for piece in pieces), "<i8")
    late = np.repeat([piece.late for piece in pieces], [len(piece.t_ns) // 8 for piece in pieces])
    values = _values(pieces).reshape(-1, len(channels))
    if np.any(t_ns[1:] < t_ns[:-1]):
        order = np.argsort(t_ns, kind="stable")
        t_ns, values, late = t_ns[order], values[order], late[order]
    return Rows(edge, device, channels, t_ns, values, late)


def _values(pieces: list[_Piece]) -> F64:
    with np.errstate(invalid="ignore"):  # a NaN of a float32 may be a signalling one
        dtypes = {piece.dtype for piece in pieces}
        if len(dtypes) == 1:
            joined = b"".join(piece.values for piece in pieces)
            return np.frombuffer(joined, "<" + dtypes.pop()).astype(np.float64, copy=False)
        return np.concatenate([np.frombuffer(piece.values, "<" + piece.dtype).astype(np.float64) for piece in pieces])


def _happened(event: Event, place: int, batch: Batch, record: Record) -> Said:
    t_ns = event.from_ns if isinstance(event, Gap) else getattr(event, "t_ns", 0)
    return Said(
        edge=batch.edge,
        device=getattr(event, "device", ""),
        kind=str(event.__struct_config__.tag),
        t_ns=t_ns or batch.clock_ns,
        late=batch.late,
        offset=record.offset,
        place=place,
        body=msgspec.json.encode(_writable(event)),
    )


def _writable(event: Event) -> Event:
    """An event as JSON can say it, which has no word for infinity: such a measurement becomes text."""
    if isinstance(event, Measured) and isinstance(event.value, float) and not isfinite(event.value):
        return msgspec.structs.replace(event, value=str(event.value))
    return event


def _done(item: Done, record: Record) -> Said:
    return Said(
        edge=getattr(item, "edge", ""),
        device=getattr(item, "device", ""),
        kind=str(item.__struct_config__.tag),
        t_ns=getattr(item, "at_ns", 0) or record.at_ns,
        late=False,
        offset=record.offset,
        place=0,
        body=msgspec.json.encode(item),
    )
