"""Whether a reader stood still for longer than the kernel keeps what a line says; knows nothing of ports."""

import time
from collections.abc import Callable

LONG_S = 1.0  # a reader at work looks every 0.1 s
KEPT_BYTES = 3840  # of a line by a kernel that keeps 4,096 and holds the device off a little earlier


def asleep_s() -> float:
    """Seconds that this machine has spent suspended since it was started; 0 where the system does not tell."""
    boottime = getattr(time, "CLOCK_BOOTTIME", None)
    return time.clock_gettime(boottime) - time.monotonic() if boottime is not None else 0.0


class Standstill:
    """Notices what a suspended machine, a stopped process or a full outbox does to a line that nobody holds back.

    A full buffer behind a standstill means that bytes are missing somewhere behind its end, and that two halves of
    lines may have become one that reads well and is wrong. A suspended machine hears nothing at all.
    """

    def __init__(self, *, monotonic_s: Callable[[], float], asleep_s: Callable[[], float] = asleep_s) -> None:
        self._monotonic_s = monotonic_s
        self._asleep_s = asleep_s
        self._looked_s = monotonic_s()
        self._slept_s = asleep_s()

    def missed_s(self, waiting: int) -> float:
        """Seconds since the last look, if something may be missing before what comes next; 0 if all is there."""
        now_s, slept_s = self._monotonic_s(), self._asleep_s()
        stood_s, asleep_s = now_s - self._looked_s, slept_s - self._slept_s
        self._looked_s, self._slept_s = now_s, slept_s
        overflowed = stood_s >= LONG_S and waiting >= KEPT_BYTES
        return stood_s + asleep_s if overflowed or asleep_s >= LONG_S else 0.0
