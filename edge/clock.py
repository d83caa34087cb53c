"""What the edge knows of time: the clock it is given, whether that can be believed, and the clock of its lane."""

import time
from typing import Protocol

from wire.messages import NS_PER_S

BUILD_NS = 1_767_225_600 * NS_PER_S  # 2026-01-01: a clock before this was never set
CLOSE_NS = 100_000  # a reading of both clocks this close together is as good as simultaneous
PATIENCE_NS = 120 * NS_PER_S


class Clock(Protocol):
    """The two clocks of a machine."""

    def now_ns(self) -> int:
        """Nanoseconds since 1970 UTC, as far as this machine knows; may step either way."""

    def monotonic_ns(self) -> int:
        """Nanoseconds since some moment; never steps."""


class SystemClock:
    """This machine's clocks."""

    def now_ns(self) -> int:
        """See Clock."""
        return time.time_ns()

    def monotonic_ns(self) -> int:
        """See Clock."""
        return time.monotonic_ns()


class HandClock:
    """A clock that moves by hand, for tests and rehearsals."""

    def __init__(self, now_ns: int, monotonic_ns: int = 0) -> None:
        self._now_ns = now_ns
        self._monotonic_ns = monotonic_ns

    def now_ns(self) -> int:
        """See Clock."""
        return self._now_ns

    def monotonic_ns(self) -> int:
        """See Clock."""
        return self._monotonic_ns

    def pass_ns(self, ns: int) -> None:
        """Let time pass on both clocks."""
        self._now_ns += ns
        self._monotonic_ns += ns

    def step_to(self, now_ns: int) -> None:
        """Set the UTC clock, as NTP or a person does; no time passes."""
        self._now_ns = now_ns


def offset_ns(clock: Clock) -> int:
    """UTC minus monotonic time.

    A thread switch between the two readings would shift every stamp, so the closest of a few readings counts.
    """
    best, offset = CLOSE_NS, 0
    for attempt in range(5):
        before = clock.monotonic_ns()
        now = clock.now_ns()
        after = clock.monotonic_ns()
        if attempt == 0 or after - before < best:
            best, offset = after - before, now - (before + after) // 2
        if best < CLOSE_NS:
            break
    return offset


class ClockWatch:
    """Decides whether the edge's own clock can be believed yet.

    Before the build date it cannot. Nor can it while it is more than `slack_ns` behind the last committed clock (a
    board without a battery-backed clock boots in the past), but for that it waits only PATIENCE_NS: the earlier
    clock may have been the wrong one.
    """

    def __init__(self, *, last_ns: int, slack_ns: int, started_mono_ns: int) -> None:
        self._last_ns = last_ns
        self._slack_ns = slack_ns
        self._patient_until_ns = started_mono_ns + PATIENCE_NS
        self._was_set = False

    def is_set(self, clock: Clock) -> bool:
        """Whether UTC stamps may be given now."""
        now = clock.now_ns()
        if now < BUILD_NS:
            return False
        patient = not self._was_set and clock.monotonic_ns() < self._patient_until_ns
        if patient and now < self._last_ns - self._slack_ns:
            return False
        self._was_set = True
        return True


class LaneClock:
    """The edge's clock as its lane tells it: never goes back, and never stands still.

    After a step backwards it runs at nine tenths of true speed until it is caught up: deadlines downstream, which
    run on this clock, then still fire, and the error heals.

    >>> lane = LaneClock(last_ns=1_000, mono_ns=0)
    >>> lane.at(utc_ns=2_000, mono_ns=10), lane.at(utc_ns=500, mono_ns=110)
    (2000, 2090)
    """

    def __init__(self, *, last_ns: int, mono_ns: int) -> None:
        self._last_ns = last_ns
        self._mono_ns = mono_ns

    def at(self, *, utc_ns: int, mono_ns: int) -> int:
        """The lane's clock at a moment that both clocks name."""
        slow = self._last_ns + max(0, mono_ns - self._mono_ns) * 9 // 10
        self._last_ns = max(utc_ns, slow)
        self._mono_ns = mono_ns
        return self._last_ns
