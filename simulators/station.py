"""A station of test benches as it ages: one gauge or its press drifts over tens of units, until it is repaired."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from simulators.procedure import QUANTITIES

PRESS = "press"
_DRIFTERS = ("ohmmeter", "torque cell", PRESS)
_FASTER = 1.08  # what is worn wears faster
_WELL = 90.0  # units between a repair and the next drift, on average
_FAILS = 5  # units fail before someone looks at the station


@dataclass(frozen=True, slots=True)
class Wear:
    """What is wrong with a station: by how many spreads which gauge reads off, or the press pushes too hard."""

    gauge: str = ""
    off: float = 0.0
    always: Mapping[str, float] = field(default_factory=dict)  # spreads by which each gauge reads off for good

    def reads(self, quantity: str) -> float:
        """Spreads by which a quantity reads off."""
        gauge = QUANTITIES[quantity].gauge
        return self.always.get(gauge, 0.0) + (self.off if gauge == self.gauge else 0.0)

    @property
    def pressed(self) -> float:
        """Spreads by which the press pushes harder than it should."""
        return self.off if self.gauge == PRESS else 0.0


class Station:
    """One station; between two units it wears, and what its failed units have in common is repaired."""

    def __init__(self, name: str, rng: np.random.Generator, always: Mapping[str, float] | None = None) -> None:
        self.name = name
        self.wear = Wear(always=always or {})
        self._rng = rng
        self._rate = 0.0
        self._fails = 0
        self._well = self._spell()

    def next(self, *, failed_by_wear: bool) -> None:
        """A unit is done: wear on, or be repaired."""
        self._fails += failed_by_wear
        if self._well > 0:
            self._well -= 1
            if not self._well:
                self._begin()
        elif self._fails >= _FAILS:
            self.wear, self._fails, self._well = Wear(always=self.wear.always), 0, self._spell()
        else:
            self._rate *= _FASTER
            self.wear = replace(self.wear, off=self.wear.off + self._rate * self._rng.uniform(0.4, 1.6))

    def _begin(self) -> None:
        gauge = _DRIFTERS[int(self._rng.integers(len(_DRIFTERS)))]
        way = 1.0 if gauge == PRESS or self._rng.random() < 0.5 else -1.0  # noqa: PLR2004 - up as often as down
        self.wear = replace(self.wear, gauge=gauge, off=0.0)
        self._rate = way * self._rng.uniform(0.05, 0.1)

    def _spell(self) -> int:
        return 1 + int(self._rng.exponential(_WELL))
