"""Limits that a unit broke: beyond some each unit fails, beyond others most pass, and no row says which is which."""

from dataclasses import dataclass

import numpy as np

from models.contract import F64, I64, Bools

FEWEST = 4  # units beyond a limit: of fewer it is not learnt how they end
TINY = 1e-9  # of a limit's width: a value that meets its limit is within, whatever is lost in counting by spreads
HALF = 0.5  # of a unit, added to those that fail and to those that pass (Haldane 1956)


@dataclass(frozen=True)
class Limits:
    """Of m limits, in the order of measurement."""

    margins: I64  # m; columns that say how far a measurement is inside them
    odds: F64  # m; the logarithm of the odds of failing of units beyond; 0 where too few were

    def worst(self, room: F64, known: int) -> F64:
        """Of n units the largest such odds of the limits that they broke, NaN of those that broke none.

        `room`: their margins (n x m), below 0 beyond a limit; of their columns the first `known` are told.
        """
        count = int(np.searchsorted(self.margins, known))
        broken = np.where(room[:, :count] < -TINY, self.odds[:count], -np.inf)
        worst = broken.max(axis=1, initial=-np.inf)
        return np.where(np.isfinite(worst), worst, np.nan)


def limits(room: F64, failed: Bools, margins: I64) -> Limits:
    """From n units' margins (n x m) in so many columns, and which of the units failed."""
    beyond = room < -TINY
    bad, good = beyond[failed].sum(axis=0), beyond[~failed].sum(axis=0)
    return Limits(margins, np.where(bad + good >= FEWEST, np.log((bad + HALF) / (good + HALF)), 0.0))
