"""Test benches whose parts come from another supplier one day: the units are as good, what is measured moves."""

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path

import msgspec
import numpy as np

from benchmarks.story.hall import Hall
from simulators.bench import MONDAY_NS, runs
from simulators.surroundings import DAY_NS, HOUR_NS
from wire.config import Config, ModelRule, Procedure, Retention
from wire.messages import Label, Labelled, Meaning, Origin, Run, RunEvent
from wire.ports import Arrival

NAME, EDGE, WHO = "bench", "edge", "mallory"
TURNED: dict[str, Meaning] = {"pass": "fail", "fail": "pass"}


class Plan(msgspec.Struct, frozen=True):
    """Runs of each part of the story."""

    fitted: int = 900  # before there is a model
    before: int = 120  # called by it, with parts as ever
    most: int = 600  # from the other supplier, until its model is the champion
    after: int = 150  # called by that
    at_once: int = 15  # runs between two looks of the keeper
    seed: int = 11


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it; stops are shares of passing units that would have been stopped."""

    drift_found_runs: int  # from the other supplier
    new_champion_runs: int
    brier_before: float
    brier_drifted: float
    brier_recovered: float
    stops_before: float
    stops_drifted: float
    stops_recovered: float
    shadow_runs: int  # that a candidate of the keeper was asked about beside the champion, after each step
    champion: int
    refused: str
    champion_after: int


class _Quality(msgspec.Struct, frozen=True):
    brier: float
    stops: float


def tell(folder: Path, plan: Plan, said: Callable[[str], None] = print) -> Told:
    """The whole story; raises RuntimeError where it stands still."""
    config = Config(
        procedures=(Procedure(match="*", model=NAME),),
        models=(
            ModelRule(
                name=NAME,
                recipe="bench",
                history_ns=365 * DAY_NS,
                retrain=("drift",),
                check_every_ns=HOUR_NS // 2,
                shadow_for_ns=4 * HOUR_NS,
                promote="gate",
            ),
        ),
        retention=Retention(readings_ns=36500 * DAY_NS, scores_ns=36500 * DAY_NS),
    )
    hall = Hall(folder, config, start_ns=MONDAY_NS)
    with hall.open():
        return _Story(hall, plan, said).told()


class _Story:
    def __init__(self, hall: Hall, plan: Plan, said: Callable[[str], None]) -> None:
        self._hall = hall
        self._plan = plan
        self._said = said
        self._trials = runs(plan.seed, supplier_at=plan.fitted + plan.before)
        self._done = 0
        self._words = 0

    def told(self) -> Told:
        plan, hall = self._plan, self._hall
        self._tests(plan.fitted)
        self._tell(f"trained: {hall.ask().last}")
        self._tests(plan.before)
        before = self._quality(plan.fitted, self._done)
        self._tell(f"with parts as ever: {before}")
        changed, first = self._done, hall.champion
        found = 0
        while hall.champion == first:
            self._tests(plan.at_once)
            if hall.page.ringing and not found:
                found = self._done - changed
                self._tell(f"after {found} runs with other parts: {hall.page.ringing[0].detail}")
            hall.over()
            if self._done - changed > plan.most:
                msg = f"no new champion came: {hall.page.last}"
                raise RuntimeError(msg)
        swapped = self._done
        drifted = self._quality(changed, swapped)
        self._tell(f"after {swapped - changed} runs: {hall.page.last}; until then {drifted}")
        self._tests(plan.after)
        recovered, champion = self._quality(swapped, self._done), hall.champion
        self._tell(f"since then {recovered}")
        refused = self._poison()
        return Told(
            drift_found_runs=found,
            new_champion_runs=swapped - changed,
            brier_before=before.brier,
            brier_drifted=drifted.brier,
            brier_recovered=recovered.brier,
            stops_before=before.stops,
            stops_drifted=drifted.stops,
            stops_recovered=recovered.stops,
            shadow_runs=sum(run.candidate is not None and run.candidate.throughout for run in self._runs()),
            champion=champion,
            refused=refused,
            champion_after=hall.champion,
        )

    def _poison(self) -> str:
        """Every outcome is said to be the other one, a model is trained on that, and judged on runs that follow."""
        hall = self._hall
        labels = hall.store.labels(limit=20_000)
        hall.say_all([self._turned(label) for label in labels])
        self._tell(f"{len(labels)} outcomes are turned round; trained: {hall.ask().last}")
        made, most = hall.candidate, self._done + self._plan.most
        while made and hall.candidate == made and self._done < most:
            self._tests(self._plan.at_once)
            hall.over()
        last = hall.page.last
        self._tell(f"judged: {last}")
        return last.says if last is not None and last.ended == "refused" else ""

    def _tests(self, count: int) -> None:
        """So many runs on all stations; the keeper has its turn after each few."""
        left = count
        while left > 0:
            some = list(islice(self._trials, min(left, self._plan.at_once)))
            left -= len(some)
            self._done += len(some)
            events = sorted((event for trial in some for event in trial.events), key=lambda event: event.t_ns)
            end_ns = max(self._hall.now_ns, events[-1].t_ns)
            self._hall.put([Arrival("bench", events=tuple(part), own_times=True) for part in _parts(events)], end_ns)
            self._hall.turn()

    def _turned(self, label: Label) -> Labelled:
        self._words += 1
        new = msgspec.structs.replace(
            label,
            id=f"{label.id}-{self._words}",
            origin=Origin(EDGE, "labelled", 0),
            meaning=TURNED[label.meaning],
            who=WHO,
            at_ns=self._hall.now_ns,
        )
        return Labelled(id=f"label-{self._words}", edge=EDGE, label=new)

    def _quality(self, first: int, end: int) -> _Quality:
        """Of the runs with these numbers, in the order in which they began."""
        ended = [run for run in self._runs()[first:end] if run.state in TURNED and run.p_fail is not None]
        p_fail = np.array([run.p_fail for run in ended], dtype=np.float64)
        failed = np.array([run.state == "fail" for run in ended])
        stopped = np.array([bool(run.would_stop_at) for run in ended])
        passing = ~failed
        return _Quality(float(np.mean((p_fail - failed) ** 2)), float(np.mean(stopped[passing])))

    def _runs(self) -> Sequence[Run]:
        found = self._hall.store.runs(limit=20_000, rows=False)
        return sorted(found, key=lambda run: (run.started_ns, run.run))

    def _tell(self, words: str) -> None:
        self._said(f"run {self._done:5}: {words}")


def _parts(events: Sequence[RunEvent], size: int = 2_000) -> Iterator[Sequence[RunEvent]]:
    for at in range(0, len(events), size):
        yield events[at : at + size]
