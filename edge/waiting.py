"""Where arrivals wait for their group: bounded in memory, never asleep over a full window."""

import threading
from collections import Counter, deque

import msgspec

from edge.clock import Clock
from edge.losses import Losses
from wire.messages import NS_PER_S, Gap, Refused, SourceState, Text
from wire.ports import Arrival, FullError

BOUND_BYTES = 8 * 1024 * 1024  # of memory, estimated
WINDOW_BYTES = 1024 * 1024  # a group is cut at once when this much waits
# Much less than the promised 50 ms: reading, cutting and syncing need the rest.
LINGER_NS = 15_000_000
# So many that wait for receipts are more than brokers of before MQTT 5 send without one: nobody is kept waiting, and a
# larger group is worth a little time, since whoever scores pays by the batch.
BUSY = 32
BUSY_LINGER_NS = 25_000_000
IDLE_NS = 2_000_000  # a sender that waits for acknowledgements and is quiet for this long has sent its window
RETRY_S = 1.0
STEP = 16  # a full room gives way in steps of a sixteenth
SPARED = 1000


class Waiting(msgspec.Struct, frozen=True):
    """An arrival, when it came, and about how much memory it takes."""

    arrival: Arrival
    mono_ns: int
    size: int


class WaitingRoom:
    """A queue from many sources to one committer.

    Full, with the committer at work: `put` waits for it. Full, with the committer stuck (disk full, clock not set):
    an arrival that will be delivered again is turned away with FullError; for others the oldest such rows give way,
    and a Gap counts them.
    """

    def __init__(self, *, clock: Clock, bound_bytes: int = BOUND_BYTES) -> None:
        self._clock = clock
        self._bound = bound_bytes
        self._changed = threading.Condition(threading.Lock())
        self._queue: deque[Waiting] = deque()
        self._spared: deque[Waiting] = deque(maxlen=SPARED)  # gaps and states of arrivals that gave way
        self._losses = Losses()
        self._interrupted: dict[str, int] = {}
        self._size = 0
        self._receipts = 0
        self._stuck = ""
        self._closed = False
        self._sleeper_wants_any = False

    @property
    def size(self) -> int:
        """Estimated bytes that wait."""
        return self._size

    @property
    def is_closed(self) -> bool:
        """Whether nothing more comes in."""
        return self._closed

    def put(self, arrival: Arrival) -> None:
        """Queue an arrival. Raises FullError when it cannot be kept and its sender still has it."""
        size = _size(arrival)
        with self._changed:
            while self._queue and self._size + size > self._bound:
                self._refuse_or_wait(arrival, size)
            if self._closed:
                raise FullError(RETRY_S)
            now = self._clock.monotonic_ns()
            if (since := self._interrupted.pop(arrival.source, None)) is not None:
                self._losses.add(Gap("*", since, now, -1, "outbox full, refused to read", arrival.source))
            self._queue.append(Waiting(arrival, now, size))
            self._size += size
            self._receipts += arrival.receipt is not None
            if self._sleeper_wants_any or self._size >= WINDOW_BYTES:
                self._sleeper_wants_any = False
                self._changed.notify_all()

    def interrupt(self, source: str) -> None:
        """A source whose sender keeps nothing was turned away: a Gap from now until it puts again."""
        with self._changed:
            self._interrupted.setdefault(source, self._clock.monotonic_ns())

    def stick(self, why: str) -> None:
        """Say that the committer cannot go on for now, or with an empty `why` that it can."""
        with self._changed:
            self._stuck = why
            self._changed.notify_all()

    def close(self) -> None:
        """Take nothing more in; the committer gets the rest without waiting."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def pause(self, wait_s: float) -> None:
        """Let the committer wait, at most until the room is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed, wait_s)

    def take(self, *, until_ns: int) -> tuple[list[Waiting], int]:
        """The next group and the monotonic time of taking it; empty when `until_ns` passed or the room is closed.

        A group is ready when a window is full, LINGER_NS passed since its first arrival, or it holds receipts and
        nothing more came for IDLE_NS; one of BUSY receipts or more when BUSY_LINGER_NS passed.
        """
        with self._changed:
            while (wait_ns := self._wait_ns(until_ns)) > 0:
                before = len(self._queue)
                self._sleeper_wants_any = before == 0
                self._changed.wait(wait_ns / NS_PER_S)
                if self._receipts and before == len(self._queue) and before > 0 and self._receipts < BUSY:
                    break
            return self._empty(), self._clock.monotonic_ns()

    def losses(self, *, offset_ns: int) -> tuple[Gap, ...]:
        """What gave way since the last call, by its time of arrival in UTC."""
        with self._changed:
            gaps = self._losses.take()
        return tuple(
            msgspec.structs.replace(gap, from_ns=gap.from_ns + offset_ns, to_ns=gap.to_ns + offset_ns) for gap in gaps
        )

    def _refuse_or_wait(self, arrival: Arrival, size: int) -> None:
        if self._closed or (self._stuck and arrival.receipt is not None):
            raise FullError(RETRY_S)
        if not self._stuck:
            self._changed.wait()
        elif not self._give_way(size):
            raise FullError(RETRY_S)

    def _give_way(self, need: int) -> bool:
        goal = self._bound - max(need, self._bound // STEP)
        kept: deque[Waiting] = deque()
        before = self._size
        for waiting in self._queue:
            if self._size <= goal or waiting.arrival.receipt is not None:
                kept.append(waiting)
            else:
                self._lose(waiting)
        self._queue = kept
        return self._size < before

    def _lose(self, waiting: Waiting) -> None:
        self._size -= waiting.size
        arrival, at = waiting.arrival, waiting.mono_ns
        devices = Counter(row.device for row in arrival.rows)
        for device, rows in devices.items():
            self._losses.add(Gap(device, at, at, rows, self._stuck, arrival.source))
        spared = tuple(event for event in arrival.events if isinstance(event, Gap | SourceState))
        if len(spared) < len(arrival.events):
            self._losses.add(Gap("*", at, at, 0, f"{self._stuck}: events", arrival.source))
        if spared:
            self._spared.append(Waiting(Arrival(arrival.source, events=spared), at, 0))

    def _wait_ns(self, until_ns: int) -> int:
        if self._closed or self._size >= WINDOW_BYTES:
            return 0
        now = self._clock.monotonic_ns()
        if not self._queue:
            return until_ns - now
        since_ns = now - self._queue[0].mono_ns
        if self._receipts >= BUSY:
            return BUSY_LINGER_NS - since_ns
        return min(LINGER_NS - since_ns, IDLE_NS) if self._receipts else LINGER_NS - since_ns

    def _empty(self) -> list[Waiting]:
        group = [*self._spared, *self._queue]
        self._spared.clear()
        self._queue.clear()
        self._size = self._receipts = 0
        self._changed.notify_all()
        return group


def _size(arrival: Arrival) -> int:
    size = 400
    if arrival.rows:
        size += len(arrival.rows) * (120 + 32 * len(arrival.rows[0].channels))
    for event in arrival.events:
        size += 400
        if isinstance(event, Refused):
            size += len(event.body)
        elif isinstance(event, Text):
            size += len(event.text)
    return size
