"""Takes run events in whatever order they come: keeps what is told, names what is irregular, and asks for advice."""

import math
import re

import msgspec

from models.runs.row import cells, took
from stream.alarms.phrase import span
from stream.benches import remarks
from stream.benches.answering import answer
from stream.benches.beginning import go_on, join, start
from stream.benches.ending import BROKEN_OFF_NS, end, give_up
from stream.benches.habits import planned, unusual
from stream.benches.ledger import Ledger
from stream.benches.run import MOST_NAME, MOST_STEPS, RunRecord
from stream.draft import Draft, Occasion
from stream.inputs import BODY
from stream.models.detectors import Detectors
from wire.messages import NS_PER_S, Batch, DeadLetter, Measured, RunEnded, RunEvent, RunStarted, Step, StepEnded

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
LONGEST_S = 30 * 86_400.0  # of a step

replace = msgspec.structs.replace


def take(batch: Batch, at: Occasion, draft: Draft, detectors: Detectors) -> None:
    """Take the run events of a batch, then give up what has been silent for too long."""
    events = [event for event in batch.events if isinstance(event, RunEvent)]
    if not events and at.edge not in draft.benches:
        return
    clerk = Clerk(Ledger(batch, at, draft, detectors))
    for event in events:
        clerk.take(event)
    clerk.look_at_the_clock()


