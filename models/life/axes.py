"""Directions in which wear moves the channels of units that ran until they failed, weighed against noise."""

from collections.abc import Iterator

import numpy as np
from scipy.linalg import eigh

from models.contract import F64, I64
from models.head import Training

LATE, EARLY = 15, 20  # rows of a unit that show how it ended and how it began
RIDGE = 1e-3  # of a normalised channel's variance: no channel is supposed to be free of noise


def axes(value: F64, training: Training, *, most: int, least: float) -> F64:
    """Up to `most` directions (c x axes) in which units moved furthest from begin to end, against row noise.

    `value` (n x c): normalised rows. Generalised eigenvectors of the units' displacements and of half the differences
    between neighbouring rows (von Neumann 1941); those in which wear moves less than `least` noise variances are left
    out, but for the first. Scaled so that noise is 1 in each, signed so that wear makes them grow.
    """
    noise = _noise(value, training) + RIDGE * np.eye(value.shape[1])
    moved = np.stack([value[late].mean(axis=0) - value[early].mean(axis=0) for early, late in _ends(training)])
    size, found = eigh(moved.T @ moved / len(moved), noise)
    chosen = np.argsort(size)[::-1][:most]
    chosen = chosen[: max(1, int((size[chosen] > least).sum()))]
    sign = np.sign((moved @ found[:, chosen]).sum(axis=0))
    return np.asarray(found[:, chosen] * np.where(sign < 0, -1.0, 1.0), dtype=np.float64)


def _noise(value: F64, training: Training) -> F64:
    """Covariance of what differs from one row to the next."""
    next_to = (np.diff(training.stretch) == 0) & (np.diff(training.age) == 1)
    step = np.diff(value, axis=0)[next_to]
    return np.asarray(step.T @ step / (2.0 * max(1, len(step))), dtype=np.float64)


def _ends(training: Training) -> Iterator[tuple[I64, I64]]:
    """First and last rows of each unit."""
    for unit in np.unique(training.stretch):
        rows = np.flatnonzero(training.stretch == unit)
        half = max(1, len(rows) // 2)
        yield rows[: min(EARLY, half)], rows[-min(LATE, half) :]
