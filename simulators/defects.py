"""Latent defects of units under test: in which step they arise, and what they move from there on."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import exp


@dataclass(frozen=True, slots=True, kw_only=True)
class Defect:
    """What breaks in a step that stresses the unit; `moves` is in spreads of good units at severity 1, fully grown."""

    arises: tuple[str, ...]  # steps, one of them
    moves: Mapping[str, float]  # quantity -> spreads
    grows: float = 1.5  # e-fold, in steps
    slows: float = 0.0  # share by which later steps take longer
    common: float = 1.0  # how often it is, beside the others
    either_way: bool = False  # the sign differs from unit to unit

    def moved(self, quantity: str, steps_since: int, severity: float) -> float:
        """Spreads by which a quantity is off, so many steps after the defect arose (negative: it is still to come)."""
        full = self.moves.get(quantity, 0.0)
        return 0.0 if steps_since < 0 or not full else full * severity * (1.0 - exp(-(steps_since + 1) / self.grows))


DEFECTS: Mapping[str, Defect] = {
    "bearing": Defect(arises=("S08", "S10"), moves={"vibration": 5.0, "friction": 4.5, "warmth": 2.0}, slows=0.02),
    "joint": Defect(arises=("S06", "S15"), moves={"resistance": 5.0, "warmth": 3.0, "current": -3.0, "ripple": 1.5}),
    "magnet": Defect(arises=("S11", "S14"), moves={"emf": -5.0, "torque": -4.0, "current": 3.0}, grows=0.8),
    "seal": Defect(arises=("S09",), moves={"leak": 5.0, "insulation": -4.5, "friction": -3.0}, grows=2.0),
    "capacitor": Defect(arises=("S10", "S13"), moves={"ripple": 5.0, "supply": -3.0, "warmth": 3.0}, common=0.8),
    "encoder": Defect(
        arises=("S12", "S18"), moves={"position": 5.0, "torque": -3.0, "vibration": 2.0}, common=0.7, either_way=True
    ),
}

BENT = Defect(arises=("S04",), moves=DEFECTS["bearing"].moves)  # a press that pushes too hard damages the bearing
