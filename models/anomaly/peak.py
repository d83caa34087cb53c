"""When most of the way back is back: a machine seldom returns wholly to where it was before a fault."""

from dataclasses import dataclass

import numpy as np

from models.contract import F64
from models.features import fading

SMALLEST = 1.0  # limits: peaks below it were no fault


@dataclass(frozen=True)
class Peak:
    """Remembers how loud it has been for long, and lifts the limit to a share of that."""

    back: float  # share of the peak: what is no louder has come back; 0: nothing is remembered
    forget: float  # rows in which the peak fades by two thirds
    lasting: float  # rows that a loud stretch lasts at least: a lone wild value must not deafen

    @property
    def memory(self) -> int:
        """The smoothed score, and its peak."""
        return 2 if self.back else 0

    def quieten(self, memory: F64, score: F64) -> tuple[F64, F64]:
        """Scores (k, in limits) in lifted limits, and the memory after them; any split of the rows gives the same."""
        if not self.back or not len(score):
            return score, memory
        smooth, after = fading.mean(score, self.lasting, memory[:1])
        peaks = fading.peak(smooth, self.forget, float(memory[1]))
        return score / np.maximum(self.back * peaks, SMALLEST), np.array([after[0], peaks[-1]])
