"""What a test procedure is: steps that take time and measure quantities of a unit, each with its spread and limits."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from math import exp
from typing import Literal

Sides = Literal["both", "low", "high"]

WIDE = 8.0  # spreads from nominal to a limit
TIGHT = 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantity:
    """A property of units that several steps look at: which gauge reads it, and what moves it from unit to unit."""

    gauge: str
    lot: float  # shares of its variance: the lot that the parts come from,
    air: float  # the warmth of the hall (negative: it falls); the rest is the unit's own
    sides: Sides = "both"
    log: bool = False  # spreads are shares of the value


QUANTITIES: Mapping[str, Quantity] = {
    "supply": Quantity(gauge="voltmeter", lot=0.1, air=0.0),
    "resistance": Quantity(gauge="ohmmeter", lot=0.3, air=0.3),
    "inductance": Quantity(gauge="bridge", lot=0.5, air=0.0),
    "insulation": Quantity(gauge="megger", lot=0.2, air=-0.2, sides="low", log=True),
    "leak": Quantity(gauge="manometer", lot=0.1, air=0.1, sides="high", log=True),
    "emf": Quantity(gauge="voltmeter", lot=0.5, air=-0.1),
    "torque": Quantity(gauge="torque cell", lot=0.4, air=-0.1),
    "friction": Quantity(gauge="torque cell", lot=0.2, air=-0.2, sides="high", log=True),
    "vibration": Quantity(gauge="accelerometer", lot=0.1, air=0.0, sides="high", log=True),
    "current": Quantity(gauge="shunt", lot=0.3, air=0.1),
    "ripple": Quantity(gauge="scope", lot=0.3, air=0.1, sides="high", log=True),
    "warmth": Quantity(gauge="thermometer", lot=0.1, air=0.5, sides="high"),
    "position": Quantity(gauge="reference encoder", lot=0.1, air=0.0),
    "force": Quantity(gauge="load cell", lot=0.1, air=0.0),
}


@dataclass(frozen=True, slots=True)
class Measure:
    """One measurement of a step; out of limits it fails the unit only if it is critical."""

    name: str
    uom: str
    nominal: float
    spread: float
    shows: str  # which quantity
    reach: float = WIDE
    critical: bool = False
    stress: float = 1.0  # how much more than elsewhere a defect shows here, under full load
    grain: float = 0.3  # share of the variance that is this measurement's own: repeat it, and it differs

    def value(self, z: float) -> float:
        """What the gauge shows at `z` spreads from nominal, with the digits it has."""
        log = QUANTITIES[self.shows].log
        shown = self.nominal * exp(self.spread * z) if log else self.nominal + self.spread * z
        return float(f"{shown:.5g}")

    @property
    def limits(self) -> tuple[float | None, float | None]:
        """The lower and the upper limit, None where there is none."""
        sides = QUANTITIES[self.shows].sides
        low = None if sides == "high" else self.value(-self.reach)
        return low, None if sides == "low" else self.value(self.reach)

    def beyond(self, z: float) -> bool:
        """Whether `z` spreads from nominal are out of limits."""
        low, high = self.limits
        value = self.value(z)
        return (low is not None and value < low) or (high is not None and value > high)


@dataclass(frozen=True, slots=True)
class Step:
    """One step: how long it usually takes, what it measures, and what the unit says in it."""

    name: str
    seconds: float
    measures: tuple[Measure, ...]
    says: tuple[tuple[str, str | bool], ...] = ()


@dataclass(frozen=True, slots=True)
class Procedure:
    """The steps that a unit goes through, in order."""

    name: str
    version: str
    steps: tuple[Step, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the steps."""
        return tuple(step.name for step in self.steps)

    def place(self, name: str) -> int:
        """Where a step stands."""
        return self.names.index(name)

    def first(self, gauge: str) -> int:
        """The first step that reads a gauge."""
        return next(i for i, m in self.measures() if QUANTITIES[m.shows].gauge == gauge)

    def measures(self) -> Iterator[tuple[int, Measure]]:
        """Every measurement with the place of its step."""
        return ((i, measure) for i, step in enumerate(self.steps) for measure in step.measures)


def changed(procedure: Procedure) -> Procedure:
    """The next version: a step more in the middle, and one limit moved."""
    added = Step("S24A", 16, (Measure("hum", "dB", 41.0, 1.1, "vibration"),))
    steps = [replace(step, measures=tuple(map(_moved, step.measures))) for step in procedure.steps]
    steps.insert(procedure.place("S25"), added)
    return Procedure(procedure.name, str(int(procedure.version) + 1), tuple(steps))


def _moved(measure: Measure) -> Measure:
    return replace(measure, reach=5.0) if measure.name == "resistance_hot" else measure
