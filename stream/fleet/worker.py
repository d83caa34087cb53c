"""A scoring worker: Faust hands it inputs, the core works on them, and it acknowledges only what is written down.

The order that loses nothing: outcomes, then state, then the acknowledgement. A crash between them gives repeats, which
are equal to the byte because the core is pure. Anything unforeseen ends the process, and a supervisor starts it anew.
"""

import asyncio
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import cast

import faust
import msgspec
from faust.exceptions import ConsumerNotStarted
from faust.types import TP, EventT, StreamT

from stream.core import Core
from stream.fleet.handover import handed_over
from stream.fleet.loading import load
from stream.fleet.outlet import Parcel, parcels
from stream.fleet.partition import Partition
from stream.fleet.reading import Taken
from stream.fleet.records import DONE
from stream.fleet.settings import WorkerSettings
from stream.models.herald import Wanted, change
from stream.portion import STEPS, steps_ended
from wire.envelope import pack
from wire.messages import NS_PER_S, DeadLetter, ModelChange, Tick
from wire.ports import Publisher
from wire.topics import INPUTS, STATE

UNFORESEEN, STUCK, UNASSIGNED = 70, 71, 72  # exit codes
PACE_S = 0.2

log = logging.getLogger(__name__)


class WorkerHealth(msgspec.Struct, frozen=True):
    """How a worker is doing; replaced whole, so any thread may read it."""

    assigned: frozenset[int] = frozenset()  # partitions, as the group handed them out
    taken: int = 0  # inputs begun with
    inputs: int = 0  # worked on
    outcomes: int = 0
    duplicates: int = 0
    dead: int = 0
    checkpoints: int = 0
    acknowledged: int = 0
    state_bytes: int = 0  # written down since the start
    repeats: int = 0  # events of a partition that was lost meanwhile


def end_process(why: str, code: int) -> None:
    """End at once: what is not acknowledged comes again to whoever is started next."""
    log.critical("the worker ends: %s", why)
    logging.shutdown()
    os._exit(code)


