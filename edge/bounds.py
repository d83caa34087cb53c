"""How much a log may hold, and what gives way when it is more."""

import sqlite3
from collections.abc import Sequence

import msgspec

from edge import records
from edge.hands import Stretch
from edge.lane import Lane
from edge.losses import Losses
from edge.thinning import Thinning
from wire.config import HOUR_NS, WhenFull
from wire.messages import Gap

STEP = 100  # a full log gives way in steps of a hundredth, so that not every batch carries a gap


class Bounds:
    """Keeps a log within so many bytes and so much age, by its policy."""

    def __init__(self, size: int, age_ns: int, when_full: WhenFull) -> None:
        self.size = size
        self.when_full = when_full
        self._age_ns = age_ns
        self._thinning = Thinning()

    def make_room(
        self, db: sqlite3.Connection, lane: Lane, *, need: int, clock_ns: int, free: Sequence[Stretch]
    ) -> tuple[Lane, tuple[Gap, ...]]:
        """Let the oldest batches that are in nobody's hands give way: the lane without them, and what was lost."""
        if self.when_full is WhenFull.REFUSE:
            return lane, ()
        losses = Losses()
        enough = self.size - need
        if self.when_full is WhenFull.THIN and lane.bytes > enough:
            lane = self._thinning.thin(db, lane, goal=enough - self.size // STEP, free=free, losses=losses)
        goal = enough
        for record in records.oldest(db, free):
            if lane.bytes > goal:
                reason, goal = "outbox full", enough - self.size // STEP
            elif record.clock_ns < clock_ns - self._age_ns:
                reason = f"older than {self._age_ns / HOUR_NS:g} h"
            else:
                break
            losses.add_record(record.body, rows=record.rows, clock_ns=record.clock_ns, reason=reason)
            records.delete(db, (record.pos - 1, record.pos))
            lane = msgspec.structs.replace(
                lane,
                bytes=lane.bytes - record.cost,
                waiting=lane.waiting - record.rows,
                given_up=lane.given_up + record.rows,
            )
        return lane, losses.take()
