"""Features of everything that a unit has shown since its first row: what a test run looks like up to now."""

import numpy as np

from models.contract import F64, I64
from models.features.kind import Single

KEPT = 6  # sums of rows, of squares, of rows times their count; lowest, highest, first


class SoFar(Single, frozen=True, tag="so_far"):
    """Mean, deviation, lowest, highest, slope a row, first and last value of all rows up to now."""

    @property
    def memory(self) -> int:
        """Sums, extremes and the first row."""
        return KEPT

    @property
    def outputs(self) -> int:
        """See the class."""
        return 7

    def start(self, first: F64) -> F64:
        """Nothing summed yet."""
        nothing = np.zeros_like(first)
        return np.stack([nothing, nothing, nothing, first, first, first])

    def run(self, memory: F64, x: F64, age: I64) -> tuple[list[F64], F64]:
        """What the rows up to each come to."""
        total, square, tilted = (_added(memory[at], part) for at, part in enumerate((x, x * x, x * age)))
        low = np.minimum.accumulate(np.concatenate([memory[3:4], x]))[1:]
        high = np.maximum.accumulate(np.concatenate([memory[4:5], x]))[1:]
        first = np.broadcast_to(memory[5], x.shape)
        count = age + 1.0
        mean = total / count
        deviation = np.sqrt(np.maximum(square / count - mean * mean, 0.0))
        middle = age / 2.0
        slope = (tilted - middle * total) / np.maximum(count * (count * count - 1.0) / 12.0, 1.0)
        kept = np.stack([total[-1], square[-1], tilted[-1], low[-1], high[-1], memory[5]])
        return [mean, deviation, low, high, slope, first, x], kept


def _added(before: F64, x: F64) -> F64:
    """Running sums; one after the other, so that any split adds in the same order."""
    added: F64 = np.cumsum(np.concatenate([before[None], x]), axis=0)[1:]
    return added
