"""What waited before somebody began to look: until that is done, what comes now waits behind it."""

from collections.abc import Mapping

from bus.lag import Place


class CatchingUp:
    """Remembers where each place ended when it was first seen.

    >>> waits, looks = CatchingUp(), (Place(5, 9), Place(7, 20), Place(9, 30), Place(9, 99))
    >>> [waits.look({("inputs", 0): place}) for place in looks]
    [4, 2, 0, 0]
    """

    def __init__(self) -> None:
        self._ends: dict[tuple[str, int], int] = {}
        self.left: int | None = None  # records; None: nobody has looked yet

    def look(self, places: Mapping[tuple[str, int], Place]) -> int:
        """How many of those records are still to be done; a place that was given away is forgotten."""
        self._ends = {place: self._ends.get(place, at.end) for place, at in places.items()}
        self.left = sum(max(0, self._ends[place] - at.done) for place, at in places.items())
        return self.left

    @property
    def trouble(self) -> str:
        """Why what comes now has to wait; empty where it does not."""
        if self.left is None:
            return "how much waits is not known yet"
        return f"what waited is worked on first (records: {self.left}), what comes now after it" if self.left else ""
