import random
import threading
from array import array
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from edge.clock import BUILD_NS, HandClock, SystemClock
from edge.log import LocalLog
from edge.outbox import Outbox
from wire.config import Channel, Config, DeviceRule, EdgeSettings, WhenFull
from wire.envelope import unpack_input
from wire.messages import (
    NS_PER_S,
    Batch,
    Gap,
    Measured,
    OutboxState,
    Redelivered,
    Refused,
    SourceState,
    SourceStatus,
    StepEnded,
)
from wire.ports import Arrival, FullError, Receipt, Row

NOW = 1_790_000_000 * NS_PER_S
DEADLINE_S = 30


def row(value: float, device: str = "pump-1", claimed_ns: int | None = None) -> Row:
    return Row(device, ("n",), (value,), claimed_ns)


def batches(log: LocalLog) -> list[Batch]:
    found = []
    after = 0
    while entries := log.read(after, limit=1000, wait_s=0):
        for entry in entries:
            batch = unpack_input(entry.body)
            assert isinstance(batch, Batch)
            found.append(batch)
            after = entry.pos
    return found


def values(log: LocalLog) -> list[float]:
    codes = {"f8": "d", "f4": "f"}
    return [v for batch in batches(log) for f in batch.frames for v in array(codes[f.dtype], f.values)]


class Told:
    def __init__(self) -> None:
        self._changed = threading.Condition()
        self.count = 0

    def done(self) -> None:
        with self._changed:
            self.count += 1
            self._changed.notify_all()

    def reaches(self, count: int) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: self.count >= count, DEADLINE_S)


def fill(outbox: Outbox, arrival: Arrival) -> int:
    """Put until it is turned away; how often it was taken."""
    taken = 0
    while True:
        try:
            outbox.put(arrival)
        except FullError:
            return taken
        taken += 1


def has_batches(log: LocalLog, count: int) -> bool:
    return log.lane.batches >= count


def until(log: LocalLog, condition: Callable[[], bool]) -> None:
    after = 0
    while not condition():
        entries = log.read(after, limit=1000, wait_s=DEADLINE_S)
        assert entries, "nothing more was committed"
        after = entries[-1].pos


@pytest.fixture
def log(tmp_path: Path) -> Iterator[LocalLog]:
    with LocalLog(tmp_path / "log.sqlite", edge="e") as log:
        yield log


def test_what_is_put_is_on_disk_when_the_receipt_is_told(log: LocalLog) -> None:
    told = Told()
    on_disk: list[int] = []

    def done() -> None:
        on_disk.append(log.lane.rows)
        told.done()

    with Outbox(log, Config()) as outbox:
        outbox.put(Arrival("mqtt-1", [row(1.0), row(2.0)], receipt=Receipt(b"k", done)))
        assert told.reaches(1)
    assert on_disk == [2]
    assert values(log) == [1.0, 2.0]


def test_one_failing_receipt_stops_nothing(log: LocalLog, caplog: pytest.LogCaptureFixture) -> None:
    told = Told()

    def broken() -> None:
        raise BrokenPipeError

    with Outbox(log, Config()) as outbox:
        outbox.put(Arrival("mqtt-1", [row(1.0)], receipt=Receipt(b"1", broken)))
        outbox.put(Arrival("mqtt-1", [row(2.0)], receipt=Receipt(b"2", told.done)))
        assert told.reaches(1)
    assert "could not acknowledge" in caplog.text


