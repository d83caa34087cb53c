"""Machines that jump between a few ways of running: which one a row is of, and how it compares with rows of the same.

Regimes are found, not told: the rows fall into a few tight heaps, and the heap tells nearly all there is to tell of
most channels. Where that is not so there is one regime, and rows are compared with all others.
"""

from dataclasses import dataclass
from typing import Annotated

import msgspec
import numpy as np
from scipy.sparse.csgraph import connected_components

from models.contract import F64, I64
from models.features.kind import Kind

SHOWN = 3000  # rows that regimes are looked for in
LEFT = 0.05  # of a channel's variance: regimes leave less than this unexplained in half of the channels
APART = 6.0  # spreads, in a quarter of the channels: heaps that are nearer are one regime
RARE = 0.002  # of the rows: fewer are strays, no regime
COARSE = 1e-9  # of a channel's size: a spread below it is rounding
FEWEST = 10  # rows for each heap that is looked for


@dataclass(frozen=True)
class ByRegime:
    """A place and a spread a channel for each of r regimes; a spread of 0 marks a channel that never moved there."""

    middle: F64  # c; of all rows
    width: F64  # c; 0 = never moved
    centers: F64  # r x c, in widths from the middle
    place: F64  # r x c
    spread: F64  # r x c
    far: float

    def apply(self, rows: F64) -> F64:
        """K x c rows in spreads of their own regime; NaN stays NaN, what never moved is 0."""
        mine = self.regime(rows)
        spread = self.spread[mine]
        moves = spread > 0
        out: F64 = np.where(moves, (rows - self.place[mine]) / np.where(moves, spread, 1.0), rows * 0.0)
        return np.clip(out, -self.far, self.far, out=out)

    def regime(self, rows: F64) -> I64:
        """The nearest by those channels that are there, K."""
        if len(self.centers) == 1:
            return np.zeros(len(rows), dtype=np.int64)
        return _nearest(_scaled(rows, self.middle, self.width), self.centers)


class Regimes(Kind, frozen=True, tag="regimes"):
    """Mean and standard deviation in each regime."""

    most: Annotated[int, msgspec.Meta(ge=1, le=50)] = 12  # regimes that are looked for
    far: Annotated[float, msgspec.Meta(gt=0.0)] = 8.0  # spreads: a value beyond counts as this
    seed: int = 0  # of the search

    def fit(self, rows: F64) -> ByRegime:
        """Of the training rows, n x c."""
        known = np.where(np.isfinite(rows), rows, np.nan)
        known = np.where(np.isnan(known).all(axis=0), 0.0, known)
        middle, width = np.nanmean(known, axis=0), np.nanstd(known, axis=0)
        width = np.where(width > COARSE * np.nanmax(np.abs(known), axis=0), width, 0.0)
        scaled = _scaled(known, middle, width)
        centers = self._centers(scaled[:, width > 0])
        full = np.zeros((len(centers), len(width)))
        full[:, width > 0] = centers
        mine = _nearest(scaled, full)
        place, spread = np.stack([middle] * len(full)), np.stack([width] * len(full))
        for at in range(len(full)):
            here = known[mine == at]
            some = ~np.isnan(here).all(axis=0)
            place[at, some], spread[at, some] = np.nanmean(here[:, some], axis=0), np.nanstd(here[:, some], axis=0)
        spread = np.where(spread > COARSE * np.maximum(np.abs(place), width), spread, 0.0)
        return ByRegime(middle, width, full, place, spread, self.far)

    def _centers(self, scaled: F64) -> F64:
        """The middles of the regimes, r x c."""
        one = np.zeros((1, scaled.shape[1]))
        if self.most == 1 or not scaled.shape[1]:
            return one
        from sklearn.cluster import KMeans  # noqa: PLC0415 -- scoring does without it, and it takes a second to load

        shown = _shown(scaled, self.seed)
        if len(shown) < FEWEST * self.most:
            return one
        heap = KMeans(self.most, n_init=5, random_state=self.seed).fit(shown).labels_
        heap = _merged(shown, heap)
        if heap.max() == 0 or np.median(_unexplained(shown, heap)) > LEFT:
            return one
        found = [shown[heap == at] for at in range(heap.max() + 1)]
        return np.stack([np.median(rows, axis=0) for rows in found if len(rows) > RARE * len(shown)])


def _scaled(rows: F64, middle: F64, width: F64) -> F64:
    return np.where(width > 0, (rows - middle) / np.where(width > 0, width, 1.0), rows * 0.0)


def _shown(scaled: F64, seed: int) -> F64:
    """So many of the fuller rows; what is missing there is as in rows that are alike."""
    lost = np.isnan(scaled).sum(axis=1)
    fullest = scaled[lost <= min(float(np.median(lost)), scaled.shape[1] - 1)]
    chance = np.random.default_rng(seed)
    shown = fullest[np.sort(chance.choice(len(fullest), min(SHOWN, len(fullest)), replace=False))]
    if np.isnan(shown).any():
        from sklearn.impute import KNNImputer  # noqa: PLC0415 -- as above

        shown = KNNImputer(n_neighbors=3, keep_empty_features=True).fit_transform(shown)
    return np.asarray(shown, dtype=np.float64)


def _merged(shown: F64, heap: I64) -> I64:
    """Heaps that a quarter of the channels cannot tell apart become one: k-means cuts one regime into several."""
    heaps = [shown[heap == at] for at in range(int(heap.max()) + 1)]
    heaps = [rows for rows in heaps if len(rows)]
    within = np.sqrt(sum(((rows - rows.mean(axis=0)) ** 2).sum(axis=0) for rows in heaps) / len(shown)) + COARSE
    middle = np.stack([rows.mean(axis=0) for rows in heaps])
    apart = np.quantile(np.abs(middle[:, None] - middle) / within, 0.75, axis=2)
    _, regime = connected_components(apart < APART, directed=False)
    return np.asarray(regime[np.unique(heap, return_inverse=True)[1]], dtype=np.int64)


def _unexplained(shown: F64, heap: I64) -> F64:
    """The share of each channel's variance that is left within heaps."""
    within = sum(
        ((rows - rows.mean(axis=0)) ** 2).sum(axis=0) for at in np.unique(heap) for rows in [shown[heap == at]]
    )
    total: F64 = ((shown - shown.mean(axis=0)) ** 2).sum(axis=0)
    share: F64 = within / np.maximum(total, COARSE)
    return share


def _nearest(scaled: F64, centers: F64) -> I64:
    """By the channels that are there."""
    there = ~np.isnan(scaled)
    value = np.where(there, scaled, 0.0)
    distance = there @ (centers * centers).T - 2.0 * value @ centers.T
    return np.asarray(distance.argmin(axis=1), dtype=np.int64)
