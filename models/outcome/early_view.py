"""What stands out in a unit so far, beside those that passed, beside its own earlier steps and beside its station."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg import solve_triangular

from models.contract import F64, I64, Bools
from models.outcome.early_families import Families, families
from models.outcome.early_limits import Limits, limits
from models.outcome.early_steps import Steps

FAR = 10.0  # spreads: a value beyond counts as this,
FARTHEST = 1e6  # a margin as this, for limits may lie many spreads away
LEARNT = 4.0  # and to a station's memory or a covariance, as this: one broken unit is not a station that drifts
FEW = 20  # passing units with a value; a column with fewer says nothing but that it is there
LATE = 5  # steps that count as the newest
OF_NORMAL = 1.4826  # standard deviations in the median deviation of a normal
LEAST = 1e-9
MOST = 25.0  # of a squared surprise: one gone wild must not stand for many


@dataclass(frozen=True)
class View:
    """Fitted on units that passed. c columns, of which v hold measurements."""

    steps: Steps
    place: F64  # c; median
    spread: F64  # c; 0: it never moved, or was hardly ever there; of a margin that never moved 1
    alike: Families
    root: F64  # v x v, lower; the covariance of measurements is root times its transpose
    follow: float  # share of a station's drift that the next unit is expected to show
    pace: float  # share of a unit in the memory of its station
    limits: Limits | None = None  # None where no column holds a margin, and of models of before they were told

    def scaled(self, x: F64) -> F64:
        """Spreads from the usual, n x c; NaN where it is missing or never moved."""
        with np.errstate(all="ignore"):
            z = (x - self.place) / np.where(self.spread > 0, self.spread, np.nan)
        far = np.where(self.steps.margin, FARTHEST, FAR)
        return np.asarray(np.clip(np.where(np.isfinite(x), z, np.nan), -far, far))

    def remembered(self, z: F64, memory: F64) -> tuple[F64, F64]:
        """The fading means of a station's earlier units before each of its next ones (k x c), and those after them.

        A station that has shown nothing is as usual; what is missing changes nothing.
        """
        before = np.empty_like(z)
        shown = np.clip(z, -LEARNT, LEARNT)
        for at, row in enumerate(shown):
            before[at] = memory
            memory = memory + self.pace * np.where(np.isfinite(row), row - memory, 0.0)
        return before, memory

    def surprises(self, z: F64, drift: F64) -> F64:
        """How far each measurement is from what the station and the unit's earlier ones let expect, n x v.

        In spreads of that expectation, which are independent of each other in units that pass; NaN where it is missing.
        """
        mine = self.steps.measured
        left = np.clip(z[:, mine] - self.follow * drift[:, mine], -FAR, FAR)
        # Row by row: so many at once would give other bits than one.
        return np.array([_surprise(self.root, row) for row in left]).reshape(left.shape)

    def told(self, z: F64, drift: F64, surprise: F64, step: int) -> F64:
        """What trees are shown of n units after a step (-1: before the first), n x (tallies + v).

        Tallies first, then each surprise up to that step, NaN where there is none.
        """
        # Columns stand in the order of measurement, so what is known is a first part of each kind of them.
        end, begin = self.steps.known(step), self.steps.known(step - LATE)
        mine, timed, usual = self.steps.measured, np.flatnonzero(self.steps.seconds), np.flatnonzero(self.spread > 0)
        known, late = np.searchsorted(mine, (end, begin)).tolist()
        timed_known, timed_late = np.searchsorted(timed, (end, begin)).tolist()
        own, moved, took = z[:, mine], drift[:, mine], z[:, timed[:timed_known]]
        mine_now = np.arange(len(mine)) < known
        tallies = [
            np.full(len(z), float(step)),
            *_largest(surprise[:, :known], 4),
            *_largest(surprise[:, late:known], 2),
            *_largest(own[:, :known], 3),
            _energy(surprise[:, :known]),
            _energy(surprise[:, late:known]),
            *self._margin(z, usual[usual < end]),
            self._margin(drift, usual[usual >= end])[0],
            _mean(took),
            _mean(took[:, timed_late:]),
            *_largest(moved[:, known:], 2),
            *_largest(moved, 2),
            _added(np.isnan(z[:, usual[usual < end]]).astype(np.float64)),
            *self.alike.told(own, mine_now),
            *([] if self.limits is None else [self.limits.worst(self.room(z, self.limits.margins), end)]),
        ]
        shown = np.where(mine_now, surprise, np.nan)
        return np.concatenate([np.stack(tallies, axis=1), shown], axis=1)

    def _margin(self, z: F64, chosen: I64) -> tuple[F64, F64, F64]:
        """The smallest two margins among some columns, and how many are out of limits."""
        room = self.room(z, chosen[self.steps.margin[chosen]])
        lowest = _largest(np.where(np.isnan(room), -np.inf, -room), 2, sizes=False)
        return -lowest[0], -lowest[1], _added((room < 0).astype(np.float64))

    def room(self, z: F64, margins: I64) -> F64:
        """What columns that hold margins said, from their spreads."""
        return np.asarray(self.place[margins] + z[:, margins] * self.spread[margins])


def view(
    x: F64, passed: Bools, steps: Steps, *, shrink: float, follow: float, span: float, turn: Sequence[I64]
) -> View:
    """Fit to units (n x c, NaN = missing) that `passed` or failed; `turn`: those of each station in their order."""
    good = np.where(np.isfinite(x[passed]), x[passed], np.nan)
    known = np.isfinite(good).sum(axis=0)
    filled = np.where(known >= FEW, good, 0.0)
    place = np.nanmedian(filled, axis=0)
    spread = OF_NORMAL * np.nanmedian(np.abs(filled - place), axis=0)
    spread = np.where(spread > 0, spread, np.nanstd(filled, axis=0))
    spread = np.where(spread > LEAST * np.nanmax(np.abs(filled), axis=0), spread, 0.0)
    # A check that each passing unit met, of yes or no, has no spread, and is the clearest of all limits.
    spread = np.where((spread == 0) & steps.margin & (known >= FEW), 1.0, spread)
    count = len(steps.measured)
    found = View(steps, place, spread, families(np.eye(count)), np.eye(count), follow, 1.0 / span)
    z = found.scaled(x)
    drift = drifts(found, z, turn)
    left = np.clip((z - follow * drift)[passed][:, steps.measured], -LEARNT, LEARNT)
    left = np.where(np.isfinite(left), left, 0.0)
    together = _covariance(left, shrink)
    root = np.asarray(np.linalg.cholesky(together), dtype=np.float64)
    margins = np.flatnonzero(steps.margin & (spread > 0))
    told = limits(found.room(z, margins), ~passed, margins) if len(margins) else None
    return replace(found, alike=families(together), root=root, limits=told)


def _covariance(left: F64, shrink: float) -> F64:
    """The covariance of measurements (n x v), drawn towards one where each goes its own way."""
    together = np.cov(left, rowvar=False).reshape(left.shape[1], left.shape[1])
    alone = np.diag(together)
    own = shrink * alone + np.where(alone > 0, LEAST, 1.0)  # of a column that never moved nothing is a surprise
    return np.asarray((1.0 - shrink) * together + np.diag(own), dtype=np.float64)


def drifts(seen: View, z: F64, turn: Sequence[I64]) -> F64:
    """What each station's memory was before each of its units, n x c."""
    out = np.zeros_like(z)
    for mine in turn:
        out[mine] = seen.remembered(z[mine], np.zeros(z.shape[1]))[0]
    return out


