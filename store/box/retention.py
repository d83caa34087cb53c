"""What goes when: by age, and by room.

By age, in sensor time: readings older than `readings`, scores and contributions older than `scores`; alarms at rest,
runs with what was advised on them, labels, gaps and events older than `alarms`; of dead letters the newest
`DEAD_LETTERS` stay. Ages are cut in steps of a thousandth of the age, so that a frequent call does not nibble. What
goes by age is no loss: `retained_away` counts its rows, and no Gap is stored.

By room: while the disk is nearly full (see `store.room`), the oldest day of readings and scores goes, then the next,
but never the newest day before `now`, and nothing where all that the store holds would not make the room: then others
have filled the disk. What goes is a loss: each step stores a Gap a device ("retention: disk nearly full"), besides
being counted in `retained_away`, `gaps` and `gap_rows`.
"""

import logging

import duckdb
import msgspec

from store.box import recall
from store.box.benches import LIVE, SHADOW
from store.box.room import Room, used
from store.box.writing import Pen
from wire.config import DAY_NS, Retention
from wire.messages import AlarmState, Gap

DISK_REASON = "retention: disk nearly full"
DEAD_LETTERS = 10_000
_STEPS = 1000  # cuts come in steps of age / 1000
_log = logging.getLogger(__name__)


class Gone(msgspec.Struct, frozen=True):
    """Rows of a device that were deleted."""

    edge: str
    device: str
    rows: int
    first_ns: int
    last_ns: int


def retain(pen: Pen, retention: Retention, room: Room, now_ns: int) -> None:
    """Drop what may go by age, then what must go for room."""
    readings_ns = _cut(now_ns, retention.readings_ns)
    scores_ns = _cut(now_ns, retention.scores_ns)
    with pen.transaction():
        gone = _drop_readings(pen, readings_ns)
        _drop_scores(pen, scores_ns)
        _drop_words(pen.con, _cut(now_ns, retention.alarms_ns))
        _account(pen, gone, readings_ns)
    if gone:
        _fold(pen.con)
    while missing := room.missing(pen.con):
        oldest_ns = _oldest(pen)
        if missing >= used(pen.con) or oldest_ns is None or oldest_ns + DAY_NS > now_ns - DAY_NS:
            # Asked again every few seconds while the store refuses writes, which is told already.
            _log.debug("the disk is nearly full, and dropping readings older than a day would not make the room")
            return
        _drop_day(pen, oldest_ns + DAY_NS)


def _cut(now_ns: int, age_ns: int) -> int:
    step = max(age_ns // _STEPS, 1)
    return (now_ns - age_ns) // step * step


def _drop_day(pen: Pen, before_ns: int) -> None:
    with pen.transaction():
        gone = _drop_readings(pen, before_ns)
        _drop_scores(pen, before_ns)
        _account(pen, gone, before_ns)
        pen.put_gaps([(g.edge, Gap(g.device, g.first_ns, g.last_ns + 1, g.rows, DISK_REASON)) for g in gone])
        for g in gone:
            pen.ledger.count(g.edge, gaps=1, gap_rows=g.rows)
        pen.put_latest()
    _log.warning("disk nearly full: dropped %d rows of readings", sum(g.rows for g in gone))
    _fold(pen.con)


def _drop_readings(pen: Pen, before_ns: int) -> list[Gone]:
    gone: list[Gone] = []
    for width in recall.widths(pen.con):
        query = (
            f"SELECT edge, device, count(*), min(t_ns), max(t_ns) FROM readings_{width} "
            "JOIN sets ON set_id = id WHERE t_ns < ? GROUP BY edge, device ORDER BY ALL"
        )
        found = [Gone(*row) for row in pen.con.execute(query, [before_ns]).fetchall()]
        if found:
            pen.con.execute(f"DELETE FROM fresh_{width} WHERE t_ns < ?", [before_ns])
            pen.con.execute(f"DELETE FROM kept_{width} WHERE t_ns < ?", [before_ns])
        gone += found
    return gone


def _drop_scores(pen: Pen, before_ns: int) -> None:
    for table in ("fresh_scores", "kept_scores", "contributions"):
        pen.con.execute(f"DELETE FROM {table} WHERE t_ns < ?", [before_ns])


def _drop_words(con: duckdb.DuckDBPyConnection, before_ns: int) -> None:
    at_rest = "changed_ns < ? AND state = ?"
    con.execute(
        f"DELETE FROM alarm_changes WHERE id IN (SELECT id FROM alarms WHERE {at_rest})",
        [before_ns, AlarmState.NORMAL],
    )
    con.execute(f"DELETE FROM alarms WHERE {at_rest}", [before_ns, AlarmState.NORMAL])
    con.execute("DELETE FROM gaps WHERE to_ns < ?", [before_ns])
    con.execute("DELETE FROM runs WHERE changed_ns < ?", [before_ns])
    for place in (LIVE, SHADOW):
        con.execute(f"DELETE FROM {place} WHERE t_ns < ?", [before_ns])
    con.execute("DELETE FROM labels WHERE greatest(at_ns, to_ns) < ?", [before_ns])
    con.execute("DELETE FROM events WHERE clock_ns < ?", [before_ns])
    con.execute("DELETE FROM dead WHERE number <= (SELECT max(number) FROM dead) - ?", [DEAD_LETTERS])


def _account(pen: Pen, gone: list[Gone], before_ns: int) -> None:
    for g in gone:
        pen.ledger.count(g.edge, retained_away=g.rows)
        pen.ledger.note_retained(g.device, g.rows, before_ns)
    if gone:
        pen.put_latest()
        pen.recount()


def _oldest(pen: Pen) -> int | None:
    never = 2**63 - 1
    widths = recall.widths(pen.con)
    times = [recall.number(pen.con, f"SELECT coalesce(min(t_ns), {never}) FROM readings_{w}") for w in widths]
    oldest = min(times, default=never)
    return None if oldest == never else oldest


def _fold(con: duckdb.DuckDBPyConnection) -> None:
    try:
        con.execute("CHECKPOINT")
    except duckdb.TransactionException:
        # Somebody reads just now; the room is folded free at the next checkpoint.
        _log.info("checkpoint put off while readers are at work")
