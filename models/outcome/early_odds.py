"""From what trees say to chances that come true, an interval of them, and the limit that few passing units pass."""

from dataclasses import dataclass
from math import ceil, log

import numpy as np
from scipy.special import expit
from scipy.stats import beta
from sklearn.linear_model import LogisticRegression

from models.contract import F64, I64, Bools

FLATTEST = 1e-3  # slope: trees that know nothing say the same of all
KNOTS = 33  # odds a step for which an interval is kept; between two it lies between theirs
NEAREST = 40  # held-out units that an interval rests on, at least
SPELL = 40  # units in a row that may be stopped for one reason, such as a station that drifts
LEAST = 1e-12


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


def odds(
    told: F64,
    failed: Bools,
    *,
    rate: float,
    multiple: float,
    coverage: float,
    weight: F64 | None = None,
    sure: float | None = None,
) -> Odds:
    """From what trees said of n held-out units before the first and after each step, n x (steps + 1).

    The units of a station stand together and in their order. `rate` and `sure`: see `run_limit`. `weight`: how many
    units like it each stands for (n; inverse probability, Horvitz and Thompson 1952).
    """
    slope, base = _calibrated(told, failed, weight)
    found = slope * told + base
    each = np.ones(len(failed)) if weight is None else weight
    at = [_intervals(column, failed, coverage, each) for column in found.T]
    limit = run_limit(found[~failed, 1:], rate, each[~failed], sure=sure)
    return Odds(
        slope=slope,
        base=base,
        knots=np.stack([knots for knots, _, _ in at]),
        low=np.stack([low for _, low, _ in at]),
        high=np.stack([high for _, _, high in at]),
        limit=limit + float(np.log(multiple)),
    )


def run_limit(passed: F64, rate: float, weight: F64 | None = None, *, sure: float | None = None) -> float:
    """The log odds that passing units exceed after any of their steps with a chance of at most `rate`.

    From n held-out units that passed (n x steps), those of a station together and in their order, by the rank of the
    highest of each. The chance is kept on average over trainings (split conformal prediction, Papadopoulos 2002), or
    with `sure`, in that share of them (Vovk 2012). Each unit counts as its `weight` (n), and all of them as so many
    independent ones as would tell the share as well. Infinite: too few passed.

    >>> run_limit(np.array([[0.0, 3.0], [1.0, 0.0], [2.0, 1.0]]), rate=0.3)
    3.0000000000000004
    >>> run_limit(np.array([[3.0], [1.0], [2.0]]), rate=0.3, weight=np.array([1.0, 1.0, 5.0]))
    inf
    """
    highest = passed.max(axis=1)
    order = np.argsort(-highest, kind="stable")
    each = np.ones(len(order)) if weight is None else weight
    share = np.concatenate([[0.0], np.cumsum(each[order][:-1]) / each.sum()])  # beyond a limit at the highest, the next
    count = independent(highest >= highest[order[np.searchsorted(share, rate, side="right") - 1]], each)
    # The chance to come is distributed as beta(beyond + 1, not beyond), whose mean this is.
    over, under = share * count + 1.0, np.maximum(count - share * count, LEAST)
    chance = over / (over + under) if sure is None else beta.ppf(sure, over, under)
    kept = np.flatnonzero(chance <= rate)
    return float(np.nextafter(highest[order[kept[-1]]], np.inf)) if len(kept) else np.inf


def fewest(rate: float, sure: float | None) -> int:
    """How many passing units it takes for any limit, were they independent and none of them beyond it.

    >>> fewest(0.02, None), fewest(0.02, 0.9)
    (49, 114)
    """
    return ceil(1.0 / rate) - 1 if sure is None else ceil(log(1.0 - sure) / log(1.0 - rate))


def independent(chosen: Bools, weight: F64) -> float:
    """How many independent units would tell the share of the chosen ones as well as these n, which come in spells.

    From how the share differs between spells of `SPELL` units in a row (linearised variance of a ratio of clusters,
    Kish 1965), and never more than units of such weights (n) tell.

    >>> round(independent(np.arange(400) % 10 == 0, np.ones(400)), 6)
    400.0
    >>> round(independent(np.arange(400) < 40, np.ones(400)), 6)
    9.0
    """
    share = float(weight[chosen].sum() / weight.sum())
    spell = np.arange(len(chosen)) // SPELL
    off = np.bincount(spell, weight * (chosen - share))
    spread = float((off * off).sum()) * len(off) / max(len(off) - 1, 1) / float(weight.sum()) ** 2
    most = float(weight.sum()) ** 2 / float((weight * weight).sum())
    return min(most, share * (1.0 - share) / spread) if len(off) > 1 and spread > LEAST else most


def _calibrated(told: F64, failed: Bools, weight: F64 | None) -> tuple[float, float]:
    """Slope and base of the log odds (Platt 1999)."""
    count = told.shape[1]
    fitted = LogisticRegression(C=1e3).fit(
        told.reshape(-1, 1), np.repeat(failed, count), None if weight is None else np.repeat(weight, count)
    )
    return max(float(fitted.coef_[0, 0]), FLATTEST), float(fitted.intercept_[0])


def _intervals(found: F64, failed: Bools, coverage: float, weight: F64) -> tuple[F64, F64, F64]:
    """Knots, and how often units of nearly those odds fail: bounds of Clopper and Pearson (1934).

    Units of uneven weight count as so many of even weight as would tell their share as well: the square of the sum of
    weights over the sum of their squares (Kish 1965).
    """
    order = np.argsort(found, kind="stable")
    ranked, most = found[order], len(found)
    width = min(most, max(NEAREST, most // 20))
    places = np.unique(np.linspace(0, most - 1, KNOTS).round().astype(np.int64))
    begin = np.clip(places - width // 2, 0, most - width)
    total, squares, bad = (
        _within(each[order], begin, width) for each in (weight, weight * weight, np.where(failed, weight, 0.0))
    )
    some = _within(failed[order].astype(np.float64), begin, width)
    count, size = bad * (total / squares), total * (total / squares)
    left, tail = np.maximum(size - count, 0.0), (1.0 - coverage) / 2.0
    low = np.where(some > 0, beta.ppf(tail, np.where(some > 0, count, 1.0), left + 1.0), 0.0)
    high = np.where(some < width, beta.ppf(1.0 - tail, count + 1.0, np.where(some < width, left, 1.0)), 1.0)
    fill = KNOTS - len(places)
    rising = [ranked[places], np.maximum.accumulate(low), np.maximum.accumulate(high)]
    knots, low, high = (np.concatenate([each, np.repeat(each[-1:], fill)]) for each in rising)
    return knots, low, high


def _within(x: F64, begin: I64, width: int) -> F64:
    """Sums of so many in a row."""
    sums = np.concatenate([[0.0], np.cumsum(x)])
    return np.asarray(sums[begin + width] - sums[begin])
