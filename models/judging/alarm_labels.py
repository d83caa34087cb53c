"""Alarms held against what people said: events that were found, alarms that were false, and how many a week."""

from collections.abc import Iterable, Sequence

import msgspec

WEEK_NS = 7 * 86_400_000_000_000


class Span(msgspec.Struct, frozen=True):
    """A stretch of time of one device, both ends included."""

    device: str
    from_ns: int
    to_ns: int

    def meets(self, other: "Span") -> bool:
        """Whether both hold a moment of one device."""
        return self.device == other.device and self.from_ns <= other.to_ns and other.from_ns <= self.to_ns


class Tally(msgspec.Struct, frozen=True):
    """What alarms were worth; one that nobody judged is neither right nor wrong."""

    alarms: int
    right: int  # met an event
    during_maintenance: int  # met only maintenance
    false: int  # met rows that somebody called normal, and nothing else
    unjudged: int
    events: int
    found: int
    weeks: float

    @property
    def false_per_week(self) -> float | None:
        """Alarms that somebody called false; None where no time was looked at."""
        return self.false / self.weeks if self.weeks else None

    @property
    def not_right_per_week(self) -> float | None:
        """The most that can have been false: those and the unjudged ones."""
        return (self.false + self.unjudged) / self.weeks if self.weeks else None


def tally(
    alarms: Sequence[Span], *, events: Sequence[Span], maintenance: Iterable[Span], normal: Iterable[Span], span_ns: int
) -> Tally:
    """Each alarm counts once: as right before all, then as maintenance, then as false.

    >>> day = [Span("p", n, n + 5) for n in (0, 10, 20, 30)]
    >>> found = tally(day, events=[Span("p", 4, 6)], maintenance=[Span("p", 12, 13)], normal=[day[2]], span_ns=WEEK_NS)
    >>> found.right, found.during_maintenance, found.false, found.unjudged, found.found
    (1, 1, 1, 1, 1)
    """
    served, called_normal = list(maintenance), list(normal)
    kinds = {"right": 0, "during_maintenance": 0, "false": 0, "unjudged": 0}
    for alarm in alarms:
        met = next(
            (
                kind
                for kind, spans in (("right", events), ("during_maintenance", served), ("false", called_normal))
                if any(alarm.meets(span) for span in spans)
            ),
            "unjudged",
        )
        kinds[met] += 1
    found = sum(any(alarm.meets(event) for alarm in alarms) for event in events)
    return Tally(alarms=len(alarms), **kinds, events=len(events), found=found, weeks=span_ns / WEEK_NS)
