"""A hall of test benches at work: says runs when they are due, hears advice, and knows at the end who was right."""

import heapq
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from simulators.speech import Body, Spoken, aborted, spoken
from simulators.trial import Trial

PATIENCE_S = 0.25  # a bench waits no longer than this for advice
_LOOK_S = 0.05
_NS = 1_000_000_000


class BenchLine(Protocol):
    """How benches speak and hear."""

    def say(self, station: str, body: Body) -> None:
        """Send one message of a station."""

    def heard(self) -> list[Body]:
        """The advice that came since the last time."""


@dataclass(slots=True)
class Tally:
    """What came of it."""

    runs: int = 0
    said: int = 0  # messages
    answers: int = 0
    rightly: int = 0  # units stopped that would have failed
    wrongly: int = 0
    missed: int = 0  # units that failed without a stop
    bench_s: float = 0.0  # that all runs would take
    saved_s: float = 0.0  # by stops
    oracle_s: float = 0.0  # that stops would save which know the truth after each step


@dataclass(slots=True)
class _Talk:
    """One run on its way."""

    trial: Trial
    left: deque[Spoken]
    done: int = 0  # steps that ended
    answers: int = 0
    stopped_after: int | None = None  # steps


class Hall:
    """Plays trials over a line, `speed` times as fast as the plant (0: as fast as the line takes them).

    `wait` waits some seconds and says whether to end. With `obey` a run ends where advice says stop; without, it only
    counts as stopped. `hear` is told of each stop.
    """

    def __init__(
        self,
        line: BenchLine,
        *,
        speed: float,
        obey: bool,
        clock_ns: Callable[[], int],
        wait: Callable[[float], bool],
        hear: Callable[[Body, Trial], None],
        tally: Tally | None = None,
    ) -> None:
        self.tally = tally or Tally()
        self._line = line
        self._speed = speed
        self._obey = obey
        self._clock_ns = clock_ns
        self._wait = wait
        self._hear = hear
        self._talks: dict[str, _Talk] = {}
        self._queue: list[tuple[int, int, str]] = []  # when the next message of a run is due
        self._begun_ns = self._first_ns = 0

    def play(self, trials: Iterator[Trial]) -> Tally:
        """Play until the trials are over or `wait` says so."""
        ahead = next(trials, None)
        self._begun_ns, self._first_ns = self._clock_ns(), ahead.start_ns if ahead else 0
        while ahead or self._queue:
            if ahead and (not self._queue or ahead.start_ns <= self._queue[0][0]):
                self._begin(ahead)
                ahead = next(trials, None)
            elif not self._next():
                break
        return self.tally

    def _begin(self, trial: Trial) -> None:
        talk = _Talk(trial, deque(spoken(trial)))
        self._talks[trial.run] = talk
        heapq.heappush(self._queue, (talk.left[0].due_ns, trial.number, trial.run))

    def _next(self) -> bool:
        """Say the next message; false to end."""
        due_ns, number, run = heapq.heappop(self._queue)
        if not self._due(due_ns):
            return False
        talk = self._talks.get(run)
        if talk is None:
            return True  # stopped meanwhile
        said = talk.left.popleft()
        self._say(talk.trial.station, said.body, said.t_ns)
        if said.step:
            talk.done += 1
            if self._speed == 0 and self._obey:
                self._await(run, talk)
        if run not in self._talks:
            return True
        if talk.left:
            heapq.heappush(self._queue, (talk.left[0].due_ns, number, run))
        else:
            self._listen()
            if self._talks.pop(run, None) is not None:  # it was not stopped at the last moment
                self._count(talk)
        return True

    def _due(self, due_ns: int) -> bool:
        """Wait for a moment, hearing advice meanwhile; false to end."""
        if self._speed == 0:
            self._listen()
            return not self._wait(0.0)
        at_ns = self._begun_ns + round((due_ns - self._first_ns) / self._speed)
        while True:
            self._listen()
            left_s = (at_ns - self._clock_ns()) / _NS
            if self._wait(max(0.0, min(left_s, _LOOK_S))):
                return False
            if left_s <= _LOOK_S:
                return True

    def _await(self, run: str, talk: _Talk) -> None:
        """Give the advice after a step its time."""
        until_ns = self._clock_ns() + round(PATIENCE_S * _NS)
        answers = talk.answers
        while run in self._talks and talk.answers == answers and self._clock_ns() < until_ns:
            if self._wait(0.002):
                return
            self._listen()

    def _say(self, station: str, body: Body, t_ns: int) -> None:
        at_ns = self._clock_ns()
        if self._speed:
            at_ns = min(at_ns, self._begun_ns + round((t_ns - self._first_ns) / self._speed))
        self._line.say(station, {**body, "time": at_ns})
        self.tally.said += 1

    def _listen(self) -> None:
        for body in self._line.heard():
            self.tally.answers += 1
            talk = self._talks.get(str(body.get("run")))
            if talk is None:
                continue
            talk.answers += 1
            if not body.get("stop") or talk.stopped_after is not None:
                continue
            talk.stopped_after = talk.done
            self._hear(body, talk.trial)
            if self._obey:
                self._say(talk.trial.station, aborted(talk.trial.run), talk.trial.end_ns)
                self._count(self._talks.pop(talk.trial.run))

    def _count(self, talk: _Talk) -> None:
        trial, tally = talk.trial, self.tally
        tally.runs += 1
        tally.bench_s += sum(trial.seconds)
        if trial.doomed_at is not None:
            tally.oracle_s += sum(trial.seconds[trial.doomed_at + 1 :])
        if talk.stopped_after is None:
            tally.missed += trial.doomed_at is not None
        elif trial.doomed_at is None:
            tally.wrongly += 1
        else:
            tally.rightly += 1
            tally.saved_s += sum(trial.seconds[talk.stopped_after :])


def report(tally: Tally) -> Mapping[str, float]:
    """The figures for a program to read."""
    return {name: getattr(tally, name) for name in Tally.__dataclass_fields__}
