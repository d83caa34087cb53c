"""Halving the resolution of the oldest rows of a full log, so that none of its time goes whole."""

import sqlite3
from collections.abc import Iterator, Sequence

import msgspec

from edge import records
from edge.hands import Stretch
from edge.lane import Lane
from edge.losses import Losses
from wire.envelope import pack, unpack_input
from wire.messages import Batch, Frame

REASON = "outbox full, thinned"


class Thinning:
    """Goes through a log from its oldest record to its newest and begins again there: each time round halves once."""

    def __init__(self) -> None:
        self._after = 0
        self._odd: dict[str, int] = {}  # rows of a device seen in this round, modulo 2

    def thin(self, db: sqlite3.Connection, lane: Lane, *, goal: int, free: Sequence[Stretch], losses: Losses) -> Lane:
        """The lane with at most `goal` bytes, or as near to that as one round through the free stretches brings it."""
        for record in self._round(db, free):
            if lane.bytes <= goal:
                break
            self._after = record.pos
            batch = unpack_input(record.body)
            if not isinstance(batch, Batch):
                continue
            kept, dropped = _halved(batch, self._odd)
            gone = sum(frame.rows for frame in dropped.frames)
            if not gone:
                continue
            losses.add_record(pack(dropped), rows=gone, clock_ns=record.clock_ns, reason=REASON)
            freed = record.cost - records.rewrite(db, record.pos, rows=record.rows - gone, body=pack(kept))
            lane = msgspec.structs.replace(
                lane, bytes=lane.bytes - freed, waiting=lane.waiting - gone, given_up=lane.given_up + gone
            )
        return lane

    def _round(self, db: sqlite3.Connection, free: Sequence[Stretch]) -> Iterator[records.Record]:
        begun = self._after
        yield from records.oldest(db, [(max(first, begun), last) for first, last in free if last > begun])
        self._odd.clear()
        yield from records.oldest(db, [(first, min(last, begun)) for first, last in free if first < begun])


def _halved(batch: Batch, odd: dict[str, int]) -> tuple[Batch, Batch]:
    """A batch with every other row of each device, and one with the rows that go; rows are counted on in `odd`."""
    kept, dropped = list[Frame](), list[Frame]()
    for frame in batch.frames:
        first = odd.get(frame.device, 0)
        odd[frame.device] = (first + frame.rows) % 2
        for part, begin in ((kept, first), (dropped, 1 - first)):
            rows = range(begin, frame.rows, 2)
            if rows:
                part.append(_picked(frame, rows))
    return (
        msgspec.structs.replace(batch, frames=tuple(kept)),
        msgspec.structs.replace(batch, frames=tuple(dropped), events=(), outbox=None),
    )


def _picked(frame: Frame, rows: range) -> Frame:
    width = len(frame.values) // frame.rows
    times = b"".join(frame.t_ns[8 * row : 8 * row + 8] for row in rows)
    values = b"".join(frame.values[width * row : width * (row + 1)] for row in rows)
    return msgspec.structs.replace(frame, t_ns=times, values=values)
