"""Which batches a partition has seen, so that one that an edge sends again is not archived twice.

The rule is the scoring core's: a number seen before is a repetition, unless it fills a hole or comes with a clock later
than all before it (the edge's log was put back to an older copy). So what is scored is archived.
"""

from collections.abc import Iterable

import msgspec

HOLES = 16  # remembered a lane
LANES = 64  # remembered an edge; the one longest unheard goes first, so that lanes that ended do not pile up
EDGES = 1024  # remembered a partition; the one longest unheard goes first


class Mark(msgspec.Struct, frozen=True, array_like=True):
    """How far a lane has come: the highest number, the newest clock, and the stretches below that never came."""

    edge: str
    log: str
    last: int = 0
    clock_ns: int = 0
    holes: tuple[tuple[int, int], ...] = ()

    def after(self, seq: int, clock_ns: int) -> "Mark | None":
        """The mark after a batch, None if it is a repetition.

        >>> mark = Mark("edge", "log").after(1, 5)
        >>> mark.after(1, 5), mark.after(1, 6).last, mark.after(4, 6).holes, mark.after(4, 6).after(2, 6).holes
        (None, 1, ((2, 3),), ((3, 3),))
        """
        if seq > self.last:
            hole = ((self.last + 1, seq - 1),) if seq > self.last + 1 else ()
            return Mark(self.edge, self.log, seq, max(self.clock_ns, clock_ns), (self.holes + hole)[-HOLES:])
        if clock_ns > self.clock_ns:
            return Mark(self.edge, self.log, seq, clock_ns)
        if not any(first <= seq <= last for first, last in self.holes):
            return None
        left = [part for hole in self.holes for part in _without(hole, seq)]
        return Mark(self.edge, self.log, self.last, self.clock_ns, tuple(left)[-HOLES:])


class Lanes:
    """The marks of a partition; starts from those of the cut before."""

    def __init__(self, marks: Iterable[Mark] = ()) -> None:
        self._marks = {(mark.edge, mark.log): mark for mark in marks}

    def admit(self, edge: str, log: str, seq: int, clock_ns: int) -> bool:
        """Whether a batch is new; it is then remembered."""
        mark = self._marks.get((edge, log), Mark(edge, log)).after(seq, clock_ns)
        if mark is not None:
            self._marks[edge, log] = mark
        return mark is not None

    def marks(self) -> tuple[Mark, ...]:
        """All marks in order, the longest unheard left out where there are too many."""
        edges: dict[str, list[Mark]] = {}
        for mark in sorted(self._marks.values(), key=_newest_first):
            edges.setdefault(mark.edge, []).append(mark)  # edges too come in the order of their newest lane
        kept = (mark for lanes in list(edges.values())[:EDGES] for mark in lanes[:LANES])
        return tuple(sorted(kept, key=lambda mark: (mark.edge, mark.log)))


def _newest_first(mark: Mark) -> tuple[int, str, str]:
    return -mark.clock_ns, mark.edge, mark.log


def _without(hole: tuple[int, int], seq: int) -> list[tuple[int, int]]:
    first, last = hole
    if not first <= seq <= last:
        return [hole]
    return [part for part in ((first, seq - 1), (seq + 1, last)) if part[0] <= part[1]]
