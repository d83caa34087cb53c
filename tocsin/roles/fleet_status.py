"""How the roles of a fleet get on, as its bus tells: who is at work, how many records wait, and for how long."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Mapping
from typing import Protocol

import msgspec

from bus.lag import Place
from dashboards.console.desk import BoxStatus
from tocsin.roles.catching_up import CatchingUp
from wire.ports import BusError

LOOK_S = 3.0
LOOKS = 600  # remembered: half an hour
BEHIND_S = 30.0
MISSED = 2  # looks that find nobody at work, before it is said: a restart is none

log = logging.getLogger(__name__)
Places = Mapping[tuple[str, int], Place]


class Lag(Protocol):
    """What the brokers know of a group of readers."""

    def places(self, group: str, topics: Collection[str]) -> Places:
        """Where a group stands. Raises BusError."""

    def members(self, group: str) -> int:
        """How many readers are in it. Raises BusError."""


class Ages:
    """For how long a group has had something to do, by where it and the topics stood at each look.

    >>> ages, looks = Ages(), ((5, 5, 0.0), (5, 9, 3.0), (5, 9, 6.0), (9, 12, 9.0))
    >>> [ages.look({("inputs", 0): Place(done, end)}, now_s) for done, end, now_s in looks]
    [0.0, 0.0, 3.0, 0.0]
    """

    def __init__(self) -> None:
        self._looks: deque[tuple[float, Mapping[tuple[str, int], int]]] = deque(maxlen=LOOKS)

    def look(self, places: Places, now_s: float) -> float:
        """How long the oldest record waits that was seen waiting; what came since the last look is 0 s old."""
        self._looks.append((now_s, {place: at.end for place, at in places.items()}))
        since = (self._since(place, at.done) for place, at in places.items() if at.behind)
        return now_s - min(since, default=now_s)

    def _since(self, place: tuple[str, int], done: int) -> float:
        return next(at_s for at_s, ends in self._looks if ends.get(place, 0) > done)


class Team(msgspec.Struct):
    """The readers of one group."""

    role: str
    topics: Collection[str]
    does: str  # "scores"
    ages: Ages = msgspec.field(default_factory=Ages)
    waits: CatchingUp = msgspec.field(default_factory=CatchingUp)
    missed: int = 0
    behind: int = 0
    age_s: float = 0.0

    def look(self, lag: Lag, now_s: float) -> None:
        """Ask the brokers. Raises BusError."""
        group = f"tocsin-{self.role}"
        places = lag.places(group, self.topics)
        self.missed = 0 if lag.members(group) else self.missed + 1
        self.waits.look(places)
        self.behind, self.age_s = sum(at.behind for at in places.values()), self.ages.look(places, now_s)

    def stalled(self) -> str:
        """Why it does not get on; empty if it does."""
        if self.missed >= MISSED:
            return f"Nobody {self.does}, and {self.behind} records wait: start tocsin {self.role}."
        if self.waits.left:  # for how long they wait, who began to look only now cannot say
            return f"Who {self.does} works on what waited before this page was started (records: {self.waits.left})."
        if self.age_s > BEHIND_S:
            return f"Who {self.does} is {self.age_s:.0f} s behind: add one more tocsin {self.role}, or look at its log."
        return ""

    def note(self) -> str:
        """How it is, in a sentence."""
        return f"tocsin {self.role}: {'nobody ' if self.missed else ''}at work, {self.behind} records behind."


class FleetStatus:
    """Looks at the teams every few seconds; `troubles` are what others have to say."""

    def __init__(
        self,
        lag: Lag,
        teams: Collection[Team],
        *,
        troubles: Callable[[], Collection[str]],
        notes: Callable[[], Collection[str]] = tuple,
        kept: Callable[[], Mapping[str, str]] = dict,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._lag = lag
        self._teams = tuple(teams)
        self._troubles = troubles
        self._notes = notes
        self._kept = kept
        self._clock_s = clock_s
        self._seen = False
        self.trouble = ""  # why the bus does not tell

    def run(self, stop: threading.Event) -> None:
        """Look until told to stop."""
        while not stop.is_set():
            try:
                self.look()
            except Exception:
                log.exception("how the fleet gets on could not be found out")
            stop.wait(LOOK_S)

    def look(self) -> None:
        """Look once."""
        try:
            for team in self._teams:
                team.look(self._lag, self._clock_s())
        except BusError as error:
            if not self.trouble:
                log.warning("%s", error)
            self.trouble = f"{error}. Alarms may be old, and none can be acknowledged."
        else:
            self.trouble, self._seen = "", True

    def status(self) -> BoxStatus:
        """For the page and for /readyz."""
        stalled = [said for team in self._teams if (said := team.stalled())] if not self.trouble else []
        slowest = self._teams[-1]
        return BoxStatus(
            lag_s=slowest.age_s if self._seen else None,
            backlog=slowest.behind if self._seen else None,
            stalled=" ".join(said for said in (self.trouble, *self._troubles(), *stalled) if said),
            fleet=True,
            kept=self._kept(),
            notes=(*(team.note() for team in self._teams if self._seen), *self._notes()),
        )
