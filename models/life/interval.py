"""How far expected lives were off on units that the model did not see, as a function of what was expected."""

from dataclasses import dataclass

import numpy as np

from models.contract import F64

BINS = 10  # of equal weight, by expected life
FEWEST = 30  # rows in each


@dataclass(frozen=True)
class Interval:
    """Knots over expected life; between them lines, beyond them level."""

    expected: F64  # ascending
    below: F64  # what is to be added to the expected life for the low end
    above: F64

    def around(self, expected: F64, most: float) -> tuple[F64, F64]:
        """Low and high ends (n each) that enclose the expected life, within 0 and `most`."""
        low = expected + np.interp(expected, self.expected, self.below)
        high = expected + np.interp(expected, self.expected, self.above)
        return np.clip(low, 0.0, expected), np.clip(high, expected, most)


def interval(expected: F64, true: F64, weight: F64, coverage: float) -> Interval:
    """Holds the share `coverage` of held-out rows in every range of expected lives (Lei et al. 2018, by ranges)."""
    order = np.argsort(expected, kind="stable")
    share = np.cumsum(weight[order]) / weight.sum()
    bins = max(1, min(BINS, len(expected) // FEWEST))
    place = np.minimum((share * bins).astype(np.int64), bins - 1)
    tails = [(1.0 - coverage) / 2.0, (1.0 + coverage) / 2.0]
    knots = []
    for at in np.unique(place):
        rows = order[place == at]
        off = np.quantile(true[rows] - expected[rows], tails, weights=weight[rows], method="inverted_cdf")
        knots.append((float(np.average(expected[rows], weights=weight[rows])), *off.tolist()))
    middle, below, above = np.array(knots).T
    return Interval(middle, below, above)
