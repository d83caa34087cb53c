"""Boosted trees at work on units that are measured step by step: what is known so far decides which of them speak."""

from dataclasses import dataclass

import numpy as np
from lightgbm import Booster
from scipy.special import expit

from models.contract import F64, I64
from models.head import Settled, shares


@dataclass(frozen=True)
class Stages:
    """Fitted. Step s knows the first `ends[s]` channels; its trees were fitted on units cut off there."""

    ends: I64  # steps
    trees: tuple[tuple[Booster, ...], ...]  # steps x members
    slope: F64  # steps; from what trees say to the logarithm of the odds of failing
    base: F64  # steps
    limit: F64  # steps; P(fail) at which a unit is stopped there
    channels: int
    memory: int = 0

    def look(self, x: F64) -> F64:
        """Step and log odds of failing, n x 2."""
        step = self.step(x)
        odds = np.zeros(len(x))
        for each in np.unique(step):
            mine = step == each
            odds[mine] = self.slope[each] * self.told(x[mine], each) + self.base[each]
        return np.stack([step.astype(np.float64), odds], axis=1)

    def step(self, x: F64) -> I64:
        """The first step that knows the last channel with a value, from 0."""
        seen = np.isfinite(x)
        known = np.where(seen.any(axis=1), x.shape[1] - np.argmax(seen[:, ::-1], axis=1), 0)
        return np.asarray(np.minimum(np.searchsorted(self.ends, known), len(self.ends) - 1), dtype=np.int64)

    def told(self, x: F64, step: int) -> F64:
        """What the trees of a step say of units, n."""
        return said(self.trees[step], x[:, : self.ends[step]])

    def settle(self, memory: F64, looks: F64, age: I64) -> Settled:  # noqa: ARG002 -- each row by itself
        """P(fail) in limits of the step."""
        failing = expit(looks[:, 1])
        outlook = np.stack([1.0 - failing, failing], axis=1)
        return Settled(score=failing / self.limit[looks[:, 0].astype(np.int64)], memory=memory, outlook=outlook)

    def blame(self, x: F64, looks: F64) -> F64:
        """What each channel adds to the odds along the trees (Lundberg 2020), none below nothing."""
        adds = np.zeros((len(x), self.channels))
        step = looks[:, 0].astype(np.int64)
        for each in np.unique(step):
            mine, end = np.flatnonzero(step == each), self.ends[each]
            for tree in self.trees[each]:
                parts = np.asarray(tree.predict(x[mine, :end], pred_contrib=True, num_threads=1))
                adds[mine, :end] += np.maximum(parts[:, :-1], 0.0)
        return shares(adds)


def said(trees: tuple[Booster, ...], x: F64) -> F64:
    """The mean of what several sets of trees say, n."""
    total = np.zeros(len(x))
    for each in trees:
        total += np.asarray(each.predict(x, raw_score=True, num_threads=1))
    return total / max(len(trees), 1)
