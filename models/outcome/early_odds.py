"""From what trees say to chances that come true, an interval of them, and the limit that few passing units pass."""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit
from scipy.stats import beta
from sklearn.linear_model import LogisticRegression

from models.contract import F64, I64, Bools

FLATTEST = 1e-3  # slope: trees that know nothing say the same of all
KNOTS = 33  # odds a step for which an interval is kept; between two it lies between theirs
NEAREST = 40  # held-out units that an interval rests on, at least


@dataclass(frozen=True)
class Odds:
    """Fitted on units that the trees had not seen. Row s + 1 of the intervals is for step s, row 0 before the first."""

    slope: float  # from what trees say to the logarithm of the odds of failing
    base: float
    knots: F64  # (steps + 1) x KNOTS; log odds, increasing
    low: F64  # of P(fail) there
    high: F64
    limit: float  # log odds at which a unit is stopped, after any step; infinite: too few passed to promise anything

    def of(self, told: F64) -> F64:
        """Logarithms of the odds of failing."""
        return self.slope * told + self.base

    def outlook(self, odds: F64, step: I64) -> F64:
        """P(pass), P(fail), and low and high of the latter, n x 4."""
        failing = expit(odds)
        between = np.empty((len(odds), 2))
        for each in np.unique(step):
            mine = step == each
            between[mine, 0] = np.interp(odds[mine], self.knots[each + 1], self.low[each + 1])
            between[mine, 1] = np.interp(odds[mine], self.knots[each + 1], self.high[each + 1])
        low, high = np.minimum(between[:, 0], failing), np.maximum(between[:, 1], failing)
        return np.stack([1.0 - failing, failing, low, high], axis=1)


def odds(told: F64, failed: Bools, *, rate: float, multiple: float, coverage: float) -> Odds:
    """From what trees said of n held-out units before the first and after each step, n x (steps + 1)."""
    slope, base = _calibrated(told.ravel(), np.repeat(failed, told.shape[1]))
    found = slope * told + base
    at = [_intervals(column, failed, coverage) for column in found.T]
    limit = run_limit(found[~failed, 1:], rate)
    return Odds(
        slope=slope,
        base=base,
        knots=np.stack([knots for knots, _, _ in at]),
        low=np.stack([low for _, low, _ in at]),
        high=np.stack([high for _, _, high in at]),
        limit=limit + float(np.log(multiple)),
    )


def run_limit(passed: F64, rate: float) -> float:
    """The log odds that a passing unit exceeds after any of its steps with a chance of at most `rate`.

    From n held-out units that passed (n x steps), by the rank of the highest of each (split conformal, Papadopoulos
    2002): where 1 / (n + 1) is more than the rate, no limit keeps the promise.

    >>> run_limit(np.array([[0.0, 3.0], [1.0, 0.0], [2.0, 1.0]]), rate=0.3)
    3.0000000000000004
    """
    highest = np.sort(passed.max(axis=1))
    rank = int(np.ceil((len(highest) + 1) * (1.0 - rate)))
    return float(np.nextafter(highest[rank - 1], np.inf)) if rank <= len(highest) else np.inf


def _calibrated(told: F64, failed: Bools) -> tuple[float, float]:
    """Slope and base of the log odds (Platt 1999)."""
    fitted = LogisticRegression(C=1e3).fit(told[:, None], failed)
    return max(float(fitted.coef_[0, 0]), FLATTEST), float(fitted.intercept_[0])


def _intervals(found: F64, failed: Bools, coverage: float) -> tuple[F64, F64, F64]:
    """Knots, and how often units of nearly those odds fail: bounds of Clopper and Pearson (1934)."""
    order = np.argsort(found, kind="stable")
    ranked, size = found[order], len(found)
    width = min(size, max(NEAREST, size // 20))
    places = np.unique(np.linspace(0, size - 1, KNOTS).round().astype(np.int64))
    begin = np.clip(places - width // 2, 0, size - width)
    sums = np.concatenate([[0], np.cumsum(failed[order])])
    count = (sums[begin + width] - sums[begin]).astype(np.float64)
    tail = (1.0 - coverage) / 2.0
    low = np.where(count > 0, beta.ppf(tail, np.maximum(count, 1), width - count + 1), 0.0)
    high = np.where(count < width, beta.ppf(1.0 - tail, count + 1, np.maximum(width - count, 1)), 1.0)
    fill = KNOTS - len(places)
    rising = [ranked[places], np.maximum.accumulate(low), np.maximum.accumulate(high)]
    knots, low, high = (np.concatenate([each, np.repeat(each[-1:], fill)]) for each in rising)
    return knots, low, high
