"""A recorded CSV file played again, at its own pace, at another, or as fast as it can be taken."""

import threading
import time
from collections.abc import Callable, Iterable
from contextlib import closing
from itertools import chain
from math import isfinite
from pathlib import Path

from edge.sources.csv_file import CsvFile, Line
from edge.sources.offer import offer
from edge.sources.pace import Pace
from edge.sources.parsed import Parsed, Unread
from edge.sources.refusals import Refusals
from wire.config import Config, ReplaySource
from wire.messages import Event
from wire.ports import Arrival, Intake, Row

BATCH_ROWS = 1000
AHEAD_S = 0.005  # rows due within this go together


def build(settings: ReplaySource, *, name: str, config: Config) -> "Replay":
    """Make the source that the settings describe; raises ValueError naming a setting that cannot be."""
    _ = config
    return Replay(settings, name=name)


class Replay:
    """Plays a file's rows in order.

    Rows keep their own times; moved to now, the first row happens now and the others follow as far apart as they were
    recorded. A loop goes on after the last row as if the recording had been made again. The times are checked against
    the clock only where they ought to fit it: moved to now and at their own pace.
    """

    acknowledged = False

    def __init__(
        self,
        settings: ReplaySource,
        *,
        name: str,
        clock_ns: Callable[[], int] = time.time_ns,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        if not isfinite(settings.speed) or settings.speed < 0:
            msg = f"speed: expected 0 (as fast as possible) or more, got {settings.speed:g}"
            raise ValueError(msg)
        self.name = name
        self._settings = settings
        self._file = CsvFile(
            Path(settings.path),
            separator=settings.separator,
            time_field=settings.time_field,
            ignore=settings.ignore,
        )
        self._clock_ns = clock_ns
        self._monotonic_s = monotonic_s
        live = settings.moved_to_now and settings.speed == 1 and settings.times != "own"
        self._own_times = not live

    def run(self, intake: Intake, stop: threading.Event, connected: Callable[[str], None]) -> None:
        """Play the file to its end, or until stopped; raises SourceError if it cannot be read."""
        player = _Player(self._settings, self.name, self._monotonic_s, intake, stop, own_times=self._own_times)
        pace = None
        while pace is None or self._settings.loop:
            with closing(self._file.lines()) as lines:
                first = next(lines, None)  # opens the file, so that a missing one is never called connected
                if pace is None:
                    pace = self._pace()
                    connected(self._sentence())
                if first is None or not player.play(chain((first,), lines), pace):
                    break
            pace.again()
        player.end()

    def _pace(self) -> Pace:
        moved_to_ns = self._clock_ns() if self._settings.moved_to_now else None
        return Pace(speed=self._settings.speed, moved_to_ns=moved_to_ns, begun_s=self._monotonic_s())

    def _sentence(self) -> str:
        speed = self._settings.speed
        return f"plays {self._settings.path} {f'at {speed:g} times its pace' if speed else 'as fast as possible'}"


class _Player:
    """What is gathered for the next arrival; at most `BATCH_ROWS` rows."""

    def __init__(
        self,
        settings: ReplaySource,
        name: str,
        monotonic_s: Callable[[], float],
        intake: Intake,
        stop: threading.Event,
        *,
        own_times: bool,
    ) -> None:
        self._name = name
        self._device = settings.device
        self._paced = settings.speed > 0
        self._monotonic_s = monotonic_s
        self._intake = intake
        self._stop = stop
        self._own_times = own_times
        self._refusals = Refusals(source=name, device=settings.device)
        self._rows: list[Row] = []
        self._events: list[Event] = []

    def play(self, lines: Iterable[Line], pace: Pace) -> bool:
        """Put every line's row when it is due; false if there was none, or if told to stop."""
        played = False
        for line in lines:
            outcome = line.outcome
            if isinstance(outcome, Parsed) and outcome.claimed_ns is not None:
                due_s, claimed_ns = pace.place(outcome.claimed_ns)
                if self._paced and not self._wait_until(due_s):
                    return False
                self._rows.append(Row(self._device, outcome.channels, outcome.values, claimed_ns))
                played = True
            elif isinstance(outcome, Unread):
                self._refuse(line, outcome)
            if len(self._rows) >= BATCH_ROWS and not self._put():
                return False
        return played and not self._stop.is_set()

    def end(self) -> None:
        """Put what is left."""
        self._events += self._refusals.rest()
        self._put()

    def _refuse(self, line: Line, outcome: Unread) -> None:
        now_s = self._monotonic_s()
        place = f"line {line.number}: "
        self._events += self._refusals.add(outcome.reason, line.body, now_s=now_s, size=line.size, place=place)
        self._events += self._refusals.due(now_s=now_s)

    def _wait_until(self, due_s: float) -> bool:
        wait_s = due_s - self._monotonic_s()
        if wait_s <= AHEAD_S:
            return not self._stop.is_set()
        return self._put() and not self._stop.wait(wait_s)

    def _put(self) -> bool:
        if not self._rows and not self._events:
            return not self._stop.is_set()
        rows, events = tuple(self._rows), tuple(self._events)
        self._rows.clear()
        self._events.clear()
        arrival = Arrival(source=self._name, rows=rows, events=events, own_times=self._own_times)
        return offer(self._intake, arrival, self._stop) and not self._stop.is_set()
