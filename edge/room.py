"""How full the log is and how fast it fills, in the figures that people ask for."""

from collections import deque

import msgspec

from edge.lane import Lane
from wire.config import HOUR_NS
from wire.messages import NS_PER_S

WINDOW_NS = 600 * NS_PER_S
BUCKET_NS = 10 * NS_PER_S


class Status(msgspec.Struct, frozen=True):
    """The state of the log; `hours_left` is None while nothing comes in."""

    lane: Lane
    last_pos: int
    backlog: int  # records from the oldest that waits to the newest
    bytes_bound: int
    oldest_age_s: float
    bytes_per_hour: float
    hours_left: float | None
    trouble: str  # why the last commit failed; empty when it did not


class Rate:
    """Bytes an hour over the last ten minutes, in at most 62 buckets.

    >>> rate = Rate()
    >>> rate.add(0, 500)
    >>> rate.per_hour(10 * NS_PER_S)
    180000.0
    """

    def __init__(self) -> None:
        self._buckets: deque[tuple[int, int]] = deque()

    def add(self, mono_ns: int, size: int) -> None:
        """Count bytes in."""
        if self._buckets and mono_ns - self._buckets[-1][0] < BUCKET_NS:
            start, before = self._buckets.pop()
            self._buckets.append((start, before + size))
        else:
            self._buckets.append((mono_ns, size))
        self._forget(mono_ns)

    def per_hour(self, mono_ns: int) -> float:
        """The present rate; 0 until something came."""
        self._forget(mono_ns)
        if not self._buckets:
            return 0.0
        span_ns = max(BUCKET_NS, mono_ns - self._buckets[0][0])
        return sum(size for _, size in self._buckets) * HOUR_NS / span_ns

    def _forget(self, mono_ns: int) -> None:
        while self._buckets and mono_ns - self._buckets[0][0] > WINDOW_NS:
            self._buckets.popleft()
