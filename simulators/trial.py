"""One unit going once through a procedure: what the bench says of it, and beside it the truth."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from simulators.disorder import Placed
from simulators.procedure import QUANTITIES, Measure, Procedure
from simulators.station import Wear
from simulators.unit import Unit
from wire.messages import NS_PER_S, Measured, RunEnded, RunEvent, RunStarted, StepEnded

_OUTLIER = 0.0015  # share of measurements that are far off: a contact bounced, someone slammed a door
_GIVES_WAY = 12.0  # spreads by which a unit that breaks down in one measurement is off


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A run. `doomed_at` is the index in `steps` after which the unit was truly doomed, None for one that passes."""

    run: str
    unit: str
    station: str
    number: int
    events: tuple[RunEvent, ...]  # in the order in which they are sent; their times are the sensors'
    steps: tuple[str, ...]
    seconds: tuple[float, ...]
    outcome: Literal["pass", "fail", "aborted", ""]  # what the bench says at the end; "": nothing
    doomed_at: int | None
    kind: str  # "good", "mild:bearing", "defect:bearing", "drift:press", "drift:ohmmeter", "sudden"

    @property
    def start_ns(self) -> int:
        """When it began."""
        return min(event.t_ns for event in self.events)

    @property
    def end_ns(self) -> int:
        """When the last was said of it."""
        return max(event.t_ns for event in self.events)


@dataclass(frozen=True, slots=True)
class Reading:
    """One measurement as it was made, and the place of the step that doomed the unit, if its value fails it."""

    measure: Measure
    z: float
    doom: int | None = None


class Test:
    """What happens to one unit on one station: the readings of each step, and how long it took."""

    def __init__(
        self,
        unit: Unit,
        wear: Wear,
        procedure: Procedure,
        taken: Sequence[Placed],
        *,
        air: float,
        rng: np.random.Generator,
    ) -> None:
        self._unit = unit
        self.wear = wear
        self._procedure = procedure
        self._air = air
        self._rng = rng
        self.taken = taken
        self.readings = [[self._reading(place, measure) for measure in step.measures] for place, step in taken]
        hands = 0.04 * float(rng.standard_normal())
        self.seconds = [self._took(place, step.seconds, hands) for place, step in taken]

    @property
    def doomed(self) -> int | None:
        """The place in the procedure of the step after which the unit could only fail."""
        dooms = [reading.doom for step in self.readings for reading in step if reading.doom is not None]
        return min(dooms, default=None)

    @property
    def doomed_at(self) -> int | None:
        """The same as an index in the steps that were taken."""
        doomed = self.doomed
        return None if doomed is None else next(i for i, (place, _) in enumerate(self.taken) if place >= doomed)

    def _reading(self, place: int, measure: Measure) -> Reading:
        quantity = QUANTITIES[measure.shows]
        made = self._unit.made[measure.shows] + float(np.sign(quantity.air) * np.sqrt(abs(quantity.air))) * self._air
        own = float(np.sqrt(1.0 - measure.grain)) * made
        moved = measure.stress * self._unit.moved(measure.shows, place, self._procedure)
        state = own + moved + self.wear.reads(measure.shows)
        z = state + float(np.sqrt(measure.grain) * self._rng.standard_normal()) + self._far_off(place, measure)
        if not (measure.critical and measure.beyond(z)):
            return Reading(measure, z)
        if not measure.beyond(state):
            return Reading(measure, z, place)
        return Reading(measure, z, self._cause(place, measure, moved))

    def _far_off(self, place: int, measure: Measure) -> float:
        """Spreads by which this one reading is off, once."""
        drawn, size, way = (float(lot) for lot in self._rng.random(3))
        if measure.critical:
            gives_way = self._unit.sudden == self._procedure.steps[place].name
            return (-_GIVES_WAY if measure.limits[1] is None else _GIVES_WAY) * gives_way
        return (4.0 + 8.0 * size) * (1.0 if way < 0.5 else -1.0) * (drawn < _OUTLIER)  # noqa: PLR2004 - up and down

    def _cause(self, place: int, measure: Measure, moved: float) -> int:
        """The place of the step that made a state what it is."""
        if moved and self._unit.arises:
            return self._procedure.place(self._unit.arises)
        if moved:
            return 0
        return min(place, self._procedure.first(QUANTITIES[measure.shows].gauge))

    def _took(self, place: int, seconds: float, hands: float) -> float:
        unit = self._unit
        harmed = unit.defect is not None and (not unit.arises or place >= self._procedure.place(unit.arises))
        slower = unit.defect.slows * unit.severity if unit.defect is not None and harmed else 0.0
        return round(seconds * float(np.exp(hands + slower + 0.025 * self._rng.standard_normal())), 2)


def events(test: Test, start: RunStarted) -> Iterator[RunEvent]:
    """The events of a run in order."""
    yield start
    run, station, t_ns = start.run, start.station, start.t_ns
    for (_, step), seconds, readings in zip(test.taken, test.seconds, test.readings, strict=True):
        took_ns = round(seconds * NS_PER_S)
        for name, says in step.says:
            yield Measured(run=run, step=step.name, name=name, value=says, t_ns=t_ns + took_ns // 4, station=station)
        for i, reading in enumerate(readings):
            measure, (low, high) = reading.measure, reading.measure.limits
            at_ns = t_ns + took_ns * (i + 1) // (len(readings) + 1)
            yield Measured(
                run, step.name, measure.name, measure.value(reading.z), measure.uom, low, high, at_ns, station
            )
        t_ns += took_ns
        yield StepEnded(run=run, step=step.name, t_ns=t_ns, duration_s=seconds, station=station)
    outcome: Literal["pass", "fail"] = "pass" if test.doomed is None else "fail"
    yield RunEnded(run=run, outcome=outcome, t_ns=t_ns + NS_PER_S, station=station)
