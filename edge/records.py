"""The records of a log as rows of its file: writing, reading, and which give way when it is full."""

import sqlite3
from collections.abc import Iterator
from enum import IntEnum

import msgspec

from edge.lane import Lane
from edge.losses import Losses
from wire.config import HOUR_NS, WhenFull
from wire.messages import Gap
from wire.ports import Entry

# How SQLite lays a row out (its file format, section 1.6): a row beyond MOST_LOCAL continues on pages of its own.
PAGE = 4096
OVERFLOW = PAGE - 4
MOST_LOCAL = PAGE - 35
LEAST_LOCAL = (PAGE - 12) * 32 // 255 - 23
COLUMNS = 30  # bytes of a row beside its body
CELL = 6

READ_BYTES = 32 * 1024 * 1024  # one read hands out no more than this, though at least one record
STEP = 100  # a full log gives way in steps of a hundredth, so that not every batch carries a gap


class Kind(IntEnum):
    """Who wrote a record."""

    BATCH = 0
    PERSON = 1  # actions, verdicts and the like: these never give way


class Record(msgspec.Struct, frozen=True):
    """One record and what it takes on disk."""

    pos: int
    clock_ns: int
    rows: int
    cost: int
    body: bytes


def cost(body: bytes) -> int:
    """Bytes that a record takes on disk: what lies on its leaf, where few share a page, and pages of its own."""
    payload = len(body) + COLUMNS
    local = payload
    if payload > MOST_LOCAL:
        local = LEAST_LOCAL + (payload - LEAST_LOCAL) % OVERFLOW
        local = local if local <= MOST_LOCAL else LEAST_LOCAL
    pages = -(-(payload - local) // OVERFLOW)
    neighbours = max(1, PAGE // (local + CELL))
    return pages * PAGE + PAGE // neighbours


def insert(db: sqlite3.Connection, kind: Kind, *, clock_ns: int, rows: int, body: bytes) -> int:
    """Write a record behind all others and return its position, which is never given again."""
    cursor = db.execute(
        "INSERT INTO record (kind, clock_ns, rows, bytes, body) VALUES (?, ?, ?, ?, ?)",
        (kind, clock_ns, rows, cost(body), body),
    )
    assert cursor.lastrowid is not None
    return cursor.lastrowid


def entries(db: sqlite3.Connection, after: int, *, limit: int) -> list[Entry]:
    """Records past `after`, oldest first, at most `limit` and READ_BYTES of them."""
    found: list[Entry] = []
    size = 0
    for pos, body in db.execute("SELECT pos, body FROM record WHERE pos > ? ORDER BY pos LIMIT ?", (after, limit)):
        size += len(body)
        if found and size > READ_BYTES:
            break
        found.append(Entry(pos, body))
    return found


def delete(db: sqlite3.Connection, *, up_to: int) -> tuple[int, int, int]:
    """Delete records; how many rows and bytes they were, and how many bytes of these were a person's."""
    query = "SELECT kind, sum(rows), sum(bytes) FROM record WHERE pos <= ? GROUP BY kind"
    sums = {kind: (rows, size) for kind, rows, size in db.execute(query, (up_to,))}
    if sums:
        db.execute("DELETE FROM record WHERE pos <= ?", (up_to,))
    rows, size = (sum(column) for column in zip(*sums.values(), strict=True)) if sums else (0, 0)
    return rows, size, sums.get(Kind.PERSON, (0, 0))[1]


def appended(db: sqlite3.Connection) -> int:
    """Bytes of what people wrote and waits."""
    size: int = db.execute("SELECT coalesce(sum(bytes), 0) FROM record WHERE kind = ?", (Kind.PERSON,)).fetchone()[0]
    return size


class Bounds(msgspec.Struct, frozen=True):
    """How much a log may hold, and what gives way when it is more."""

    size: int
    age_ns: int
    when_full: WhenFull

    def make_room(
        self, db: sqlite3.Connection, lane: Lane, *, need: int, clock_ns: int, after: int
    ) -> tuple[Lane, tuple[Gap, ...]]:
        """Let the oldest batches past position `after` give way: the lane without them, and what was lost."""
        if self.when_full is not WhenFull.OLDEST:
            return lane, ()
        losses = Losses()
        goal = self.size - need
        for record in _oldest(db, after):
            if lane.bytes > goal:
                reason, goal = "outbox full", self.size - need - self.size // STEP
            elif record.clock_ns < clock_ns - self.age_ns:
                reason = f"older than {self.age_ns / HOUR_NS:g} h"
            else:
                break
            losses.add_record(record.body, rows=record.rows, clock_ns=record.clock_ns, reason=reason)
            db.execute("DELETE FROM record WHERE pos = ?", (record.pos,))
            lane = msgspec.structs.replace(
                lane,
                bytes=lane.bytes - record.cost,
                waiting=lane.waiting - record.rows,
                given_up=lane.given_up + record.rows,
            )
        return lane, losses.take()


def _oldest(db: sqlite3.Connection, after: int) -> Iterator[Record]:
    query = """SELECT pos, clock_ns, rows, bytes, body FROM record
               WHERE pos > ? AND kind = ? ORDER BY pos LIMIT 1"""
    while row := db.execute(query, (after, Kind.BATCH)).fetchone():
        yield Record(*row)
        after = row[0]
