"""What a test bench says of a run: its events as JSON objects, a step together with what was measured in it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from simulators.trial import Trial
from wire.messages import Measured, RunEnded, RunEvent, RunStarted, StepEnded

Body = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Spoken:
    """One message: when it is due, when what it tells happened, and the step that ends with it, if one does."""

    due_ns: int
    t_ns: int
    body: Body
    step: str = ""


def spoken(trial: Trial) -> Iterator[Spoken]:
    """The messages of a run in the order in which they are sent."""
    due_ns = 0
    held: list[Measured] = []
    for event in trial.events:
        due_ns = max(due_ns, event.t_ns)
        if isinstance(event, Measured):
            if held and held[-1].step != event.step:
                yield from _apart(held, due_ns)
            held.append(event)
            continue
        own = isinstance(event, StepEnded) and all(one.step == event.step for one in held)
        if not own:
            yield from _apart(held, due_ns)
        yield Spoken(due_ns, event.t_ns, _body(event, held), event.step if isinstance(event, StepEnded) else "")
        held.clear()
    yield from _apart(held, due_ns)


def aborted(run: str) -> Body:
    """What a bench says that stopped on advice: it does not know whether the unit would have passed."""
    return {"event": "run-ended", "run": run, "outcome": "aborted"}


def _apart(held: list[Measured], due_ns: int) -> Iterator[Spoken]:
    for one in held:
        yield Spoken(due_ns, one.t_ns, {"event": "measured", "run": one.run, "step": one.step, **_measurement(one)})
    held.clear()


def _body(event: RunEvent, held: list[Measured]) -> Body:
    match event:
        case RunStarted():
            said = ("run", "unit", "procedure", "version", "operator", "retest_of", "steps")
            return {"event": "run-started", **{name: getattr(event, name) for name in said if getattr(event, name)}}
        case StepEnded():
            step = {"event": "step", "run": event.run, "step": event.step, "duration_s": event.duration_s}
            return step | ({"measurements": [_measurement(one) for one in held]} if held else {})
        case RunEnded():
            return {"event": "run-ended", "run": event.run, "outcome": event.outcome}
        case Measured():
            return {"event": "measured", "run": event.run, "step": event.step, **_measurement(event)}


def _measurement(event: Measured) -> dict[str, object]:
    said = {"name": event.name, "value": event.value, "uom": event.uom, "low": event.low, "high": event.high}
    return {name: value for name, value in said.items() if value is not None and value != ""}
