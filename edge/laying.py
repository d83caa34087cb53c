"""Laying a group down in the file of a log: its batches get their numbers, and older ones give way if they must."""

import sqlite3
from collections.abc import Sequence

import msgspec

from edge import memory, records
from edge.bounds import Bounds
from edge.hands import Stretch
from edge.lane import Group, Lane
from edge.records import Kind
from wire.envelope import pack


def write(
    db: sqlite3.Connection, before: Lane, group: Group, *, bounds: Bounds, free: Sequence[Stretch]
) -> tuple[Lane, list[int], int]:
    """Write a group inside a transaction: the lane with it, the positions of its batches, the bytes that it took."""
    need = sum(records.cost(pack(before.next(draft, clock_ns=group.clock_ns))) for draft in group.drafts)
    clock_ns = max(group.clock_ns, before.clock_ns)
    lane, gaps = bounds.make_room(db, before, need=need, clock_ns=clock_ns, free=free)
    positions = []
    for place, given in enumerate(group.drafts):
        draft = given
        if gaps and place == 0:
            draft = msgspec.structs.replace(given, events=gaps + given.events)
        batch = lane.next(draft, clock_ns=group.clock_ns)
        body = pack(batch)
        lane = lane.after(batch, cost=records.cost(body))
        rows = sum(frame.rows for frame in draft.frames)
        positions.append(records.insert(db, Kind.BATCH, clock_ns=batch.clock_ns, rows=rows, body=body))
    lane = msgspec.structs.replace(
        lane, moved=lane.moved + group.moved, utc_ns=group.utc_ns, lines=group.lines, down=group.down
    )
    memory.save(db, lane)
    memory.remember(db, group)
    return lane, positions, need
