"""Looks at the whole plant in InfluxDB at its own pace, so that any number of people may ask twice a second.

A question that takes long is asked seldom: at most a twentieth of the time is spent on each, but for the channels of
devices that are new.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence

import msgspec

from store.influx.errors import InfluxError
from store.influx.reading.asking import Asking, between
from store.influx.reading.known import Known, Register
from store.influx.reading.names import text
from store.influx.reading.words import DEAD_FIELDS, GAP_FIELDS, dead_of, gaps_of, selected, sources_of
from store.influx.table import DEAD, DEVICE, EDGE, GAPS, LIVENESS, READINGS, SCORES, SOURCE, SOURCES
from store.port import StoreAwayError
from wire.config import DAY_NS
from wire.messages import NS_PER_S, DeadLetter, Gap, Liveness, SourceState

FRESH_S, WORDS_S, WHOLE_S, CHANNELS_S = 2.0, 5.0, 20.0, 300.0
LIVE_NS = 300 * NS_PER_S  # who spoke since is looked at often, the others now and then
SHARE = 20  # a question is not asked again for so many times as long as it took
EAGER_S = 0.2  # of each step may go to the channels of devices that are new
AT_ONCE = 8  # devices whose channels are asked for together: the question has to fit into a URL of 8 KB
CHANNEL_NS = 7 * DAY_NS  # a channel is listed that had a value in this time before a device's newest row
GAPS_MOST, DEAD_MOST = 200, 100
STEP_S = 0.25

log = logging.getLogger(__name__)


class _Due(msgspec.Struct):
    every_s: float
    ask: Callable[[], None]
    next_s: float = 0.0


class Glance:
    """The newest of everything; answers at once from memory, also while InfluxDB is away."""

    def __init__(
        self,
        asking: Asking,
        *,
        now_ns: Callable[[], int] = time.time_ns,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._asking = asking
        self._now_ns = now_ns
        self._clock_s = clock_s
        self._lock = threading.Lock()
        self._register = Register()
        self._sources: Sequence[tuple[str, SourceState]] = ()
        self._gaps: Sequence[tuple[str, Gap]] = ()
        self._dead: Sequence[DeadLetter] = ()
        self._channels_s = 0.0
        self._due = [
            _Due(WHOLE_S, self._whole),  # first, as it tells of devices that are silent
            _Due(FRESH_S, self._fresh),
            _Due(WORDS_S, self._words),
        ]

    def run(self, stop: threading.Event) -> None:
        """Look until told to stop."""
        while not stop.wait(STEP_S):
            try:
                self.look()
            except StoreAwayError:
                continue  # it has been said, and is told to everybody who asks
            except InfluxError as error:
                log.warning("a question was refused: %s", error)
                stop.wait(FRESH_S)
            except Exception:
                log.exception("what InfluxDB said could not be understood")
                stop.wait(FRESH_S)

    def look(self) -> None:
        """Ask what is due. Raises StoreAwayError, InfluxError."""
        for due in self._due:
            begun_s = self._clock_s()
            if begun_s >= due.next_s:
                due.ask()
                now_s = self._clock_s()
                due.next_s = now_s + max(due.every_s, SHARE * (now_s - begun_s))
        self._channels()

    def known(self) -> dict[str, Known]:
        """Every device by its true name, as it is known just now."""
        with self._lock:
            return {name: msgspec.structs.replace(one) for name, one in self._register.known.items()}

    def channels(self, device: str) -> tuple[str, ...]:
        """The channels of a device, none for one that nobody knows."""
        with self._lock:
            one = self._register.known.get(device)
            return one.channels if one is not None else ()

    def liveness(self) -> list[Liveness]:
        """The newest word on every device."""
        said = [one.alive(name) for name, one in sorted(self.known().items())]
        return [word for word in said if word is not None]

    def sources(self) -> list[tuple[str, SourceState]]:
        """The newest state of every source, with its edge."""
        return list(self._sources)

    def gaps(self) -> list[tuple[str, Gap]]:
        """The newest gaps."""
        return list(self._gaps)

    def dead(self) -> list[DeadLetter]:
        """The newest dead letters."""
        return list(self._dead)

    def _whole(self) -> None:
        """All devices, also those that said nothing for long."""
        lives, scores = self._asking.ask([_lives(self._asking)]), self._asking.ask([_newest_scores(self._asking)])
        named = self._asking.ask([self._asking.names(READINGS, DEVICE)])
        with self._lock:
            told = self._register.lives(lives)
            self._register.scored(scores)
            self._register.keep(told | self._register.named(named))

    def _fresh(self) -> None:
        """Those that spoke within the last minutes."""
        now_ns = self._now_ns()
        since = between(now_ns - LIVE_NS, now_ns + LIVE_NS)
        lives = self._asking.ask([_lives(self._asking, since)])
        scores = self._asking.ask([_newest_scores(self._asking, since)])
        with self._lock:
            self._register.lives(lives)
            self._register.scored(scores)

    def _words(self) -> None:
        """Sources, gaps and dead letters."""
        of = self._asking.of
        states = self._asking.ask([f"SELECT last(state) AS state, detail {of(SOURCES)} GROUP BY {EDGE}, {SOURCE}"])
        gaps = self._asking.ask([selected(GAP_FIELDS, of(GAPS), GAPS_MOST)])
        dead = self._asking.ask([selected(DEAD_FIELDS, of(DEAD), DEAD_MOST)])
        self._sources, self._gaps, self._dead = sources_of(states), gaps_of(gaps), dead_of(dead)

    def _channels(self) -> None:
        """The channels of devices: of all that are new, for a part of a step; else of those asked for longest ago."""
        begun_s = self._clock_s()
        while (some := self._next()) and not some[0].asked_s and self._clock_s() < begun_s + EAGER_S:
            self._describe(some)
        now_s = self._clock_s()
        if some and now_s >= self._channels_s and now_s - some[-1].asked_s > CHANNELS_S:
            self._describe(some)
            self._channels_s = self._clock_s() + SHARE * (self._clock_s() - now_s)

    def _next(self) -> list[Known]:
        with self._lock:
            return sorted(self._register.known.values(), key=lambda one: one.asked_s)[:AT_ONCE]

    def _describe(self, some: Sequence[Known]) -> None:
        found = self._asking.ask([statement for one in some for statement in _description(self._asking, one)])
        with self._lock:
            self._register.described(found)
            for one in some:
                one.asked_s = self._clock_s()


def _lives(asking: Asking, *conditions: str) -> str:
    return f"SELECT last(health), warm, last_s {asking.of(LIVENESS, *conditions)} GROUP BY {DEVICE}, {EDGE}"


def _newest_scores(asking: Asking, *conditions: str) -> str:
    return f"SELECT last(score) {asking.of(SCORES, *conditions)} GROUP BY {DEVICE}, {EDGE}"


def _description(asking: Asking, one: Known) -> list[str]:
    mine = f'"{DEVICE}" = {text(one.tag)}'
    lately = [f"time > {max(one.last_ns - CHANNEL_NS, 0)}"] if one.last_ns else []
    row = f"SELECT * {asking.of(READINGS, mine)} GROUP BY {DEVICE}"
    return [
        f"SELECT last(*) {asking.of(READINGS, mine, *lately)} GROUP BY {DEVICE}",
        f"{row} ORDER BY time LIMIT 1",
        f"{row} ORDER BY time DESC LIMIT 1",
    ]