def _surprise(root: F64, left: F64) -> F64:
    """Of one unit, v; what is missing is taken to be as expected, so that nothing after it surprises for its sake."""
    out = np.full(len(left), np.nan)
    there = np.flatnonzero(np.isfinite(left))
    if len(there):
        end = int(there[-1]) + 1
        lower = root[:end, :end] if len(there) == end else root[np.ix_(there, there)]
        out[there] = solve_triangular(lower, left[there], lower=True, check_finite=False)
    return out


def _largest(x: F64, count: int, *, sizes: bool = True) -> F64:
    """The largest of each row (count x n), by size unless signs count; with none, 0 or the lowest there is."""
    shown = np.full((len(x), x.shape[1] + count), 0.0 if sizes else -np.inf)
    shown[:, count:] = np.where(np.isnan(x), 0.0, np.abs(x)) if sizes else x
    shown.sort(axis=1)
    top = shown[:, : -count - 1 : -1].T
    return np.asarray(np.where(np.isfinite(top), top, np.nan))


def _energy(surprise: F64) -> F64:
    """The sum of squared surprises beside that of units that pass, in its own spreads."""
    known = np.isfinite(surprise)
    squares = np.where(known, np.minimum(surprise * surprise, MOST), 0.0)
    count = _added(known.astype(np.float64))
    return np.asarray((_added(squares) - count) / np.sqrt(2.0 * np.maximum(count, 1.0)))


def _mean(x: F64) -> F64:
    known = np.isfinite(x)
    return np.asarray(_added(np.where(known, x, 0.0)) / np.maximum(_added(known.astype(np.float64)), 1.0))


def _added(x: F64) -> F64:
    """The sum of each row, one after the other, so that it does not depend on how many rows there are."""
    return np.cumsum(x, axis=1)[:, -1] if x.shape[1] else np.zeros(len(x))