class Worker:
    """Works on the partitions that its group gives it, until told to stop.

    Faust reads, hands out and acknowledges; what is written goes over `bus`: so a worker adds a third of the time.
    """

    def __init__(
        self,
        settings: WorkerSettings,
        *,
        core: Core,
        bus: Publisher,
        clock_ns: Callable[[], int] = time.time_ns,
        end: Callable[[str, int], None] = end_process,
        wanted: Callable[[], Sequence[Wanted]] = tuple,
    ) -> None:
        self._settings = settings
        self._core = core
        self._bus = bus
        self._clock_ns = clock_ns
        self._end = end
        self._wanted = wanted
        self._generation: int | None = None
        self._partitions: dict[int, Partition] = {}
        self._held: list[EventT[bytes]] = []
        self._written_at = 0.0
        self._ticked_at: dict[int, float] = {}
        self.health = WorkerHealth()

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set, in a loop of its own."""
        asyncio.run(self._run(stop))

    async def _run(self, stop: threading.Event) -> None:
        self._app = app = self._settings.app()
        self._lock = asyncio.Lock()
        self._topics = {name: _topic(app, name) for name in (STATE, INPUTS)}
        app.agent(self._topics[INPUTS], concurrency=1)(self._agent)
        started = asyncio.create_task(app.start())
        try:
            await self._until(stop, started)
        finally:
            # Cut off in its beginning, Faust leaves a thread that never ends.
            await asyncio.wait({started}, timeout=self._settings.assigned_s)
            if started.done():
                async with self._lock:
                    await self._checkpoint()
                await app.stop()
            started.cancel()

    async def _until(self, stop: threading.Event, started: asyncio.Task[None]) -> None:
        assigned_at = time.monotonic()
        while not stop.is_set():
            await asyncio.sleep(PACE_S)
            if self._assigned():
                assigned_at = time.monotonic()
            elif time.monotonic() - assigned_at > self._patience_s():
                self._end("no partition was assigned; are there more workers than partitions?", UNASSIGNED)
            if self._app.crashed or (started.done() and started.exception() is not None):
                self._end(f"Faust gave up: {self._app.crash_reason or started}", UNFORESEEN)
            try:
                async with self._lock:
                    await asyncio.wait_for(self._idle(), self._settings.step_s)
            except BaseException as error:
                self._end(f"{type(error).__name__}: {error}", UNFORESEEN)
                raise

    def _patience_s(self) -> float:
        """How long to go without a partition: one that the group has taken in may be one too many just now."""
        joined = self._app.consumer_generation_id > 0
        return self._settings.idle_s if joined else self._settings.assigned_s

    async def _agent(self, stream: StreamT[bytes]) -> None:
        assert isinstance(stream, faust.Stream)
        self._stream = stream
        async for events in stream.noack_take(self._settings.take, within=self._settings.within_s):
            try:
                for part in portions(cast("Sequence[EventT[bytes]]", events), self._settings.at_once_bytes):
                    async with self._lock:
                        await asyncio.wait_for(self._handle(part), self._settings.step_s)
            except BaseException as error:
                # Faust would start the agent again and never hand these events out anew.
                self._end(f"{type(error).__name__}: {error}", UNFORESEEN)
                raise

    async def _handle(self, events: Sequence[EventT[bytes]]) -> None:
        generation = self._app.consumer_generation_id
        mine = [event for event in events if event.message.generation_id == generation]
        self._note(taken=len(mine), repeats=len(events) - len(mine))
        await self._own(generation, {event.message.partition for event in mine})
        by_partition: dict[int, list[EventT[bytes]]] = {}
        for event in mine:
            by_partition.setdefault(event.message.partition, []).append(event)
        for number, part_events in by_partition.items():
            await self._work(self._partitions[number], part_events)
        self._held += mine
        if self._due():
            await self._checkpoint()

    async def _own(self, generation: int, parts: set[int]) -> None:
        """Take up partitions that are new in this generation; what belonged to another is dropped."""
        if generation != self._generation:
            self._partitions.clear()
            self._held.clear()
            self._generation = generation
        if need := parts - set(self._partitions):
            committed = committed_offsets(self._app, need)
            loading = load(self._settings, self._topics[STATE], need, committed)
            for number, loaded in (await asyncio.wait_for(loading, self._settings.load_s)).items():
                self._partitions[number] = Partition(number, loaded, self._core)
            if any(self._partitions[number].pinned for number in need):
                await self._checkpoint()

    async def _work(self, partition: Partition, events: Sequence[EventT[bytes]]) -> None:
        entries = [Taken(event.message.offset, event.value or b"", event.key or b"") for event in events]
        worked = partition.work(entries, now_ns=self._clock_ns())
        await handed_over(self._bus, parcels(worked.outcomes))
        self._note(
            inputs=len(entries),
            outcomes=len(worked.outcomes),
            duplicates=worked.duplicates,
            dead=sum(isinstance(outcome, DeadLetter) for outcome in worked.outcomes),
        )

    def _due(self) -> bool:
        late = time.monotonic() - self._written_at >= self._settings.checkpoint_s
        return bool(self._held) and (late or len(self._held) >= self._settings.held)

    async def _checkpoint(self) -> None:
        """Write down what changed, then acknowledge what it came from; in another generation neither."""
        if self._app.consumer_generation_id != self._generation:
            self._partitions.clear()
            self._held.clear()
            return
        erased: list[tuple[int, bytes]] = []
        written: list[Parcel] = []
        for number, partition in self._partitions.items():
            words, old = partition.unwritten()
            erased += [(number, key) for key in old]
            written += [Parcel(STATE, key, word, number) for key, word in words]
            if words:
                written.append(Parcel(STATE, DONE, partition.done(), number))
        await handed_over(self._bus, written)
        states, size = self._topics[STATE], sum(len(parcel.body) for parcel in written)
        await asyncio.gather(*[await states.send(key=key, value=None, partition=part) for part, key in erased])
        held, self._held = self._held, []
        for event in held:
            await self._stream.ack(event)
        self._written_at = time.monotonic()
        self._note(checkpoints=1, acknowledged=len(held), state_bytes=size)

    async def _idle(self) -> None:
        if self._due():
            await self._checkpoint()
        now_ns, now_s = self._clock_ns(), time.monotonic()
        for number, partition in self._partitions.items():
            at_end = self._at_end(partition)
            due = now_s - self._ticked_at.get(number, 0.0) >= self._settings.tick_s
            if due and at_end and partition.overdue(now_ns - int(self._settings.tick_s * NS_PER_S)):
                self._ticked_at[number] = now_s
                await self._say(Tick(at_ns=now_ns), number)
            models = partition.state.models
            for wish in partition.herald.due(self._wanted(), models, now_s=now_s, at_end=at_end):
                await self._say(change(wish, now_ns), number)
                partition.herald.said(wish, now_s)

    async def _say(self, message: Tick | ModelChange, partition: int) -> None:
        """Put what concerns no one edge among the inputs of a partition."""
        await (await self._topics[INPUTS].send(key=b"", value=pack(message), partition=partition))

    def _at_end(self, partition: Partition) -> bool:
        try:
            end = self._app.consumer.highwater(TP(INPUTS, partition.number))
        except AssertionError:  # how the client says that the group took it away a moment ago
            return False
        return partition.next_offset >= (end or 0)

    def _assigned(self) -> bool:
        """Whether the group has given this worker anything."""
        try:
            given = self._app.consumer.assignment()
        except ConsumerNotStarted:  # its thread takes a while on a machine with much to do
            given = set()
        assigned = frozenset(place.partition for place in given if place.topic == INPUTS)
        if assigned != self.health.assigned:
            self.health = msgspec.structs.replace(self.health, assigned=assigned)
        return bool(assigned)

    def _note(self, **more: int) -> None:
        counts = {name: getattr(self.health, name) + count for name, count in more.items()}
        self.health = msgspec.structs.replace(self.health, **counts)


def portions(events: Sequence[EventT[bytes]], limit: int) -> Iterator[Sequence[EventT[bytes]]]:
    """Events in stretches of about `limit` bytes: time and memory go by bytes, and a backlog has large batches.

    The time that steps of test benches take goes by their number.
    """
    part: list[EventT[bytes]] = []
    size = ended = 0
    for event in events:
        body = event.value or b""
        more, steps = len(body), steps_ended(body)
        if part and (size + more > limit or ended + steps > STEPS):
            yield part
            part, size, ended = [], 0, 0
        part.append(event)
        size += more
        ended += steps
    if part:
        yield part


def committed_offsets(app: faust.App, parts: set[int]) -> dict[int, int]:
    """The group's committed offsets of the inputs. Faust has no public name for them; a test watches this one."""
    known = app.consumer._committed_offset  # type: ignore[attr-defined] # noqa: SLF001 -- see above
    found = {part: known.get(TP(INPUTS, part)) for part in parts}
    return {part: offset for part, offset in found.items() if offset is not None}


def _topic(app: faust.App, name: str) -> faust.TopicT:
    return app.topic(name, key_serializer="raw", value_serializer="raw", key_type=bytes, value_type=bytes)
