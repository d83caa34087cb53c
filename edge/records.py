"""The records of a log as rows of its file: writing, reading, rewriting, deleting."""

import sqlite3
from collections.abc import Iterable, Iterator
from enum import IntEnum

import msgspec

from edge.hands import Stretch
from wire.ports import Entry

# How SQLite lays a row out (its file format, section 1.6): a row beyond MOST_LOCAL continues on pages of its own.
PAGE = 4096
OVERFLOW = PAGE - 4
MOST_LOCAL = PAGE - 35
LEAST_LOCAL = (PAGE - 12) * 32 // 255 - 23
COLUMNS = 30  # bytes of a row beside its body
CELL = 6

READ_BYTES = 32 * 1024 * 1024  # one read hands out no more than this, though at least one record


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


def entries(db: sqlite3.Connection, where: Stretch, *, limit: int) -> list[Entry]:
    """The first records of a stretch, at most `limit` and READ_BYTES of them."""
    found: list[Entry] = []
    size = 0
    query = "SELECT pos, body FROM record WHERE pos > ? AND pos <= ? ORDER BY pos LIMIT ?"
    for pos, body in db.execute(query, (*where, limit)):
        size += len(body)
        if found and size > READ_BYTES:
            break
        found.append(Entry(pos, body))
    return found


def delete(db: sqlite3.Connection, where: Stretch) -> tuple[int, int, int]:
    """Delete a stretch; how many rows and bytes it was, and how many bytes of these were a person's."""
    query = "SELECT kind, sum(rows), sum(bytes) FROM record WHERE pos > ? AND pos <= ? GROUP BY kind"
    sums = {kind: (rows, size) for kind, rows, size in db.execute(query, where)}
    if sums:
        db.execute("DELETE FROM record WHERE pos > ? AND pos <= ?", where)
    rows, size = (sum(column) for column in zip(*sums.values(), strict=True)) if sums else (0, 0)
    return rows, size, sums.get(Kind.PERSON, (0, 0))[1]


def rewrite(db: sqlite3.Connection, pos: int, *, rows: int, body: bytes) -> int:
    """Put another body into a record that nobody has; what it takes on disk now."""
    size = cost(body)
    db.execute("UPDATE record SET rows = ?, bytes = ?, body = ? WHERE pos = ?", (rows, size, body, pos))
    return size


def first_clock_ns(db: sqlite3.Connection, where: Stretch) -> int | None:
    """When the oldest record of a stretch was written; None where there is none."""
    query = "SELECT clock_ns FROM record WHERE pos > ? AND pos <= ? ORDER BY pos LIMIT 1"
    found = db.execute(query, where).fetchone()
    return int(found[0]) if found else None


def oldest(db: sqlite3.Connection, free: Iterable[Stretch]) -> Iterator[Record]:
    """The batches of some stretches, oldest first; what is read may be deleted or rewritten meanwhile."""
    query = """SELECT pos, clock_ns, rows, bytes, body FROM record
               WHERE pos > ? AND pos <= ? AND kind = ? ORDER BY pos LIMIT 1"""
    for after, last in free:
        while row := db.execute(query, (after, last, Kind.BATCH)).fetchone():
            yield Record(*row)
            after = row[0]  # noqa: PLW2901 -- the stretch shrinks as it is read


def appended(db: sqlite3.Connection) -> int:
    """Bytes of what people wrote and waits."""
    size: int = db.execute("SELECT coalesce(sum(bytes), 0) FROM record WHERE kind = ?", (Kind.PERSON,)).fetchone()[0]
    return size
