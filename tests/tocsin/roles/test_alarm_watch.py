"""Following the alarms of a bus: from its beginning, through breaks, and through a topic that was made anew."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from tests.servers.ports import until
from tests.store.influx.fakes import Bus
from tocsin.roles.alarm_watch import AlarmWatch
from wire.envelope import pack
from wire.messages import Alarm, AlarmState, Origin, Priority
from wire.ports import BusError, Feed, Record
from wire.topics import ALARMS

KEY = b"edge-1/pump/anomaly"


def alarm(number: int, version: int, state: AlarmState) -> bytes:
    origin = Origin("edge-1", "0" * 32, 1)
    return pack(
        Alarm(
            f"a-{number}",
            origin,
            "edge-1",
            "pump",
            "anomaly",
            version,
            state,
            Priority.HIGH,
            number,
            version,
            "It rings",
        )
    )


class Breaking(Bus):
    """A bus whose feeds break off when told to."""

    def __init__(self) -> None:
        super().__init__()
        self.broken = threading.Event()
        self.away = 0  # next looks at what is there that fail

    def history(self) -> Sequence[Record]:
        if self.away:
            self.away -= 1
            msg = "no broker"
            raise BusError(msg)
        return tuple(self.topics.get(ALARMS, ()))

    @contextmanager
    def breaking(self) -> Iterator[Feed]:
        with self.feed(ALARMS, commits=False) as feed:
            yield _Breaking(feed, self.broken)


class _Breaking:
    def __init__(self, feed: Feed, broken: threading.Event) -> None:
        self._feed, self._broken = feed, broken

    def read(self, *, limit: int, wait_s: float) -> list[Record]:
        if self._broken.is_set():
            self._broken.clear()
            msg = "the topic is no more"
            raise BusError(msg)
        return self._feed.read(limit=limit, wait_s=wait_s)

    def commit(self, records: Sequence[Record]) -> None:
        raise AssertionError(records)


@contextmanager
def following(bus: Breaking) -> Iterator[AlarmWatch]:
    watch, stop = AlarmWatch(history=bus.history, feeds=bus.breaking), threading.Event()
    watch.load()
    thread = threading.Thread(target=watch.run, args=(stop,))
    thread.start()
    try:
        yield watch
    finally:
        stop.set()
        thread.join(30)
    assert watch.failure == ""


def ids(watch: AlarmWatch) -> list[str]:
    return [one.id for one in watch.book.standing()]


def test_what_is_there_is_known_at_once_and_what_comes_is_heard() -> None:
    bus = Breaking()
    bus.put(ALARMS, alarm(1, 1, AlarmState.UNACKNOWLEDGED), key=KEY)
    bus.put(ALARMS, alarm(1, 2, AlarmState.NORMAL), key=KEY)
    bus.put(ALARMS, alarm(2, 1, AlarmState.UNACKNOWLEDGED), key=KEY)
    with following(bus) as watch:
        assert ids(watch) == ["a-2"]
        bus.put(ALARMS, alarm(3, 1, AlarmState.UNACKNOWLEDGED), key=b"edge-1/mill/anomaly")
        until(lambda: len(ids(watch)) == 2, what="the new alarm")
        assert [one.id for one in watch.book.alarms()] == ["a-1", "a-2", "a-3"]  # what was read again changed nothing


def test_a_topic_that_was_made_anew_counts_and_the_break_is_said() -> None:
    bus = Breaking()
    for number in range(1, 6):
        bus.put(ALARMS, alarm(number, 1, AlarmState.UNACKNOWLEDGED), key=KEY)
    with following(bus) as watch:
        assert ids(watch) == ["a-5"]
        bus.topics.clear()
        bus.put(ALARMS, alarm(9, 1, AlarmState.UNACKNOWLEDGED), key=b"edge-1/mill/anomaly")
        bus.broken.set()
        until(lambda: watch.trouble == "the topic is no more", what="the trouble to be told")
        until(lambda: ids(watch) == ["a-9"], what="the new topic")
        until(lambda: watch.trouble == "", what="the trouble to pass")


def test_a_topic_made_anew_counts_also_where_the_first_look_at_it_failed() -> None:
    bus = Breaking()
    for version in range(1, 4):
        bus.put(ALARMS, alarm(1, version, AlarmState.UNACKNOWLEDGED), key=KEY)
    with following(bus) as watch:
        bus.topics.clear()
        bus.put(ALARMS, alarm(9, 1, AlarmState.UNACKNOWLEDGED), key=KEY)
        bus.away = 1
        bus.broken.set()
        until(lambda: ids(watch) == ["a-9"], what="the alarm of the new topic")
        until(lambda: not watch.trouble, what="no trouble")
