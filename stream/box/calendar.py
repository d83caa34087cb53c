"""What day it is, for deciding what is old enough to be deleted; knows no clock."""

from wire.config import DAY_NS

LEAP_NS = 30 * DAY_NS  # longer than a machine is usually off
DOUBT_NS = DAY_NS


class Calendar:
    """Believes a clock that runs, and a leap far forward only after it has stood for a day.

    A clock that is years ahead for a minute would make everything old, and what retention deletes does not come back.
    A leap back is followed at once: it makes nothing older.

    >>> calendar = Calendar(1 * DAY_NS)
    >>> [calendar.day(at * DAY_NS) // DAY_NS for at in (2, 4000, 3, 90, 90.5, 91.5)]
    [2, 2, 3, 3, 3, 91]
    """

    def __init__(self, last_ns: int = 0) -> None:
        """Go on from the newest time that is known; 0 where none is."""
        self._believed_ns = last_ns
        self._leapt_ns = 0  # where a leap led that is not yet believed; 0: none

    def day(self, now_ns: int) -> int:
        """The time to judge ages by, now that the clock says `now_ns`."""
        leaps = self._believed_ns > 0 and now_ns - self._believed_ns > LEAP_NS
        if leaps and not self._leapt_ns <= now_ns < self._leapt_ns + LEAP_NS:
            self._leapt_ns = now_ns
        if not leaps or now_ns - self._leapt_ns >= DOUBT_NS:
            self._believed_ns, self._leapt_ns = now_ns, 0
        return int(self._believed_ns)
