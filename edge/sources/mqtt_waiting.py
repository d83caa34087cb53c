"""Messages that wait for room in a full outbox; knows nothing of brokers."""

from collections import deque
from collections.abc import Callable

from wire.messages import Gap
from wire.ports import Arrival, FullError, Intake


class WaitingRoom:
    """Keeps in order what a full outbox refused.

    Bounded by what a broker sends unacknowledged: `crowded` says that it sent more than `limit`. Messages that no one
    acknowledges (QoS 0) are let go while others wait, and told as one gap when there is room again.
    """

    def __init__(
        self, *, source: str, limit: int, clock_ns: Callable[[], int], monotonic_s: Callable[[], float]
    ) -> None:
        self._source = source
        self._limit = limit
        self._clock_ns = clock_ns
        self._monotonic_s = monotonic_s
        self._held: deque[Arrival] = deque()
        self._again_s = 0.0
        self.dropped = 0
        self._dropped_ns = 0  # since when

    def __len__(self) -> int:
        """How many wait."""
        return len(self._held)

    @property
    def crowded(self) -> bool:
        """More wait than may be in flight."""
        return len(self._held) > self._limit

    def put(self, arrival: Arrival, intake: Intake, *, keep: bool) -> None:
        """Pass an arrival on, or let it wait behind the others; without `keep` it is dropped and counted instead."""
        if not self._held and self._accepted(arrival, intake):
            return
        if keep:
            self._held.append(arrival)
        else:
            self._dropped_ns = self._dropped_ns or self._clock_ns()
            self.dropped += 1

    def offer(self, intake: Intake) -> None:
        """Pass on what waits, if the outbox may have room by now."""
        if not (self._held or self.dropped) or self._monotonic_s() < self._again_s:
            return
        while self._held and self._accepted(self._held[0], intake):
            self._held.popleft()
        if self.dropped and not self._held:
            reason = "messages of QoS 0 came while the outbox was full"
            gap = Gap("*", self._dropped_ns, self._clock_ns(), self.dropped, reason, self._source)
            self.dropped, self._dropped_ns = 0, 0
            self.put(Arrival(source=self._source, events=(gap,)), intake, keep=True)

    def forget(self) -> None:
        """Let go of what was not acknowledged, because the broker will send it again."""
        self._held = deque(arrival for arrival in self._held if arrival.receipt is None)

    def _accepted(self, arrival: Arrival, intake: Intake) -> bool:
        try:
            intake.put(arrival)
        except FullError as full:
            self._again_s = self._monotonic_s() + full.retry_after_s
            return False
        return True
