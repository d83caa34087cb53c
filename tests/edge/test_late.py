"""After a long outage live data goes first and what waited follows as late; what was handed over keeps its place."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from edge.clock import HandClock
from edge.forwarder import READ, Forwarder
from edge.lane import Draft, Group
from edge.log import LocalLog
from tests.edge.sources.fakes import until
from tests.edge.test_log import NOW, batch_of, frame
from wire.config import HOUR_NS
from wire.envelope import unpack_input
from wire.messages import NS_PER_S, Batch
from wire.ports import Entry

TEN_MINUTES_NS = HOUR_NS // 6


class Bus:
    """A bus that takes everything and confirms it only while it is there."""

    def __init__(self) -> None:
        self.sent: list[Batch] = []
        self.there = False
        self._open: list[Callable[[str], None]] = []

    def publish(self, topic: str, key: bytes, body: bytes, done: Callable[[str], None], *, partition: int = -1) -> None:
        assert (topic, key, partition) == ("tocsin.inputs", b"edge-1", -1)
        batch = unpack_input(body)
        assert isinstance(batch, Batch)
        self.sent.append(batch)
        self._open.append(done)
        if self.there:
            self.come_back()

    def come_back(self) -> None:
        self.there = True
        done, self._open = self._open, []
        for one in done:
            one("")

    def flush(self, timeout_s: float) -> bool:
        return not self._open and timeout_s >= 0


@pytest.fixture
def clock() -> HandClock:
    return HandClock(NOW)


@pytest.fixture
def log(tmp_path: Path, clock: HandClock) -> Iterator[LocalLog]:
    with LocalLog(tmp_path / "log.sqlite", edge="edge-1", clock=clock) as opened:
        yield opened


def fill(log: LocalLog, clock: HandClock, count: int, *, every_s: float = 2.0) -> None:
    for _ in range(count):
        number = log.lane.batches
        log.commit(Group(clock_ns=clock.now_ns(), drafts=[Draft(frames=(frame(number * 10),))]))
        clock.pass_ns(int(every_s * NS_PER_S))


@contextmanager
def forwarding(log: LocalLog, bus: Bus) -> Iterator[None]:
    stop = threading.Event()
    forwarder = Forwarder(log, bus, key="edge-1", retry_s=0.01, live_first_after_ns=TEN_MINUTES_NS)
    thread = threading.Thread(target=forwarder.run, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(10)
        assert not thread.is_alive()


def test_a_short_outage_is_made_up_for_in_order(log: LocalLog, clock: HandClock) -> None:
    bus = Bus()
    with forwarding(log, bus):
        fill(log, clock, 250)  # 500 s
        bus.come_back()
        until(lambda: not log.lane.waiting, what="an empty outbox")
    assert [batch.seq for batch in bus.sent] == list(range(1, 251))
    assert not any(batch.late for batch in bus.sent)


def test_after_a_long_outage_live_data_goes_first_in_a_lane_of_its_own(log: LocalLog, clock: HandClock) -> None:
    bus = Bus()
    with forwarding(log, bus):
        fill(log, clock, 2000)  # more than an hour
        until(lambda: len(bus.sent) == READ, what="what is in the hands of the bus")
        bus.come_back()
        until(lambda: bool(log.lane.late), what="what waited to go late")
        fill(log, clock, 5)
        until(lambda: not log.lane.waiting, what="an empty outbox")
    handed = bus.sent[:READ]
    live = [batch for batch in bus.sent[READ:] if not batch.late]
    late = [batch for batch in bus.sent if batch.late]
    assert not any(batch.late for batch in handed)
    assert {batch.log for batch in late} == {handed[0].log}
    assert [batch.seq for batch in late] == list(range(READ + 1, 2001))  # the lane goes on where it was
    assert [batch.seq for batch in live] == [1, 2, 3, 4, 5]
    assert {batch.log for batch in live} != {handed[0].log}
    assert bus.sent.index(live[-1]) < bus.sent.index(late[-1])
    assert log.lane.late == ()


def test_what_goes_late_is_known_after_a_restart(tmp_path: Path, clock: HandClock) -> None:
    path = tmp_path / "log.sqlite"
    with LocalLog(path, edge="edge-1", clock=clock) as log:
        fill(log, clock, 1000)
        log.read(0, limit=10, wait_s=0)
        assert log.begin_late(TEN_MINUTES_NS)
        fill(log, clock, 3)
    with LocalLog(path, edge="edge-1", clock=clock) as log:
        live = log.read(0, limit=5000, wait_s=0)
        assert [batch_of(entry).seq for entry in live] == list(range(1, 11))
        live = log.read(live[-1].pos, limit=5000, wait_s=0)
        assert [batch_of(entry).seq for entry in live] == [1, 2, 3]
        late = log.read_late(0, limit=5000)
        assert [batch_of(entry).seq for entry in late] == list(range(11, 1001))


def test_what_goes_late_already_is_no_outage_of_its_own_after_a_restart(tmp_path: Path, clock: HandClock) -> None:
    path = tmp_path / "log.sqlite"
    with LocalLog(path, edge="edge-1", clock=clock) as log:
        fill(log, clock, 500)
        assert log.begin_late(TEN_MINUTES_NS)
    with LocalLog(path, edge="edge-1", clock=clock) as log:
        late = log.read_late(0, limit=10)
        log.confirm(late[-1].pos, after=0)
        fill(log, clock, 1)
        assert not log.begin_late(TEN_MINUTES_NS)
        assert [batch_of(entry).seq for entry in log.read(0, limit=10, wait_s=0)] == [1]


def test_late_records_in_a_readers_hands_give_way_to_nobody_after_a_restart(tmp_path: Path, clock: HandClock) -> None:
    path = tmp_path / "log.sqlite"
    with LocalLog(path, edge="edge-1", clock=clock, bytes_bound=64 * 1024) as log:
        fill(log, clock, 20, every_s=60.0)
        assert log.begin_late(TEN_MINUTES_NS)
    with LocalLog(path, edge="edge-1", clock=clock, bytes_bound=64 * 1024) as log:
        hands = log.read_late(0, limit=5)
        fill(log, clock, 1000)
        assert log.lane.given_up
        assert log.read_late(0, limit=5) == hands


def test_a_disk_that_refuses_writes_for_a_while_ends_no_forwarder_and_leaves_nothing_behind(
    log: LocalLog, clock: HandClock
) -> None:
    bus = Bus()
    fill(log, clock, 800)
    with forwarding(log, bus):
        until(lambda: len(bus.sent) == READ, what="what is in the hands of the bus")
        log._connection().execute("PRAGMA query_only = 1")
        bus.come_back()
        until(lambda: len(bus.sent) == 800, what="all that waited, in order")
        log._connection().execute("PRAGMA query_only = 0")
        fill(log, clock, 1)
        until(lambda: not log.lane.waiting, what="an empty outbox")
    assert [batch.seq for batch in bus.sent] == list(range(1, 802))


class World(RuleBasedStateMachine):
    """A log and its reader, who take their steps in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        self.clock = HandClock(NOW)
        self.log = LocalLog(Path(self.folder.name) / "log.sqlite", edge="e", clock=self.clock)
        self.written, self.done = list[int](), list[int]()
        self.open()

    def open(self) -> None:
        self.log.__enter__()
        self.live, self.late = list[Entry](), list[Entry]()
        self.live_pos = self.late_pos = 0

    @rule()
    def write(self) -> None:
        drafts = [Draft((frame(len(self.written) * 10),))] * 3
        self.written += self.log.commit(Group(clock_ns=self.clock.now_ns(), drafts=drafts))
        self.clock.pass_ns(60 * NS_PER_S)

    @rule(limit=st.integers(1, 4))
    def read(self, limit: int) -> None:
        found = self.log.read(self.live_pos, limit=limit, wait_s=0)
        self.live += found
        self.live_pos = found[-1].pos if found else self.live_pos

    @rule(limit=st.integers(1, 4))
    def read_late(self, limit: int) -> None:
        found = self.log.read_late(self.late_pos, limit=limit)
        self.late += found
        self.late_pos = found[-1].pos if found else self.late_pos

    @rule(live=st.integers(0, 4), late=st.integers(0, 4))
    def confirm(self, live: int, late: int) -> None:
        for queue, count in ((self.live, live), (self.late, late)):
            for entry in queue[:count]:
                self.log.confirm(entry.pos, after=entry.pos - 1)
                self.done.append(entry.pos)
            del queue[:count]

    @rule()
    def part(self) -> None:
        self.log.begin_late(120 * NS_PER_S)

    @rule()
    def restart(self) -> None:
        self.log.__exit__(None, None, None)
        self.open()

    @invariant()
    def account_adds_up(self) -> None:
        lane = self.log.lane
        assert lane.rows == lane.waiting + lane.confirmed + lane.given_up
        assert lane.waiting == 10 * (len(self.written) - len(self.done))

    def teardown(self) -> None:
        before = -1
        while before != len(self.live) + len(self.late):
            before = len(self.live) + len(self.late)
            self.read(50)
            self.read_late(50)
        assert sorted(self.done + [entry.pos for entry in self.live + self.late]) == self.written
        self.log.__exit__(None, None, None)
        self.folder.cleanup()


TestEachRecordIsHandedOutOnce = World.TestCase
TestEachRecordIsHandedOutOnce.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
