"""What a log remembers beside its records, as rows of its file: its lane, positions and deliveries."""

import sqlite3
from collections.abc import Callable

import msgspec

from edge.lane import Delivered, Group, Lane
from edge.logfile import transaction

NS_PER_MS = 1_000_000
_keys = msgspec.msgpack.Decoder(tuple[bytes, ...])


def lane(db: sqlite3.Connection) -> Lane | None:
    """The lane as the last commit left it; None in a new file."""
    found = db.execute("SELECT body FROM lane").fetchone()
    return msgspec.json.decode(found[0], type=Lane) if found else None


def take_up(db: sqlite3.Connection, *, edge: str, new_log: Callable[[], str], now_ns: int) -> Lane:
    """The lane of an edge as it was left, or a new one in a new file and under a new name."""
    left = lane(db)
    if left is not None and left.edge == edge:
        return left
    with transaction(db):
        if left is None:
            left = Lane(edge="", log="")
            begin_positions(db, now_ns)
        # (edge, log, seq) names a batch for ever, so a renamed edge begins a lane of its own.
        left = msgspec.structs.replace(left, edge=edge, log=new_log(), seq=0)
        save(db, left)
    return left


def save(db: sqlite3.Connection, lane: Lane) -> None:
    """Write the lane."""
    db.execute("INSERT OR REPLACE INTO lane VALUES (1, ?)", (msgspec.json.encode(lane).decode(),))


def begin_positions(db: sqlite3.Connection, now_ns: int) -> None:
    """Let the positions of a new file begin beyond those of one that was moved away: its reader remembers them."""
    db.execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('record', ?)", (now_ns // NS_PER_MS,))


def last_position(db: sqlite3.Connection) -> int:
    """The last position that was given."""
    position: int = db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'record'").fetchone()[0]
    return position


def remember(db: sqlite3.Connection, group: Group) -> None:
    """Write the deliveries of a group and forget those that are no longer needed."""
    db.executemany(
        "INSERT INTO delivery VALUES (?, ?, ?)",
        [(d.place, d.source, msgspec.msgpack.encode(d.keys)) for d in group.delivered],
    )
    db.executemany("DELETE FROM delivery WHERE place = ?", [(place,) for place in group.forgotten])


def deliveries(db: sqlite3.Connection) -> list[Delivered]:
    """The keys of committed deliveries, oldest first."""
    rows = db.execute("SELECT place, source, keys FROM delivery ORDER BY place")
    return [Delivered(place, source, _keys.decode(keys)) for place, source, keys in rows]
