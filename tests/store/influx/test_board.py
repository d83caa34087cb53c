"""Which alarms stand, whatever came twice, out of turn or under another priority."""

import msgspec

from store.influx.board import REMEMBERED_NS, Board
from store.influx.lines import Lines
from wire.envelope import pack
from wire.messages import Alarm, AlarmState, Origin, Priority
from wire.ports import Record
from wire.topics import ALARMS

NOW = 1_780_000_000 * 10**9
LINES = Lines("hall")
FIRST = Alarm(
    id="a1",
    origin=Origin(edge="e", log="0" * 32, seq=1),
    edge="e",
    device="pump",
    rule="anomaly",
    version=1,
    state=AlarmState.UNACKNOWLEDGED,
    priority=Priority.HIGH,
    onset_ns=NOW,
    changed_ns=NOW,
    summary="It rings",
)
RETURNED = msgspec.structs.replace(FIRST, version=3, state=AlarmState.RETURNED)


def told(board: Board, *alarms: Alarm | None, at_ns: int = NOW) -> None:
    for alarm in alarms:
        body = b"" if alarm is None else pack(alarm)
        board.absorb(Record(ALARMS, 0, 0, b"e/pump/anomaly", body, at_ns), now_ns=NOW)


def active(board: Board, *, whole: bool = True) -> list[tuple[str, str]]:
    """Priority and state of each line."""
    lines = board.lines(LINES, at_ns=NOW, whole=whole).decode().splitlines()
    board.written()
    return [(line.split("priority=")[1].split(",")[0], line.split("active=")[1].split(",")[0]) for line in lines]


def test_an_alarm_is_written_again_as_long_as_it_stands_and_once_after() -> None:
    board = Board()
    told(board, FIRST)
    assert [active(board), active(board), active(board, whole=False)] == [[("high", "1.0")], [("high", "1.0")], []]
    told(board, RETURNED)
    assert [active(board, whole=False), active(board)] == [[("high", "0.0")], []]


def test_a_change_that_comes_again_does_not_undo_a_later_one() -> None:
    board = Board()
    later = msgspec.structs.replace(FIRST, version=2, state=AlarmState.ACKNOWLEDGED)
    told(board, FIRST, later, FIRST)
    assert b'state="acknowledged"' in board.lines(LINES, at_ns=NOW, whole=True)


def test_another_priority_ends_the_series_of_the_one_before() -> None:
    board = Board()
    told(board, FIRST, msgspec.structs.replace(FIRST, version=2, priority=Priority.CRITICAL))
    assert sorted(active(board)) == [("critical", "1.0"), ("high", "0.0")]


def test_what_returned_while_no_sink_ran_gets_its_nought_and_what_returned_long_ago_none() -> None:
    board = Board()
    told(board, RETURNED)
    assert active(board) == [("high", "0.0")]
    told(board, RETURNED, at_ns=NOW - REMEMBERED_NS)
    assert active(board) == []


def test_an_alarm_that_rings_anew_stands_and_one_whose_key_is_erased_does_not() -> None:
    board = Board()
    told(board, FIRST, RETURNED, msgspec.structs.replace(FIRST, id="a2"))
    assert active(board) == [("high", "1.0")]
    told(board, None)
    assert (len(board), active(board)) == (0, [("high", "0.0")])
