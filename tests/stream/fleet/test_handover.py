import asyncio
from collections.abc import Callable
from threading import Thread

import pytest

from stream.fleet.handover import handed_over
from stream.fleet.outlet import Parcel
from wire.ports import BusError


class LateBus:
    """A bus that answers from a thread of its own, when it is told to, with what was ordered for a body."""

    def __init__(self, **refusals: str) -> None:
        self.taken: list[tuple[str, bytes, int]] = []
        self._refusals = refusals
        self._waiting: list[Callable[[], None]] = []

    def publish(self, topic: str, key: bytes, body: bytes, done: Callable[[str], None], *, partition: int = -1) -> None:
        del key
        self.taken.append((topic, body, partition))
        self._waiting.append(lambda: done(self._refusals.get(body.decode(), "")))

    def flush(self, timeout_s: float) -> bool:
        del timeout_s
        return not self._waiting

    def answer(self, count: int) -> None:
        now, self._waiting = self._waiting[:count], self._waiting[count:]
        thread = Thread(target=lambda: [each() for each in now])
        thread.start()
        thread.join()


PARCELS = [Parcel("scores", b"edge", b"a"), Parcel("state", b"pump@1", b"b", 3)]


async def turns(count: int = 3) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


def test_it_is_over_when_the_bus_has_the_last_of_them() -> None:
    async def scene() -> None:
        bus = LateBus()
        task = asyncio.create_task(handed_over(bus, PARCELS))
        await turns()
        assert bus.taken == [("scores", b"a", -1), ("state", b"b", 3)]
        bus.answer(1)
        await turns()
        assert not task.done()
        bus.answer(1)
        await asyncio.wait_for(task, 5)

    asyncio.run(scene())


def test_one_that_is_refused_is_told_when_all_have_an_answer() -> None:
    async def scene() -> None:
        bus = LateBus(a="too large")
        task = asyncio.create_task(handed_over(bus, PARCELS))
        await turns()
        bus.answer(1)
        await turns()
        assert not task.done()
        bus.answer(1)
        with pytest.raises(BusError, match="too large"):
            await asyncio.wait_for(task, 5)

    asyncio.run(scene())


def test_nothing_to_hand_over_is_over_at_once() -> None:
    asyncio.run(asyncio.wait_for(handed_over(LateBus(), []), 5))


def test_an_answer_that_comes_when_nobody_waits_any_more_harms_nobody() -> None:
    bus = LateBus()

    async def scene() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(handed_over(bus, PARCELS), 0.01)
        bus.answer(1)
        await turns()

    asyncio.run(scene())
    bus.answer(1)  # the loop is closed by now
