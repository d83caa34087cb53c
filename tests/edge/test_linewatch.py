from edge.linewatch import SLACK_NS, LineWatch
from wire.messages import Gap, SourceState, SourceStatus

LINE = "serial-1"


def state(status: SourceStatus, source: str = LINE) -> SourceState:
    return SourceState(source, status)


def gap(from_ns: int, to_ns: int, reason: str = "line was lost") -> Gap:
    return Gap("*", from_ns, to_ns, -1, reason, LINE)


def test_the_first_connection_ever_is_no_gap() -> None:
    watch = LineWatch([LINE], known=[], down={}, last_ns=0)
    assert watch.follow(state(SourceStatus.RETRYING), 10**9) is None
    assert watch.follow(state(SourceStatus.CONNECTED), 2 * 10**9) is None


def test_a_lost_line_is_a_gap_from_its_last_row_to_its_return() -> None:
    watch = LineWatch([LINE], known=[], down={}, last_ns=0)
    watch.follow(state(SourceStatus.CONNECTED), 100)
    watch.hear(LINE, 200)
    watch.follow(state(SourceStatus.RETRYING), 300)
    watch.follow(state(SourceStatus.RETRYING), 400)
    assert watch.down == {LINE: 200}
    assert watch.follow(state(SourceStatus.CONNECTED), 500) == gap(200, 500)
    assert watch.down == {}
    assert watch.follow(state(SourceStatus.CONNECTED), 600) is None


def test_a_line_that_said_nothing_is_missed_since_it_was_connected() -> None:
    watch = LineWatch([LINE], known=[], down={}, last_ns=0)
    watch.follow(state(SourceStatus.CONNECTED), 100)
    watch.follow(state(SourceStatus.RETRYING), 300)
    assert watch.follow(state(SourceStatus.CONNECTED), 500) == gap(100, 500)


def test_a_restart_is_a_gap_from_just_before_the_last_commit() -> None:
    watch = LineWatch([LINE], known=[LINE], down={}, last_ns=10**9)
    watch.follow(state(SourceStatus.STARTING), 2 * 10**9)
    assert watch.follow(state(SourceStatus.CONNECTED), 3 * 10**9) == gap(
        10**9 - SLACK_NS, 3 * 10**9, "edge was not running"
    )


def test_a_line_that_was_down_when_the_edge_died_is_missed_since_then() -> None:
    watch = LineWatch([LINE], known=[LINE], down={LINE: 5}, last_ns=10**9)
    assert watch.down == {LINE: 5}
    found = watch.follow(state(SourceStatus.CONNECTED), 3 * 10**9)
    assert found == gap(5, 3 * 10**9, "edge was not running")


def test_a_gap_never_ends_before_it_begins_even_if_the_clock_was_set_back() -> None:
    watch = LineWatch([LINE], known=[LINE], down={}, last_ns=10**12)
    assert watch.follow(state(SourceStatus.CONNECTED), 10**9) == gap(10**9, 10**9, "edge was not running")


def test_a_source_whose_sender_keeps_what_was_not_acknowledged_has_no_gaps() -> None:
    watch = LineWatch([LINE], known=[LINE], down={}, last_ns=10**9)
    watch.hear("mqtt-1", 5)
    assert watch.follow(state(SourceStatus.RETRYING, "mqtt-1"), 6) is None
    assert watch.follow(state(SourceStatus.CONNECTED, "mqtt-1"), 7) is None


def test_a_line_that_was_added_while_the_edge_was_down_was_not_missed() -> None:
    watch = LineWatch([LINE, "new"], known=[LINE, "removed"], down={}, last_ns=10**9)
    assert watch.follow(state(SourceStatus.CONNECTED, "new"), 2 * 10**9) is None
    assert watch.known == ["new", LINE]
