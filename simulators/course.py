"""How a fault grows: severity over true time, from 0 to its peak."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from simulators.rows import F64, I64


class Shape(StrEnum):
    """The way from onset to peak."""

    STEP = "step"  # at once, whatever the ramp
    LINEAR = "linear"
    EXPONENTIAL = "exponential"  # slow at first, e-fold every quarter of the ramp


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """Severity is 0 before `onset_ns`, `peak` from `onset_ns + ramp_ns` on, and 0 again from `until_ns`."""

    onset_ns: int
    ramp_ns: int = 0
    shape: Shape = Shape.LINEAR
    peak: float = 1.0
    until_ns: int | None = None

    def __post_init__(self) -> None:
        """Refuse a course that no fault can take."""
        if not 0.0 < self.peak <= 1.0 or self.ramp_ns < 0:
            msg = f"a fault grows to a peak in (0, 1] within a ramp that is not negative, got {self}"
            raise ValueError(msg)

    def severity(self, t_ns: I64) -> F64:
        """Severity in [0, 1] at each true time; never falls until the fault ends."""
        since = t_ns - self.onset_ns
        if self.shape is Shape.STEP or self.ramp_ns == 0:
            grown = np.ones(len(t_ns))
        else:
            part = np.clip(since / self.ramp_ns, 0.0, 1.0)
            grown = part if self.shape is Shape.LINEAR else np.expm1(4.0 * part) / np.expm1(4.0)
        present = (since >= 0) if self.until_ns is None else (since >= 0) & (t_ns < self.until_ns)
        severity: F64 = np.where(present, self.peak * np.minimum(grown, 1.0), 0.0)
        return severity

    def reaches_ns(self, severity: float) -> int | None:
        """The first true time at which the severity is at least this; None if it never is."""
        low, high = self.onset_ns, self.onset_ns + self.ramp_ns
        if self.until_ns is not None:
            high = min(high, self.until_ns - 1)
        if high < low or self._at(high) < severity:
            return None
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if self._at(middle) >= severity else (middle + 1, high)
        return low

    def _at(self, t_ns: int) -> float:
        return float(self.severity(np.array([t_ns], dtype=np.int64))[0])
