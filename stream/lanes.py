"""Lanes: which batches of an ordered stream have been seen, and which never came."""

from enum import StrEnum

import msgspec

HOLES = 16  # remembered a lane; of more, the oldest is forgotten, and its batches would count as seen


class Admission(StrEnum):
    """What a batch is to its lane."""

    NEXT = "next"
    AFTER_HOLE = "after-hole"
    FILLS_HOLE = "fills-hole"
    DUPLICATE = "duplicate"
    SET_BACK = "set-back"


class Lane(msgspec.Struct, frozen=True):
    """The highest sequence number seen, the ranges below it that were not, and the clock of the newest batch."""

    last: int = 0
    holes: tuple[tuple[int, int], ...] = ()  # first and last missing, both included
    clock_ns: int = 0

    def admit(self, seq: int, clock_ns: int) -> tuple["Lane", Admission]:
        """Say what a batch is, and remember it.

        >>> lane, _ = Lane().admit(1, 0)
        >>> lane, said = lane.admit(4, 0); said.value, lane.holes
        ('after-hole', ((2, 3),))
        >>> lane.admit(4, 0)[1].value, lane.admit(2, 0)[1].value
        ('duplicate', 'fills-hole')

        Within a lane clocks rise with the numbers. A number that was seen with a clock later than all that was seen is
        therefore no repetition: the log was put back to an older copy of itself, and gives its numbers a second time.

        >>> lane.admit(4, 0)[1].value, lane.admit(4, 1)[1].value
        ('duplicate', 'set-back')
        """
        if seq > self.last:
            hole = ((self.last + 1, seq - 1),) if seq > self.last + 1 else ()
            lane = Lane(seq, (self.holes + hole)[-HOLES:], max(self.clock_ns, clock_ns))
            return lane, Admission.AFTER_HOLE if hole else Admission.NEXT
        if clock_ns > self.clock_ns:
            return Lane(seq, (), clock_ns), Admission.SET_BACK
        for first, last in self.holes:
            if first <= seq <= last:
                left = tuple(part for part in ((first, seq - 1), (seq + 1, last)) if part[0] <= part[1])
                holes = tuple(part for hole in self.holes for part in (left if hole == (first, last) else (hole,)))
                return Lane(self.last, holes[-HOLES:], self.clock_ns), Admission.FILLS_HOLE
        return self, Admission.DUPLICATE