def test_arrivals_from_many_threads_are_all_committed_each_source_in_its_order(log: LocalLog) -> None:
    with Outbox(log, Config(), bound_bytes=20_000) as outbox:

        def send(device: str) -> None:
            for i in range(500):
                outbox.put(Arrival(device, [row(float(i), device)]))

        threads = [threading.Thread(target=send, args=(f"d{n}",)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(DEADLINE_S)
    for n in range(4):
        frames = [f for batch in batches(log) for f in batch.frames if f.device == f"d{n}"]
        assert [v for f in frames for v in array("d", f.values)] == [float(i) for i in range(500)]
        times = [t for f in frames for t in array("q", f.t_ns)]
        assert times == sorted(set(times))


def test_an_idle_edge_still_cuts_a_heartbeat_every_two_seconds(log: LocalLog) -> None:
    clock = HandClock(NOW)
    with Outbox(log, Config(), clock=clock) as outbox:
        for beat in range(3):
            until(log, partial(has_batches, log, beat + 1))
            clock.pass_ns(2 * NS_PER_S)
            outbox._room.stick("")  # wakes the sleeper, whose clock was moved
    found = batches(log)
    assert all(batch.frames == () and batch.events == () for batch in found)
    assert [b.clock_ns for b in found[:3]] == [NOW, NOW + 2 * NS_PER_S, NOW + 4 * NS_PER_S]


def test_a_batch_says_every_ten_seconds_how_full_the_outbox_is(tmp_path: Path) -> None:
    clock = HandClock(NOW)
    with (
        LocalLog(tmp_path / "log.sqlite", edge="e", clock=clock) as log,
        Outbox(log, Config(), clock=clock) as outbox,
    ):
        outbox.put(Arrival("s", [row(1.0), row(2.0)]))
        for beat in range(7):
            clock.pass_ns(2 * NS_PER_S)
            outbox._room.stick("")  # wakes the sleeper, whose clock was moved
            until(log, partial(has_batches, log, beat + 1))
        found = batches(log)
        size = log.lane.bytes
    told = {batch.clock_ns: batch.outbox for batch in found if batch.outbox is not None}
    assert len(told) == 2
    assert max(told) - min(told) == 10 * NS_PER_S
    assert found[0].outbox == OutboxState(backlog=0, bytes=0, rows=0)
    later = told[max(told)]
    assert later is not None
    assert (later.rows, later.backlog) == (2, sum(batch.clock_ns < max(told) for batch in found))
    assert 0 < later.bytes < size
    assert later.hours_left is not None
    assert later.hours_left > 0


def test_a_redelivery_is_acknowledged_and_counted_but_not_stored_again(tmp_path: Path) -> None:
    told = Told()
    path = tmp_path / "log.sqlite"
    with LocalLog(path, edge="e") as log, Outbox(log, Config()) as outbox:
        outbox.put(Arrival("mqtt-1", [row(1.0)], receipt=Receipt(b"k", told.done)))
        assert told.reaches(1)
        outbox.put(Arrival("mqtt-1", [row(1.0)], receipt=Receipt(b"k", told.done, again=True)))
        assert told.reaches(2)
    with LocalLog(path, edge="e") as log:
        with Outbox(log, Config()) as outbox:
            outbox.put(Arrival("mqtt-1", [row(1.0)], receipt=Receipt(b"k", told.done, again=True)))
            outbox.put(Arrival("mqtt-2", [row(2.0)], receipt=Receipt(b"k", told.done, again=True)))
            outbox.put(Arrival("mqtt-1", [row(3.0)], receipt=Receipt(b"k", told.done)))
            assert told.reaches(5)
        assert values(log) == [1.0, 2.0, 3.0]
        assert [e for b in batches(log) for e in b.events] == [Redelivered("mqtt-1", 1)] * 2
        assert log.lane.redelivered == 2


def test_a_redelivery_beside_its_waiting_first_copy_is_stored_once(log: LocalLog) -> None:
    clock = HandClock(0)  # the clock is not set, so both wait together
    told = Told()
    with Outbox(log, Config(), clock=clock) as outbox:
        outbox.put(Arrival("mqtt-1", [row(1.0)], receipt=Receipt(b"k", told.done)))
        outbox.put(Arrival("mqtt-1", [row(1.0)], receipt=Receipt(b"k", told.done, again=True)))
        clock.step_to(NOW)
        assert told.reaches(2)
    assert values(log) == [1.0]


def test_rows_wait_for_the_clock_to_be_set_and_then_carry_when_they_came(log: LocalLog) -> None:
    clock = HandClock(1000, monotonic_ns=50)
    told = Told()
    with Outbox(log, Config(), clock=clock) as outbox:
        outbox.put(Arrival("serial-1", [row(1.0)]))
        clock.pass_ns(7 * NS_PER_S)
        outbox.put(Arrival("mqtt-1", [row(2.0)], receipt=Receipt(b"k", told.done)))
        assert told.count == 0
        assert log.lane.seq == 0
        clock.step_to(NOW)
        assert told.reaches(1)
    times = [t for b in batches(log) for f in b.frames for t in array("q", f.t_ns)]
    assert times == [NOW - 7 * NS_PER_S, NOW]
    assert all(b.clock_ns >= BUILD_NS for b in batches(log))


def test_while_the_clock_is_unset_memory_is_bounded_and_what_gives_way_is_a_counted_gap(log: LocalLog) -> None:
    clock = HandClock(0)
    with Outbox(log, Config(), clock=clock, bound_bytes=20_000) as outbox:
        while outbox._room._stuck == "":
            threading.Event().wait(0.001)
        for i in range(100):
            outbox.put(Arrival("serial-1", [row(float(i))]))
            clock.pass_ns(NS_PER_S)
        assert outbox._room.size <= 20_000
        clock.step_to(NOW)
    kept = values(log)
    gaps = [e for b in batches(log) for e in b.events if isinstance(e, Gap)]
    assert kept == [float(i) for i in range(100 - len(kept), 100)]
    assert sum(gap.rows for gap in gaps) == 100 - len(kept) > 0
    assert gaps[0].from_ns == NOW - 100 * NS_PER_S
    assert gaps[-1].to_ns == NOW - (len(kept) + 1) * NS_PER_S
    assert {gap.reason for gap in gaps} == {"clock not set"}


def test_a_full_disk_acknowledges_nothing_and_recovers_by_itself(log: LocalLog) -> None:
    told = Told()
    db = log._connection()
    with Outbox(log, Config(), rng=random.Random(1)) as outbox:
        until(log, partial(has_batches, log, 1))
        with log._news:
            db.execute(f"PRAGMA max_page_count = {db.execute('PRAGMA page_count').fetchone()[0] + 1}")
        rows = [Row("d", tuple(f"c{i}" for i in range(8)), (1.0,) * 8) for _ in range(2000)]
        outbox.put(Arrival("mqtt-1", rows, receipt=Receipt(b"k", told.done)))
        while not log.status().trouble:
            threading.Event().wait(0.001)
        assert told.count == 0
        assert log.lane.rows == 0
        with log._news:
            db.execute("PRAGMA max_page_count = 1000000")
        assert told.reaches(1)
    assert log.lane.rows == 2000
    assert log.status().trouble == ""


def test_while_the_disk_is_full_what_will_come_again_is_turned_away(log: LocalLog) -> None:
    db = log._connection()
    told = Told()
    with Outbox(log, Config(), rng=random.Random(1), bound_bytes=100_000) as outbox:
        until(log, partial(has_batches, log, 1))
        with log._news:
            db.execute(f"PRAGMA max_page_count = {db.execute('PRAGMA page_count').fetchone()[0] + 1}")
        rows = [row(float(i)) for i in range(500)]
        assert fill(outbox, Arrival("mqtt-1", rows, receipt=Receipt(b"k", told.done))) > 0
        assert told.count == 0
        with log._news:
            db.execute("PRAGMA max_page_count = 1000000")


def test_under_refuse_put_raises_and_nothing_committed_is_dropped(tmp_path: Path) -> None:
    settings = EdgeSettings(when_full=WhenFull.REFUSE, outbox_bytes=65536)
    config = Config(edge=settings)
    told = Told()
    with LocalLog.of(tmp_path / "log.sqlite", settings) as log:
        with Outbox(log, config) as outbox:
            sent = fill(outbox, Arrival("m", [row(1.0)] * 100, receipt=Receipt(b"k", told.done)))
        assert told.reaches(sent)
        assert log.lane.given_up == 0
        assert len(values(log)) == 100 * sent
        log.confirm(log.status().last_pos)
        with Outbox(log, config) as outbox:
            outbox.put(Arrival("m", [row(2.0)]))
        assert values(log) == [2.0]


def test_what_no_row_can_hold_is_refused_alone(log: LocalLog) -> None:
    told = Told()
    bad: list[Row] = [
        Row("d", ("a",), (1.0, 2.0)),
        Row("d", ("a", "a"), (1.0, 2.0)),
        Row("d", (), ()),
        Row("d\ud800", ("a",), (1.0,)),
        Row("d", ("a",), ("x",)),  # type: ignore[arg-type]
        Row("d", tuple(f"c{i}" for i in range(10_001)), (0.0,) * 10_001),
    ]
    with Outbox(log, Config()) as outbox:
        for n, one in enumerate(bad):
            outbox.put(Arrival("s", [one], receipt=Receipt(b"%d" % n, told.done)))
            outbox.put(Arrival("s", [row(float(n))]))
        outbox.put(Arrival("s", [row(9.0, claimed_ns=2**70)], own_times=True, receipt=Receipt(b"x", told.done)))
        assert told.reaches(len(bad) + 1)
    refused = [e for b in batches(log) for e in b.events]
    assert all(isinstance(e, Refused) and e.reason.startswith("no row can hold it") for e in refused)
    assert log.lane.refused == len(bad) + 1
    assert values(log) == [float(n) for n in range(len(bad))]


def test_sound_rows_of_one_read_are_kept_beside_those_that_no_row_can_hold(log: LocalLog) -> None:
    rows = [row(1.0), Row("d", ("a",), (1.0, 2.0)), row(2.0), Row("d", ("a",), ()), row(3.0)]
    with Outbox(log, Config()) as outbox:
        outbox.put(Arrival("s", rows, events=[Refused("s", "no number", b"x")]))
    assert values(log) == [1.0, 2.0, 3.0]
    assert log.lane.refused == 3


def test_noise_is_told_as_one_event_with_a_count_and_a_short_body(log: LocalLog) -> None:
    clock = HandClock(0)
    with Outbox(log, Config(), clock=clock) as outbox:
        for i in range(500):
            outbox.put(Arrival("serial-1", events=[Refused("serial-1", "no number", b"%05d" % i * 2000)]))
        clock.step_to(NOW)
    assert log.lane.refused == 500
    events = [e for b in batches(log) for e in b.events]
    assert isinstance(events[0], Refused)
    assert (events[0].body[:5], len(events[0].body), events[0].size) == (b"00000", 4096, 10_000)
    assert len(events) < 50


def test_channels_that_need_no_more_travel_as_single_precision(log: LocalLog) -> None:
    rule = DeviceRule(match="pump-*", channels={"n*": Channel(single=True)})
    with Outbox(log, Config(devices=(rule,))) as outbox:
        outbox.put(Arrival("s", [row(1.5), row(1.5, "other")]))
    frames = {f.device: f.dtype for b in batches(log) for f in b.frames}
    assert frames == {"pump-1": "f4", "other": "f8"}


def test_an_outage_of_a_line_is_a_gap_from_the_last_row_even_over_a_restart(tmp_path: Path) -> None:
    clock = HandClock(NOW)
    path = tmp_path / "log.sqlite"

    def state(status: SourceStatus) -> Arrival:
        return Arrival("serial-1", events=[SourceState("serial-1", status)])

    with LocalLog(path, edge="e", clock=clock) as log, Outbox(log, Config(), clock=clock, lines=["serial-1"]) as outbox:
        outbox.put(state(SourceStatus.CONNECTED))
        outbox.put(Arrival("serial-1", [row(1.0)]))
        clock.pass_ns(NS_PER_S)
        outbox.put(state(SourceStatus.RETRYING))
    clock.pass_ns(60 * NS_PER_S)
    with LocalLog(path, edge="e", clock=clock) as log:
        with Outbox(log, Config(), clock=clock, lines=["serial-1"]) as outbox:
            outbox.put(state(SourceStatus.CONNECTED))
        gaps = [e for b in batches(log) for e in b.events if isinstance(e, Gap)]
    assert gaps == [Gap("*", NOW, NOW + 61 * NS_PER_S, -1, "edge was not running", "serial-1")]


def test_a_damaged_log_is_told_to_who_runs_the_edge(log: LocalLog, caplog: pytest.LogCaptureFixture) -> None:
    reasons: list[str] = []
    told = threading.Event()

    def failed(reason: str) -> None:
        reasons.append(reason)
        told.set()

    with Outbox(log, Config(), clock=SystemClock(), failed=failed) as outbox:
        until(log, partial(has_batches, log, 1))
        with log._news:
            log._connection().execute("DROP TABLE lane")
        outbox.put(Arrival("s", [row(1.0)]))
        assert told.wait(DEADLINE_S)
        with pytest.raises(FullError):
            outbox.put(Arrival("s", [row(1.0)]))
    assert "no such table: lane" in reasons[0]
    assert "cannot go on" in caplog.text


def test_a_step_that_ended_is_pressing_once_it_is_on_disk_and_a_reading_is_not(log: LocalLog) -> None:
    told, pressed = Told(), list[int]()
    with Outbox(log, Config(), pressing=lambda: pressed.append(len(batches(log)))) as outbox:
        outbox.put(Arrival("mqtt-1", rows=[row(1.0)], receipt=Receipt(b"1", told.done)))
        assert told.reaches(1)
        assert pressed == []
        events = (Measured("r1", "S1", "torque", 3.0), StepEnded("r1", "S1"))
        outbox.put(Arrival("http", events=events, receipt=Receipt(b"2", told.done)))
        assert told.reaches(2)
    assert len(pressed) == 1
    assert pressed[0] >= 2
