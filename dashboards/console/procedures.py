"""Procedures as they stand: how their runs ended, what early stops saved, and whether benches are told of them."""

import math
import threading
import time
from collections.abc import Callable, Sequence

import msgspec

from dashboards.console.desk import Desk
from models.runs.savings import Savings, savings
from store.port import Reader
from wire.config import Costs, Procedure
from wire.messages import Advice, Run

MOST = 10_000  # runs that are looked at, the newest
LIVE, ENDED = 200, 200  # running ones and ended ones that are shown
FRESH_S = 2.0
SHARE = 20  # a look is not repeated for so many times as long as it took
NEEDED = 30


class Standing(msgspec.Struct, frozen=True):
    """One procedure."""

    name: str
    rule: Procedure
    runs: Sequence[Run]  # newest start first, without their wide rows
    saved: Savings
    newest: Advice | None  # on the run that was advised on last

    @property
    def mode(self) -> str:
        """Whether benches are told: on, shadow or off."""
        return (self.newest.mode if self.newest is not None else "") or self.rule.advice or "shadow"

    @property
    def needed(self) -> int:
        """Failures still needed before a model can be trained."""
        if self.newest is not None:
            return self.newest.needed
        return max(0, (self.rule.needed_failures or NEEDED) - self.saved.states.get("fail", 0))

    @property
    def model(self) -> tuple[str, int]:
        """Which model advises, in which version; 0 while it has not."""
        if self.newest is not None and self.newest.model:
            return self.newest.model, self.newest.model_version
        return self.rule.model or "", 0

    @property
    def costs(self) -> Costs:
        """What its ends cost."""
        return self.rule.costs or Costs()

    def named(self, field: str) -> list[str]:
        """All edges, stations or versions that its runs name."""
        return sorted({getattr(run, field) for run in self.runs} - {""})


class Live(msgspec.Struct, frozen=True):
    """A run that goes on, and the newest word on it."""

    run: Run
    advice: Advice | None


class Look(msgspec.Struct, frozen=True):
    """All procedures, the runs that go on, and those that ended last."""

    procedures: Sequence[Standing] = ()
    live: Sequence[Live] = ()
    ended: Sequence[Run] = ()


class Procedures:
    """Looks at the runs of the store for all who ask, at most a twentieth of the time; blocking."""

    def __init__(self, desk: Desk, *, clock_s: Callable[[], float] = time.monotonic) -> None:
        """Nothing has been looked at yet."""
        self._desk = desk
        self._clock_s = clock_s
        self._lock = threading.Lock()
        self._look = Look()
        self._due_s = -math.inf

    def look(self) -> Look:
        """How it stands. Raises what the store raises."""
        with self._lock:
            begun_s = self._clock_s()
            if begun_s >= self._due_s:
                self._look = look(self._desk.reader, self._desk.procedure_of)
                now_s = self._clock_s()
                self._due_s = now_s + max(FRESH_S, SHARE * (now_s - begun_s))
            return self._look

    def forget(self) -> None:
        """Look anew when asked next."""
        with self._lock:
            self._due_s = -math.inf


def look(reader: Reader, rule_of: Callable[[str], Procedure]) -> Look:
    """Ask the store for all of it."""
    by_name: dict[str, list[Run]] = {}
    runs = reader.runs(limit=MOST, rows=False)
    for run in runs:
        by_name.setdefault(run.procedure, []).append(run)
    standings = [_standing(reader, name, some, rule_of(name)) for name, some in sorted(by_name.items())]
    going = [run for run in runs if run.state == "running"][:LIVE]
    ended = [run for run in runs if run.state != "running"][:ENDED]
    return Look(standings, [Live(run, newest(reader, run)) for run in going], ended)


def newest(reader: Reader, run: Run) -> Advice | None:
    """The last word on a run."""
    said = reader.advice(run.edge, run.run)
    return said[-1] if said else None


def _standing(reader: Reader, name: str, runs: Sequence[Run], rule: Procedure) -> Standing:
    last = max(runs, key=lambda run: run.changed_ns)
    saved = savings(runs, rule.costs or Costs())
    return Standing(name, rule, runs, saved, newest(reader, last))
