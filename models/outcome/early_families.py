"""Measurements that move together, because they look at one thing: each by itself is noisier than all of them."""

from dataclasses import dataclass

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform

from models.contract import F64, I64, Bools

APART = 0.8  # 1 less the correlation that members of a family have on average
NEWEST = 2  # measurements


@dataclass(frozen=True)
class Families:
    """Of v measurements: those in families, family by family, each in the order of measurement."""

    order: I64  # w
    sign: F64  # w; which of them rise while others fall
    starts: I64  # families; where each begins in `order`

    def told(self, z: F64, known: Bools) -> list[F64]:
        """Two numbers a family of n units (n x v) of which some measurements are `known`: its level, and its newest.

        The level is the sum in its own spreads were they independent; NaN where nothing is measured.
        """
        if not len(self.starts):
            return []
        mine, there_by_now = z[:, self.order] * self.sign, known[self.order]
        there = np.isfinite(mine) & there_by_now
        count = np.add.reduceat(there.astype(np.float64), self.starts, axis=1)
        total = np.add.reduceat(np.where(there, mine, 0.0), self.starts, axis=1)
        level = np.where(count > 0, total / np.sqrt(np.maximum(count, 1.0)), np.nan)
        ends = self.starts + np.add.reduceat(there_by_now.astype(np.int64), self.starts)
        last = [np.maximum(ends - back, self.starts) for back in range(1, NEWEST + 1)]
        fresh = [there[:, at] & (ends - back >= self.starts) for back, at in enumerate(last, start=1)]
        held = sum(np.where(new, mine[:, at], 0.0) for new, at in zip(fresh, last, strict=True))
        of = sum(new.astype(np.float64) for new in fresh)
        newest = np.where(of > 0, held / np.maximum(of, 1.0), np.nan)
        return [*level.T, *newest.T]


def families(covariance: F64) -> Families:
    """By average linkage (Sokal and Michener 1958) of how strongly two measurements (v x v) go together."""
    spread = np.sqrt(np.diag(covariance))
    alike = covariance / np.outer(spread, spread)
    order: list[int] = []
    sign: list[float] = []
    starts: list[int] = []
    for members in _clusters(1.0 - np.abs(alike)):
        if len(members) > 1:
            leading = np.sign(np.linalg.eigh(alike[np.ix_(members, members)])[1][:, -1])
            starts.append(len(order))
            order += members.tolist()
            sign += (leading * (1.0 if leading.sum() >= 0 else -1.0)).tolist()
    return Families(np.array(order, dtype=np.int64), np.array(sign, dtype=np.float64), np.array(starts, dtype=np.int64))


def _clusters(distance: F64) -> list[I64]:
    """Members of each, in their order; the cluster of the first member first."""
    if len(distance) < 2:  # noqa: PLR2004 -- one alone is no cluster
        return []
    np.fill_diagonal(distance, 0.0)
    even = np.maximum((distance + distance.T) / 2.0, 0.0)
    label = fcluster(linkage(squareform(even, checks=False), "average"), APART, "distance")
    return sorted((np.flatnonzero(label == each) for each in np.unique(label)), key=lambda members: int(members[0]))
