import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboards.console.desk import Desk
from dashboards.console.events import parse_mark, stream
from dashboards.console.hub import KEPT, QUEUE_MAX, Hub, Listener
from dashboards.console.server import Console
from tests.console.fakes import T0, Answering, Plant, small_plant
from wire.messages import AlarmState, Health

Event = dict[str, str]


@pytest.fixture
def plant() -> Plant:
    return small_plant()


@pytest.fixture
def url(plant: Plant) -> Iterator[str]:
    with Console(plant, Answering(plant), listen="127.0.0.1:0", page=False, now_ns=lambda: T0) as served:
        yield served.url


@contextmanager
def listening(url: str, last: str = "") -> Iterator[Iterator[Event]]:
    headers = {"Last-Event-ID": last} if last else {}
    with httpx.stream("GET", f"{url}/api/v1/events", headers=headers, timeout=15) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield _events(answer.iter_lines())


def _events(lines: Iterator[str]) -> Iterator[Event]:
    event: Event = {}
    for line in lines:
        if line:
            name, _, value = line.partition(": ")
            event[name] = value
        elif event:
            if "data" in event:
                yield event
            event = {}


def test_a_client_first_gets_what_stands_then_what_happens(plant: Plant, url: str) -> None:
    standing = plant.ring("pump-1")
    with listening(url) as events:
        first = next(events)
        assert (first["event"], json.loads(first["data"])["id"]) == ("alarm", standing.id)
        plant.ring("pump-2", "silent")
        assert json.loads(next(events)["data"])["device"] == "pump-2"
        plant.add("pump-2", health=Health.SILENT)
        liveness = next(events)
        assert liveness["event"] == "liveness"
        assert json.loads(liveness["data"])["health"] == "silent"


def test_a_client_that_comes_back_gets_exactly_what_it_missed(plant: Plant, url: str) -> None:
    plant.ring("pump-1")
    with listening(url) as events:
        next(events)
        plant.ring("pump-1", state=AlarmState.ACKNOWLEDGED)
        mark = next(events)["id"]
    plant.ring("pump-1", state=AlarmState.NORMAL)
    with listening(url, mark) as events:
        after = next(events)
    assert json.loads(after["data"])["state"] == "normal"


def test_a_mark_of_an_earlier_process_brings_all_that_stands_and_changed_since(plant: Plant, url: str) -> None:
    plant.ring("pump-1")
    plant.ring("pump-2", state=AlarmState.NORMAL)
    with listening(url, f"abcd-7-{T0}") as events:
        found = {json.loads(next(events)["data"])["device"] for _ in range(2)}
    assert found == {"pump-1", "pump-2"}


def test_a_slow_client_is_dropped_and_not_waited_for(plant: Plant) -> None:
    async def play() -> None:
        hub = Hub(Desk(plant, Answering(plant)))
        await hub.look()
        slow, quick = Listener(), Listener()
        hub.join(slow)
        hub.join(quick)
        for _ in range(QUEUE_MAX + 1):
            plant.ring("pump-1")
            await hub.look()
            quick.queue.get_nowait()
        assert not slow.open
        assert quick.open
        assert slow.queue.qsize() == QUEUE_MAX

    asyncio.run(play())


def test_what_can_be_resumed_is_bounded_and_told_apart(plant: Plant) -> None:
    async def play() -> None:
        hub = Hub(Desk(plant, Answering(plant)))
        await hub.look()
        for _ in range(KEPT + 5):
            plant.states["x"] = [plant.ring("pump-1")]
            await hub.look()
        assert len(hub.kept) == KEPT
        assert hub.since(hub.boot, 1) is None
        assert hub.since("other", hub.seq) is None
        assert hub.since(hub.boot, hub.seq) == []
        recent = hub.since(hub.boot, hub.seq - 3)
        assert recent is not None
        assert [told.seq for told in recent] == [hub.seq - 2, hub.seq - 1, hub.seq]

    asyncio.run(play())


def test_a_listener_leaves_when_its_stream_is_closed(plant: Plant) -> None:
    async def play() -> None:
        desk = Desk(plant, Answering(plant))
        hub = Hub(desk)
        await hub.look()
        pieces = stream(desk, hub, "")
        assert await anext(pieces) == b"retry: 2000\n\n"
        assert hub.listeners == 1
        await pieces.aclose()
        assert hub.listeners == 0

    asyncio.run(play())


def test_an_alarm_that_came_and_went_between_looks_is_told_all_the_same(plant: Plant) -> None:
    async def play() -> None:
        hub = Hub(Desk(plant, Answering(plant)))
        await hub.look()
        plant.ring("pump-1")
        plant.ring("pump-1", state=AlarmState.NORMAL)
        await hub.look()
        assert [told.change.body.device for told in hub.kept] == ["pump-1"]

    asyncio.run(play())


def test_a_hub_that_cannot_read_says_so_and_recovers(plant: Plant) -> None:
    async def play() -> None:
        hub = Hub(Desk(plant, Answering(plant)))
        await hub.look()
        plant.broken = OSError("gone")
        await hub.look()
        assert "gone" in hub.snapshot.error
        assert len(hub.snapshot.devices) == 3
        plant.broken = None
        await hub.look()
        assert hub.snapshot.error == ""

    asyncio.run(play())


def test_a_store_that_takes_too_long_is_said_while_it_still_thinks(plant: Plant) -> None:
    async def play() -> None:
        hub = Hub(Desk(plant, Answering(plant)), patience_s=0.01)
        plant.answering.clear()
        looking = asyncio.create_task(hub.look())
        while not hub.snapshot.error:  # noqa: ASYNC110 -- the hub is watched from outside, as a page does
            await asyncio.sleep(0.005)
        assert "has not answered" in hub.snapshot.error
        plant.answering.set()
        await looking
        assert hub.snapshot.error == ""
        assert len(hub.snapshot.devices) == 3

    asyncio.run(play())


@given(st.text(max_size=80))
def test_any_last_event_id_is_a_mark_or_nothing(text: str) -> None:
    mark = parse_mark(text)
    assert mark is None or msgspec.json.decode(msgspec.json.encode(mark))
