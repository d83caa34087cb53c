"""Units under test: what their lot, the air and their own making do to each quantity, and what is latent in them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from simulators.defects import BENT, DEFECTS, Defect
from simulators.procedure import QUANTITIES, Procedure

_MASK = (1 << 64) - 1  # what a key holds
LOT = 40  # units whose parts come from one lot
OTHER_SUPPLIER: Mapping[str, float] = {  # spreads by which another supplier's parts differ; they are as good
    "resistance": 1.0,
    "inductance": 1.8,
    "friction": 1.3,
    "vibration": 1.8,
    "ripple": 1.5,
    "leak": 1.0,
}
_BAD, _MILD, _SUDDEN = 0.07, 0.025, 0.015  # shares of units
_SEVERITY, _MILDNESS = (1.0, 0.2), (0.22, 0.25)  # median and spread of its logarithm
_STRENGTH = 2.2  # spreads of too much force at which a press begins to bend, give or take a unit


@dataclass(frozen=True, slots=True)
class Unit:
    """One unit: its quantities in spreads from nominal without the air, and its defect, if it has one."""

    name: str
    made: Mapping[str, float]
    kind: str = "good"
    defect: Defect | None = None
    arises: str = ""  # step; "" once it has arisen
    severity: float = 0.0
    sudden: str = ""  # a critical measurement's step in which it gives way without a sign

    def retested(self) -> "Unit":
        """The same unit when it comes again: what broke is broken, what gave way may have been a bad contact."""
        return replace(self, arises="", sudden="", kind=self.kind if self.defect else "good")

    def pressed(self, force: float, rng: np.random.Generator) -> "Unit":
        """The unit after a press that pushes so many spreads too hard, if that bends it."""
        harm = force - _STRENGTH + 0.5 * float(rng.standard_normal())
        if self.defect or self.sudden or harm <= 0:
            return self
        return replace(self, kind="drift:press", defect=BENT, arises=BENT.arises[0], severity=0.7 + 0.3 * harm)

    def moved(self, quantity: str, place: int, procedure: Procedure) -> float:
        """Spreads by which its defect moves a quantity in the step at a place."""
        if self.defect is None:
            return 0.0
        begin = procedure.place(self.arises) if self.arises else -10
        return self.defect.moved(quantity, place - begin, self.severity)


def unit(seed: int, number: int, procedure: Procedure, *, other_supplier: bool) -> Unit:
    """The unit with a number; a pure function of its arguments."""
    rng, of_lot = _chance(seed, 2 * number), _chance(seed, 2 * (number // LOT) + 1)
    lot = of_lot.standard_normal(len(QUANTITIES))
    own = rng.standard_normal(len(QUANTITIES))
    made = {
        name: float(
            np.sqrt(quantity.lot) * lot[i]
            + np.sqrt(1.0 - quantity.lot - abs(quantity.air)) * own[i]
            + OTHER_SUPPLIER.get(name, 0.0) * other_supplier
        )
        for i, (name, quantity) in enumerate(QUANTITIES.items())
    }
    return _with_latent(Unit(f"SD-{seed}-{number:06d}", made), procedure, rng)


def _chance(seed: int, which: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(key=np.array([seed & _MASK, which], dtype=np.uint64)))


def _with_latent(good: Unit, procedure: Procedure, rng: np.random.Generator) -> Unit:
    lot = float(rng.random())
    if lot < _BAD + _MILD:
        median, spread = _SEVERITY if lot < _BAD else _MILDNESS
        return _defective(good, median * float(np.exp(spread * rng.standard_normal())), rng, mild=lot >= _BAD)
    if lot < _BAD + _MILD + _SUDDEN:
        steps = [step.name for step in procedure.steps if any(measure.critical for measure in step.measures)]
        return replace(good, kind="sudden", sudden=steps[int(rng.integers(len(steps)))])
    return good


def _defective(good: Unit, severity: float, rng: np.random.Generator, *, mild: bool) -> Unit:
    common = np.array([defect.common for defect in DEFECTS.values()])
    name = list(DEFECTS)[int(rng.choice(len(DEFECTS), p=common / common.sum()))]
    defect = DEFECTS[name]
    if defect.either_way and rng.random() < 0.5:  # noqa: PLR2004 - one way as often as the other
        defect = replace(defect, moves={**defect.moves, "position": -defect.moves["position"]})
    arises = defect.arises[int(rng.integers(len(defect.arises)))]
    kind = f"mild:{name}" if mild else f"defect:{name}"
    return replace(good, kind=kind, defect=defect, arises=arises, severity=severity)
