"""Units that stand for others: a control run that was spared a stop stands for those that were stopped in its stead.

Figures of a sample in which each unit counts as many times as the inverse of the chance that its end is known are those
of all units (Horvitz and Thompson 1952, with the sum of the weights for their number: Hájek 1971). What is lost is
sureness: few heavy units decide, so that a normal distribution of the sum says too little, and as many units as there
are too much. Here is how sure such figures are. Where all weigh the same, none of this is asked.
"""

from collections.abc import Sequence

import numpy as np

from models.arrays import F64, I64, Bools
from models.scoring import Judged

DRAWS = 20_000
HEAVY = 60  # units that are drawn one by one; the sum of the others is normal
SEED = 0


def weights(judged: Sequence[Judged]) -> F64 | None:
    """How many units like it each stands for, n; None where all count the same."""
    found = np.array([1.0 if one.stretch.weight is None else float(one.stretch.weight[-1]) for one in judged])
    return uneven(found)


def uneven(weight: F64) -> F64 | None:
    """The weights, or None where all are the same."""
    return weight if len(weight) and (weight != weight[0]).any() else None


def taken(weight: F64 | None, rows: I64 | Bools) -> F64 | None:
    """Those of some rows."""
    return None if weight is None else weight[rows]


def effective(weight: F64) -> float:
    """So many units of even weight tell as much (Kish 1965).

    >>> effective(np.array([1.0, 1.0])), round(effective(np.array([1.0, 1.0, 20.0])), 2)
    (2.0, 1.2)
    """
    return float(weight.sum() ** 2 / (weight * weight).sum())


def named(count: int, weight: F64 | None, what: str = "labelled units") -> str:
    """So many units, and for how many they stand.

    >>> named(3, np.array([1.0, 1.0, 20.0]))
    '3 labelled units that stand for 22'
    """
    return f"{count} {what}" if weight is None else f"{count} {what} that stand for {weight.sum():,.0f}"


def rarity(by: F64, chance: F64, failed: Bools) -> float:
    """How far a sum of `by` over the units that failed lies from what their chances make it, all n long.

    In standard deviations of a normal distribution beyond which lies as much; with the sign of the way. Of the units
    that move the sum most each end is drawn by its chance, DRAWS times; the sum of the others is taken as normal.
    """
    from scipy.stats import norm  # noqa: PLC0415 -- a page that lists models loads the gate and no scipy

    variance = by * by * chance * (1.0 - chance)
    total = float((by * (failed - chance)).sum())
    spread = max(float(np.sqrt(variance.sum())), 1e-9)
    order = np.argsort(-variance, kind="stable")
    heavy, rest = order[:HEAVY], max(float(np.sqrt(variance[order[HEAVY:]].sum())), 1e-9 * spread)
    rng = np.random.default_rng(SEED)
    drawn = np.zeros(DRAWS)
    for at in heavy:
        drawn += by[at] * ((rng.random(DRAWS) < chance[at]) - chance[at])
    beyond = float((norm.sf((abs(total) - drawn) / rest) + norm.cdf((-abs(total) - drawn) / rest)).mean())
    far = abs(total) / spread if beyond < 1.0 / DRAWS else float(norm.isf(min(1.0, beyond) / 2.0))
    return float(np.copysign(far, total))


def surely_more(flagged: Bools, weight: F64, rate: float) -> float:
    """The chance that units are flagged so often if a share of `rate` of all is, n long: the binomial one.

    Where they weigh, that of so many even units as tell the share as well (Korn and Graubard, Survey Methodology 24,
    1998), which are far fewer where it is the heavy ones that are flagged.

    >>> many = np.arange(1000) < 40
    >>> round(surely_more(many, np.ones(1000), 0.02), 5)
    4e-05
    >>> round(surely_more(many, np.where(many, 2.0, 1.0), 0.04), 3)
    0.0
    """
    from scipy.special import betainc  # noqa: PLC0415 -- see above
    from scipy.stats import binom  # noqa: PLC0415 -- see above

    if not flagged.any():
        return 1.0
    if uneven(weight) is None:
        return float(binom.sf(int(flagged.sum()) - 1, len(flagged), rate))
    share = float((weight * flagged).sum() / weight.sum())
    variance = float((weight * weight * (flagged - share) ** 2).sum() / weight.sum() ** 2)
    units = share * (1.0 - share) / variance if variance else float(len(weight))
    return float(betainc(share * units, units - share * units + 1.0, rate))
