"""What goes wrong with runs as such: how often, and what it makes of a run's steps and events."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from simulators.procedure import Measure, Procedure, Step
from wire.messages import RunEnded, RunEvent, RunStarted, StepEnded

_FAR = 6  # events by which one may be late


@dataclass(frozen=True, slots=True, kw_only=True)
class Disorder:
    """How often each irregularity is, as a share of the runs; `retest`: of the runs that fail."""

    broken_off: float = 0.0  # one half is said to be aborted, the other says nothing more
    retest: float = 0.0
    out_of_order: float = 0.0
    overlapping: float = 0.0  # the next run on the station starts before this one is over
    missing: float = 0.0
    extra: float = 0.0  # one half are steps that no one planned, the other repeats a step
    startless: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what is no share."""
        for field in fields(self):
            if not 0.0 <= getattr(self, field.name) <= 1.0:
                msg = f"{field.name} is a share from 0 to 1, got {getattr(self, field.name)}"
                raise ValueError(msg)


ORDERLY = Disorder()

Placed = tuple[int, Step]  # where it stands in the procedure, and what is done


def steps(procedure: Procedure, disorder: Disorder, rng: np.random.Generator) -> list[Placed]:
    """The steps that a run really takes."""
    taken = list(enumerate(procedure.steps))
    if rng.random() < disorder.missing:
        begin, count = int(rng.integers(1, len(taken) - 4)), int(rng.integers(1, 4))
        del taken[begin : begin + count]
    if rng.random() < disorder.extra:
        at = int(rng.integers(1, len(taken) - 1))
        place, step = taken[at]
        by_hand = Step(f"{step.name}X", 30.0, (Measure("clamp_again", "kN", 6.2, 0.09, "force"),))
        taken.insert(at + 1, (place, step if rng.random() < 0.5 else by_hand))  # noqa: PLR2004 - one half of each
    return taken


def told(events: Sequence[RunEvent], disorder: Disorder, rng: np.random.Generator) -> tuple[RunEvent, ...]:
    """The events as they are sent."""
    said = list(events)
    if rng.random() < disorder.broken_off:
        said = _broken_off(said, rng)
    if rng.random() < disorder.out_of_order:
        said = _shuffled(said, rng)
    if rng.random() < disorder.startless:
        said = [event for event in said if not isinstance(event, RunStarted)]
    return tuple(said)


def _broken_off(events: list[RunEvent], rng: np.random.Generator) -> list[RunEvent]:
    """A run that stops somewhere between its first and its last step."""
    ends = [at for at, event in enumerate(events) if isinstance(event, StepEnded)]
    cut = ends[int(rng.integers(len(ends) - 1))] + int(rng.integers(1, 3))
    last = events[-1]
    assert isinstance(last, RunEnded)
    aborted = [aborted_end(last, events[cut - 1].t_ns + 1)] if rng.random() < 0.5 else []  # noqa: PLR2004 - one half
    return [*events[:cut], *aborted]


def aborted_end(end: RunEnded, t_ns: int) -> RunEnded:
    """The end of a run that was not tested to the end."""
    return RunEnded(run=end.run, outcome="aborted", t_ns=t_ns, station=end.station)


def _shuffled(events: list[RunEvent], rng: np.random.Generator) -> list[RunEvent]:
    """Some events come after later ones."""
    moved = list(events)
    for at in rng.integers(max(1, len(moved) - _FAR), size=5).tolist():
        moved.insert(at + int(rng.integers(1, _FAR)), moved.pop(at))
    return moved
