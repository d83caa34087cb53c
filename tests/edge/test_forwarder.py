"""The forwarder: rows leave the outbox only after the bus has them, in order, whatever the bus does."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edge.forwarder import Forwarder
from edge.lane import Draft, Group
from edge.log import LocalLog
from tests.edge.sources.fakes import until
from tests.edge.test_log import frame
from wire.envelope import unpack_input
from wire.messages import Batch
from wire.ports import BusError


class Bus:
    """A bus in memory that can hold back its confirmations, or refuse."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.open: list[Callable[[str], None]] = []
        self.confirms = True
        self.fails = 0
        self.broken = 0

    def publish(self, topic: str, key: bytes, body: bytes, done: Callable[[str], None], *, partition: int = -1) -> None:
        assert (topic, key, partition) == ("tocsin.inputs", b"edge-1", -1)
        if self.broken:
            self.broken -= 1
            msg = "broken"
            raise BusError(msg)
        if self.fails:
            self.fails -= 1
            done("timed out")
            return
        self.sent.append(body)
        if self.confirms:
            done("")
        else:
            self.open.append(done)

    def flush(self, timeout_s: float) -> bool:
        return not self.open and timeout_s >= 0

    def seqs(self) -> list[int]:
        batches = [unpack_input(body) for body in self.sent]
        return [batch.seq for batch in batches if isinstance(batch, Batch)]


@pytest.fixture
def log(tmp_path: Path) -> Iterator[LocalLog]:
    with LocalLog(tmp_path / "log.sqlite", edge="edge-1") as opened:
        yield opened


def fill(log: LocalLog, count: int) -> None:
    for number in range(count):
        log.commit(Group(clock_ns=10**18 + number, drafts=[Draft(frames=(frame(number * 10),))]))


@contextmanager
def forwarding(log: LocalLog, bus: Bus) -> Iterator[Forwarder]:
    stop = threading.Event()
    forwarder = Forwarder(log, bus, key="edge-1", retry_s=0.01)
    thread = threading.Thread(target=forwarder.run, args=(stop,))
    thread.start()
    try:
        yield forwarder
    finally:
        stop.set()
        thread.join(10)
        assert not thread.is_alive()


def test_what_the_bus_has_leaves_the_outbox_in_order(log: LocalLog) -> None:
    bus = Bus()
    fill(log, 500)
    with forwarding(log, bus):
        until(lambda: not log.status().backlog, what="an empty outbox")
    assert bus.seqs() == list(range(1, 501))


def test_what_the_bus_has_not_confirmed_stays_in_the_outbox(log: LocalLog) -> None:
    bus = Bus()
    bus.confirms = False
    fill(log, 20)
    with forwarding(log, bus):
        until(lambda: len(bus.sent) == 20, what="20 sent")
        assert log.status().backlog == 20
        bus.open[3]("")  # not the first: nothing may go yet
        assert log.status().backlog == 20
        for done in [*bus.open[:3], *bus.open[4:]]:
            done("")
        until(lambda: not log.status().backlog, what="an empty outbox")


def test_a_refused_record_is_sent_again_and_nothing_overtakes_it_for_good(log: LocalLog) -> None:
    bus = Bus()
    bus.fails = 3
    fill(log, 10)
    with forwarding(log, bus):
        until(lambda: not log.status().backlog, what="an empty outbox")
    assert bus.seqs()[-10:] == list(range(1, 11))


def test_a_broken_bus_is_tried_again_and_says_why(log: LocalLog) -> None:
    bus = Bus()
    bus.broken = 5
    fill(log, 10)
    with forwarding(log, bus) as forwarder:
        until(lambda: not log.status().backlog, what="an empty outbox")
        assert forwarder.health.sent == 10
    assert sorted(set(bus.seqs())) == list(range(1, 11))


def test_what_was_sent_and_not_confirmed_is_sent_again_after_a_restart(log: LocalLog) -> None:
    silent, bus = Bus(), Bus()
    silent.confirms = False
    fill(log, 5)
    with forwarding(log, silent):
        until(lambda: len(silent.sent) == 5, what="5 sent")
    with forwarding(log, bus):
        until(lambda: not log.status().backlog, what="an empty outbox")
    assert bus.sent == silent.sent


class Keys(Bus):
    """A bus that remembers under which key each edge came."""

    def __init__(self) -> None:
        super().__init__()
        self.keys: list[tuple[bytes, str]] = []

    def publish(self, topic: str, key: bytes, body: bytes, done: Callable[[str], None], *, partition: int = -1) -> None:
        batch = unpack_input(body)
        assert isinstance(batch, Batch)
        self.keys.append((key, batch.edge))
        super().publish(topic, b"edge-1", body, done, partition=partition)


def test_what_waited_when_an_edge_was_renamed_goes_under_the_name_that_it_was_written_with(tmp_path: Path) -> None:
    bus = Keys()
    with LocalLog(tmp_path / "log.sqlite", edge="edge-0") as log:
        fill(log, 3)
    with LocalLog(tmp_path / "log.sqlite", edge="edge-1") as log:
        fill(log, 2)
        with forwarding(log, bus):
            until(lambda: not log.status().backlog, what="an empty outbox")
    assert bus.keys == [(b"edge-0", "edge-0")] * 3 + [(b"edge-1", "edge-1")] * 2
