"""Whether what a model said came true: chances of failing against outcomes, alarms against verdicts."""

import math

import numpy as np
from scipy.stats import beta

from models.arrays import F64, Bools
from models.judging.weighing import rarity, uneven
from models.watching.finding import Finding, Watch

FAR = 3.5  # standard deviations of the count of failures
FEWEST_RUNS = 30
FEWEST_FAILURES = 5.0  # expected or seen
FEWEST_VERDICTS = 5
HALF = 0.5  # of the alarms that were judged should be true ones
SURE = 0.95
BRIER_FLOOR = 0.02


def reliability(p_fail: F64, failed: Bools, *, fails: float | None, weight: F64 | None = None) -> Watch:
    """Chances of failing of runs that were tested to the end, against how they ended; `fails`: share in training.

    Each counts as many times as it weighs (n): what a model stops has no end, and what is left need not fail as often
    as it says. Few heavy ones tell little: what may be chance is reckoned by drawing how they end
    (models.judging.weighing).
    """
    known = np.isfinite(p_fail)
    p, y = np.clip(p_fail[known], 0.0, 1.0), failed[known]
    seen, expected = int(y.sum()), float(p.sum())
    if len(p) < FEWEST_RUNS or max(seen, expected) < FEWEST_FAILURES:
        said = f"{len(p)} runs with {seen} failures were tested to the end: too few to hold its chances against"
        return Watch(unwatched=(said,))
    heavy = None if weight is None else uneven(weight[known])
    if heavy is not None:
        return _weighed(p, y, heavy, fails)
    spread = math.sqrt(max(float((p * (1.0 - p)).sum()), 1.0))
    z = (seen - expected) / spread
    found = [
        Finding(
            what="calibration",
            value=abs(z),
            limit=FAR,
            stands=abs(z) > FAR,
            says=f"{seen} of {len(p)} runs failed, its chances come to {expected:.1f}: {abs(z):.1f} spreads off",
        )
    ]
    if fails is not None:
        brier, trivial = float(np.mean((p - y) ** 2)), float(np.mean((fails - y) ** 2))
        limit = trivial + BRIER_FLOOR
        found.append(
            Finding(
                what="calibration",
                value=brier,
                limit=limit,
                stands=brier > limit,
                says=f"its chances are {brier:.3f} off (Brier), the bare share of failures in training {trivial:.3f}",
            )
        )
    return Watch(tuple(found))


def _weighed(p: F64, y: Bools, weight: F64, fails: float | None) -> Watch:
    """The same of runs that stand for others."""
    seen, expected, runs = (float((weight * of).sum()) for of in (y, p, np.ones(len(p))))
    z = rarity(weight, p, y)
    found = [
        Finding(
            what="calibration",
            value=abs(z),
            limit=FAR,
            stands=abs(z) > FAR,
            says=f"{seen:.0f} of {runs:.0f} runs failed, for which the {len(p)} stand that were tested to the end; its "
            f"chances come to {expected:.1f}: {abs(z):.1f} spreads off",
        )
    ]
    if fails is not None:
        brier, trivial = (float(np.average((of - y) ** 2, weights=weight)) for of in (p, np.full(len(p), fails)))
        sure = -rarity(weight * (p - fails), p, y) > FAR  # one run that weighs much may not ring
        found.append(
            Finding(
                what="calibration",
                value=brier,
                limit=trivial + BRIER_FLOOR,
                stands=brier > trivial + BRIER_FLOOR and sure,
                says=f"its chances are {brier:.3f} off (Brier), the bare share of failures in training {trivial:.3f}",
            )
        )
    return Watch(tuple(found))


def precision(true: int, false: int) -> Watch:
    """Alarms that people judged: stands where surely less than half of them are true ones."""
    judged = true + false
    if judged < FEWEST_VERDICTS:
        return Watch(unwatched=(f"{judged} of its alarms were judged: too few to know how many are true",))
    at_most = float(beta.ppf(SURE, true + 1, false)) if false else 1.0
    value = 1.0 - at_most  # surely false
    return Watch(
        (
            Finding(
                what="precision",
                value=value,
                limit=HALF,
                stands=value > HALF,
                says=f"{false} of {judged} alarms that were judged are false ones",
            ),
        )
    )
