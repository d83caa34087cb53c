"""Handing records to the bus from a worker's loop, and waiting until it has them all; knows no Kafka."""

import asyncio
import threading
from collections.abc import Iterable
from contextlib import suppress

from stream.fleet.outlet import Parcel
from wire.ports import BusError, Publisher


async def handed_over(bus: Publisher, parcels: Iterable[Parcel]) -> None:
    """Hand parcels over, in their order; returns when the bus has all. Raises BusError for one that it refuses."""
    tally = _Tally(asyncio.get_running_loop())
    for parcel in parcels:
        tally.begin()
        bus.publish(parcel.topic, parcel.key, parcel.body, tally.end, partition=parcel.partition)
    tally.end("")  # nothing more is begun
    await tally.over
    if tally.error:
        raise BusError(tally.error)


class _Tally:
    """Counts what is under way; the bus tells from a thread of its own."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.over: asyncio.Future[None] = loop.create_future()
        self.error = ""
        self._loop = loop
        self._lock = threading.Lock()
        self._left = 1  # the handing over itself

    def begin(self) -> None:
        with self._lock:
            self._left += 1

    def end(self, error: str) -> None:
        with self._lock:
            self._left -= 1
            self.error = self.error or error
            over = self._left == 0
        if over:
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                self._loop.call_soon_threadsafe(self._finish)

    def _finish(self) -> None:
        if not self.over.done():
            self.over.set_result(None)
