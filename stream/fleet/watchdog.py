"""When a worker is stuck: its lag grows while its position stands still, as the brokers see it; knows no Kafka."""

from collections.abc import Callable, Collection, Mapping

import msgspec

from wire.ports import BusError

Places = Mapping[int, tuple[int, int]]  # partition -> (committed offset, end)
STUCK_S = 240.0  # longer than one input may take, else a large one would never be done


class _Sight(msgspec.Struct):
    done: int
    end: int
    since_s: float


class Watchdog:
    """Looks now and then, from a thread that no stuck loop can stop."""

    def __init__(
        self, *, places: Callable[[], Places], mine: Callable[[], Collection[int]], stuck_s: float = STUCK_S
    ) -> None:
        self._places = places
        self._mine = mine
        self._stuck_s = stuck_s
        self._seen: dict[int, _Sight] = {}
        self.lag = 0
        self.trouble = ""  # why the brokers did not answer the last time

    def look(self, now_s: float) -> str:
        """Why the worker should end; empty while it should not. `now_s` is monotonic."""
        mine = set(self._mine())
        try:
            places = {part: place for part, place in self._places().items() if part in mine}
        except BusError as error:
            # While nobody can be asked nobody is judged, and what was seen before is too old to judge by.
            self.trouble = str(error)
            self._seen.clear()
            return ""
        self.trouble = ""
        self.lag = sum(max(end - done, 0) for done, end in places.values())
        self._seen = {part: self._sight(part, *place, now_s) for part, place in places.items()}
        for part, (done, end) in sorted(places.items()):
            first = self._seen[part]
            if end > first.end and now_s - first.since_s >= self._stuck_s:
                return (
                    f"partition {part} stands at {done} for {now_s - first.since_s:.0f} s "
                    f"while its lag grew from {first.end - done} to {end - done}"
                )
        return ""

    def _sight(self, part: int, done: int, end: int, now_s: float) -> _Sight:
        before = self._seen.get(part)
        if before is None or before.done != done or end <= done:
            return _Sight(done, end, now_s)
        return before