class Clerk:
    """One event at a time; a run is told when it starts, at each remark, when a stop is due, and at its end."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def take(self, event: RunEvent) -> None:
        """Take one event."""
        t_ns = event.t_ns or self._ledger.clock_ns
        reason = _unfit(event) or self._past(event) or self._astray(event)
        if reason:
            self._refuse(event, reason)
            self._ledger.tell(t_ns)
            return
        match event:
            case RunStarted():
                start(event, t_ns, self._ledger)
            case Measured():
                self._measured(event, t_ns)
            case StepEnded():
                self._step(event, t_ns)
            case RunEnded():
                self._end(event, t_ns)
        self._ledger.tell(t_ns)

    def look_at_the_clock(self) -> None:
        """Give up runs of which nothing was heard for long, in the order of those instants; let old ones go."""
        ledger, due = self._ledger, []
        for name in ledger.floor.open():
            run = ledger.floor.look(name)
            assert run is not None
            if run.heard_ns < 0:
                self._await(name)
                continue
            after_ns = ledger.rule(run).broken_off_after_ns or BROKEN_OFF_NS
            if run.heard_ns + after_ns <= ledger.edge_clock_ns:
                due.append((run.heard_ns + after_ns, name, after_ns))
        for at_ns, name, after_ns in sorted(due):
            run = ledger.floor.run(name)
            assert run is not None
            give_up(name, run, f"nothing was heard of it for {span(after_ns)}", at_ns, ledger)
            ledger.tell(at_ns)
        ledger.floor.forget()

    def _await(self, name: str) -> None:
        """A run whose record was lost: its time begins now."""
        run = self._ledger.floor.run(name)
        assert run is not None
        run.heard_ns = run.started_ns = self._ledger.edge_clock_ns

    def _past(self, event: RunEvent) -> str:
        """Why nothing is taken under the name of a run that is long over, or was given again; "" for any other."""
        run = self._ledger.floor.look(event.run)
        if run is None and self._ledger.floor.forgotten(event.run):
            return f"run {remarks.short(event.run)} is long over: a run's name is given once"
        if run is not None and run.given_again:
            return f"run {remarks.short(event.run)} was started again as another: a run's name is given once"
        return ""

    def _astray(self, event: RunEvent) -> str:
        """Why nothing is taken into a run that comes from another station than it is on: it is of another unit."""
        run = self._ledger.floor.look(event.run)
        if run is None or not (run.station and event.station) or run.station == event.station:
            return ""
        mine = self._ledger.floor.run(event.run)
        assert mine is not None
        self._ledger.note(event.run, mine, [remarks.astray(event.station)])
        here, there = remarks.short(run.station), remarks.short(event.station)
        return (
            f"run {remarks.short(event.run)} is on station {here}, this came from {there}: a run's name is given once"
        )

    def _refuse(self, event: RunEvent, reason: str) -> None:
        body, at = msgspec.json.encode(event), self._ledger.at
        t_ns = event.t_ns or self._ledger.clock_ns
        letter = DeadLetter(at.origin, event.source or "runs", reason, body[:BODY], size=len(body), t_ns=t_ns)
        at.out.append(letter)

    def _measured(self, event: Measured, t_ns: int) -> None:
        name, ledger = event.run, self._ledger
        what = f"{remarks.short(event.step)}/{remarks.short(event.name)} was measured"
        run = join(event, what, t_ns, ledger)
        if run.over:
            ledger.note(name, run, [remarks.past(what)])
        step = self._place(event, run)
        if step is None:
            return
        found = cells(event)
        if any(column in run.row for column in found):
            ledger.note(name, run, [f"{remarks.short(event.step)} was measured again"])
        elif step.ended_ns and not run.over:
            ledger.note(name, run, [f"{what} after that step ended"])
        run.steps[event.step] = replace(step, measured=step.measured + 1)
        self._lay(found, name, run)

    def _place(self, event: Measured | StepEnded, run: RunRecord) -> Step | None:
        """The step of a run that an event is of; None if there are too many."""
        step = run.steps.get(event.step)
        if step is None and len(run.steps) >= MOST_STEPS:
            self._ledger.note(event.run, run, [remarks.MANY_STEPS])
            return None
        return step or Step(event.step)

    def _lay(self, found: dict[str, float], name: str, run: RunRecord) -> None:
        if not run.lay(found):
            self._ledger.note(name, run, [remarks.MANY_COLUMNS])

    def _step(self, event: StepEnded, t_ns: int) -> None:
        name, ledger = event.run, self._ledger
        what = f"{remarks.short(event.step)} ended"
        run = join(event, what, t_ns, ledger)
        step = self._place(event, run)
        if step is not None:
            ledger.note(name, run, self._irregular(event, run, step, what))
            seconds = _seconds(event, run, t_ns)
            if not (run.over and step.ended_ns):
                run.steps[event.step] = replace(step, ended_ns=t_ns, duration_s=seconds)
                run.went_on = run.went_on or run.stopped_at not in {"", event.step}
            self._lay(took(event.step, seconds) if seconds is not None else {}, name, run)
        if run.over:
            ledger.change(name)  # what came after the end is told with it
        answer(event, run, t_ns, ledger)

    def _irregular(self, event: StepEnded, run: RunRecord, step: Step, what: str) -> list[str]:
        found = [remarks.past(what)] if run.over else []
        if event.duration_s is not None and _duration(event) is None:
            found.append(f"{remarks.short(event.step)} is said to have taken {event.duration_s:g} s")
        if step.ended_ns:
            return [*found, f"{what} twice"]
        ground = self._ledger.ground(run)
        if order := planned(run, ground.rule):
            found += remarks.order(event.step, run, order)
        elif unusual(event.step, run, ground.procedure):
            found.append(remarks.unplanned(event.step))
        return found

    def _end(self, event: RunEnded, t_ns: int) -> None:
        ledger = self._ledger
        run = ledger.floor.run(event.run)
        if run is None:
            known = "nothing is known of it: its start or a step has to come first"
            self._refuse(event, f"run {remarks.short(event.run)} ends, but {known}")
            return
        go_on(event.run, run, ledger)
        if run.over:
            ledger.note(event.run, run, [remarks.twice(run, event.outcome)])
            return
        run.source = run.source or event.source
        end(event, run, t_ns, ledger)


def _unfit(event: RunEvent) -> str:
    """Why an event cannot be taken; "" if it can."""
    for field in ("run", "step", "name", "unit", "procedure", "version", "station", "operator", "retest_of"):
        said = getattr(event, field, None)
        if said is not None and len(said) > MOST_NAME:
            return f"its {field} has {len(said)} characters, more than {MOST_NAME}"
        if said and (said.isspace() or _CONTROL.search(said)):
            return f"its {field} {said!r:.{MOST_NAME}} cannot be read on a page"
    if any(len(step) > MOST_NAME or _CONTROL.search(step) for step in getattr(event, "steps", ())):
        return f"one of its steps has more than {MOST_NAME} characters, or some that cannot be read"
    if not event.run or getattr(event, "step", "-") == "":
        return "it names no run" if not event.run else "it names no step"
    return ""


def _duration(event: StepEnded) -> float | None:
    """How long a step took as its bench says, where that can be."""
    said = event.duration_s
    return said if said is not None and math.isfinite(said) and 0.0 <= said <= LONGEST_S else None


def _seconds(event: StepEnded, run: RunRecord, t_ns: int) -> float | None:
    """How long a step took: as the bench says, else since the step before it, or the start."""
    if event.duration_s is not None:
        return _duration(event)
    before_ns = max((step.ended_ns for step in run.steps.values()), default=0) or (run.started_ns if run.begun else 0)
    return (t_ns - before_ns) / NS_PER_S if 0 < before_ns <= t_ns else None
