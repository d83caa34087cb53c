"""Which stretches of a log go late, and what of it is in a reader's hands; knows no file."""

from collections.abc import Iterator, Sequence

import msgspec

Stretch = tuple[int, int]  # the positions past the first number, up to and with the second
EVER = 2**63 - 1


class Hands(msgspec.Struct):
    """How far a log was read by this process: its live part, and the stretches that go late."""

    live: int = 0
    late: int = 0

    def free(self, late: Sequence[Stretch]) -> list[Stretch]:
        """Where the records lie that are in nobody's hands, oldest first.

        >>> Hands(live=90, late=30).free([(10, 20), (25, 50)])
        [(30, 50), (90, 9223372036854775807)]
        """
        unread = [(max(first, self.late), last) for first, last in late if last > self.late]
        return sorted([*unread, *live_parts(self.live, late)])


def next_live(after: int, late: Sequence[Stretch]) -> Stretch:
    """The next stretch past a position that does not go late.

    >>> late = [(10, 20), (20, 50)]
    >>> next_live(5, late), next_live(10, late), next_live(60, late)
    ((5, 10), (50, 9223372036854775807), (60, 9223372036854775807))
    """
    for first, last in late:
        if after < first:
            return after, first
        after = max(after, last)
    return after, EVER


def live_parts(after: int, late: Sequence[Stretch]) -> Iterator[Stretch]:
    """Every stretch past a position that does not go late; the last has no end.

    >>> list(live_parts(5, [(10, 20), (20, 50)]))
    [(5, 10), (50, 9223372036854775807)]
    """
    while after < EVER:
        begin, after = next_live(after, late)
        yield begin, after


def joined(parts: Sequence[Stretch]) -> list[Stretch]:
    """The same stretches, those in one that follow on each other.

    >>> joined([(0, 5), (5, 9), (12, 13)])
    [(0, 9), (12, 13)]
    """
    found = list[Stretch]()
    for first, last in parts:
        if found and found[-1][1] == first:
            first = found.pop()[0]  # noqa: PLW2901 -- it begins where the one before did
        found.append((first, last))
    return found
