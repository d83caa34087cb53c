import threading

import pytest

from edge.clock import HandClock
from edge.waiting import BUSY, BUSY_LINGER_NS, LINGER_NS, WINDOW_BYTES, WaitingRoom
from wire.messages import Gap, Refused, SourceState, SourceStatus
from wire.ports import Arrival, FullError, Receipt, Row

DEADLINE_S = 30
FAR_NS = 10**18
MANY = WINDOW_BYTES // 500


def arrival(value: float = 0.0, *, rows: int = 1, receipt: bool = False, source: str = "s") -> Arrival:
    told = Receipt(b"k", lambda: None) if receipt else None
    return Arrival(source, [Row("d", ("a",), (value,))] * rows, receipt=told)


def values(room: WaitingRoom) -> list[float]:
    room.close()
    taken, _ = room.take(until_ns=0)
    return [row.values[0] for waiting in taken for row in waiting.arrival.rows]


class Taker:
    """Takes one group in a thread of its own."""

    def __init__(self, room: WaitingRoom, until_ns: int = FAR_NS) -> None:
        self.taken = -1
        self._thread = threading.Thread(target=self._take, args=(room, until_ns), daemon=True)
        self._thread.start()

    def _take(self, room: WaitingRoom, until_ns: int) -> None:
        self.taken = len(room.take(until_ns=until_ns)[0])

    def is_done(self, within_s: float = DEADLINE_S) -> bool:
        self._thread.join(within_s)
        return not self._thread.is_alive()


def test_a_full_window_is_taken_at_once() -> None:
    room = WaitingRoom(clock=HandClock(0))
    taker = Taker(room)
    room.put(arrival(rows=MANY * 4))
    assert taker.is_done()
    assert taker.taken == 1


def test_a_sender_that_falls_idle_and_waits_for_receipts_is_served() -> None:
    room = WaitingRoom(clock=HandClock(0))
    room.put(arrival(receipt=True))
    taker = Taker(room)
    assert taker.is_done()
    assert taker.taken == 1


def test_others_are_gathered_until_they_lingered() -> None:
    clock = HandClock(0)
    room = WaitingRoom(clock=clock)
    room.put(arrival())
    taker = Taker(room)
    assert not taker.is_done(within_s=0.05)
    room.put(arrival())
    clock.pass_ns(LINGER_NS)
    assert taker.is_done()
    assert taker.taken == 2


def test_much_at_once_is_gathered_for_longer_though_it_waits_for_receipts() -> None:
    clock = HandClock(0)
    room = WaitingRoom(clock=clock)
    for _ in range(BUSY):
        room.put(arrival(receipt=True))
    taker = Taker(room)
    clock.pass_ns(LINGER_NS)
    assert not taker.is_done(within_s=0.1)
    room.put(arrival(receipt=True))
    clock.pass_ns(BUSY_LINGER_NS - LINGER_NS)
    assert taker.is_done()
    assert taker.taken == BUSY + 1


def test_nothing_comes_by_the_time_for_a_heartbeat() -> None:
    room = WaitingRoom(clock=HandClock(0, monotonic_ns=5))
    assert room.take(until_ns=5) == ([], 5)


def test_put_waits_for_a_committer_at_work() -> None:
    clock = HandClock(0)
    room = WaitingRoom(clock=clock, bound_bytes=2000)
    room.put(arrival(1.0))
    room.put(arrival(2.0))
    room.put(arrival(3.0))
    put = threading.Event()

    def late() -> None:
        room.put(arrival(4.0))
        put.set()

    threading.Thread(target=late, daemon=True).start()
    assert not put.wait(0.05)
    clock.pass_ns(LINGER_NS)
    assert len(room.take(until_ns=0)[0]) == 3
    assert put.wait(DEADLINE_S)
    assert values(room) == [4.0]


def test_with_a_stuck_committer_what_will_come_again_is_turned_away() -> None:
    room = WaitingRoom(clock=HandClock(0), bound_bytes=2000)
    room.stick("disk refused writes")
    for n in range(3):
        room.put(arrival(float(n), receipt=True))
    with pytest.raises(FullError):
        room.put(arrival(3.0, receipt=True))
    with pytest.raises(FullError):
        room.put(arrival(3.0))  # nothing here may give way for it
    assert values(room) == [0.0, 1.0, 2.0]


def test_with_a_stuck_committer_the_oldest_that_no_one_keeps_gives_way_and_is_counted() -> None:
    clock = HandClock(0, monotonic_ns=100)
    room = WaitingRoom(clock=clock, bound_bytes=3000)
    room.stick("disk refused writes")
    room.put(arrival(0.0, receipt=True))
    state = SourceState("s", SourceStatus.RETRYING)
    room.put(Arrival("s", [Row("d", ("a",), (1.0,))], events=[state, Refused("s", "r", b"")]))
    for n in range(2, 10):
        clock.pass_ns(1)
        room.put(arrival(float(n)))
    gaps = room.losses(offset_ns=1000)
    assert gaps[0] == Gap("d", 1100, 1100 + gaps[0].rows - 1, gaps[0].rows, "disk refused writes", "s")
    assert gaps[1] == Gap("*", 1100, 1100, 0, "disk refused writes: events", "s")
    assert room.losses(offset_ns=0) == ()
    room.close()
    taken, _ = room.take(until_ns=0)
    kept = [row.values[0] for waiting in taken for row in waiting.arrival.rows]
    assert kept == [0.0, *(float(n) for n in range(1 + gaps[0].rows, 10))]
    assert [event for waiting in taken for event in waiting.arrival.events] == [state]


def test_a_line_that_was_told_to_wait_leaves_a_gap() -> None:
    clock = HandClock(0, monotonic_ns=100)
    room = WaitingRoom(clock=clock)
    room.interrupt("s")
    clock.pass_ns(50)
    room.interrupt("s")
    room.put(arrival(source="other"))
    assert room.losses(offset_ns=0) == ()
    room.put(arrival())
    assert room.losses(offset_ns=0) == (Gap("*", 100, 150, -1, "outbox full, refused to read", "s"),)


def test_a_closed_room_takes_nothing_more_in() -> None:
    room = WaitingRoom(clock=HandClock(0))
    room.put(arrival(1.0))
    room.close()
    with pytest.raises(FullError):
        room.put(arrival(2.0))
    assert values(room) == [1.0]
