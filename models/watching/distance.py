"""How far rows lie from others, channel by channel, in widths of the channel."""

import numpy as np
from scipy.stats import wasserstein_distance

from models.arrays import F64

THINNED = 1000  # values of a sample that are compared
LOUDEST = 3.0  # of a score: what lies beyond counts as this, so that one outburst is no drift
MIDDLE = 0.95  # of the values lie in what is called a channel's width
STILL = 0.01  # of its size is the width of a channel that never moves


def sampled(values: F64) -> F64:
    """Its numbers, evenly thinned and sorted."""
    known = values[np.isfinite(values)]
    step = -(-len(known) // THINNED) or 1
    return np.sort(known[::step])


def quantiles(values: F64, points: int) -> tuple[float, ...]:
    """At the middles of equal shares, six digits each; none of no values."""
    if not len(values):
        return ()
    found = np.quantile(values, (np.arange(points) + 0.5) / points)
    return tuple(float(f"{value:.6g}") for value in found)


def width(values: F64) -> float:
    """What holds nearly all values; a channel that stands still has a small one, so that any move shows."""
    if not len(values):
        return 1.0
    low, middle, high = np.quantile(values, [0.5 - MIDDLE / 2, 0.5, 0.5 + MIDDLE / 2])
    return float(high - low) or float(np.ptp(values)) or STILL * abs(float(middle)) or STILL


def distance(some: F64, others: F64, wide: float) -> float:
    """The mean way from one sample to the other, in widths; 0 where one is empty, since nothing is known."""
    if not len(some) or not len(others):
        return 0.0
    return float(wasserstein_distance(some, others)) / wide


def loud(score: F64) -> F64:
    """Scores as they are compared."""
    return np.minimum(score, LOUDEST)
