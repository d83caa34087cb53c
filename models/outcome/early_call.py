"""The early call at work: after each step of a unit, how likely it fails, and what speaks for it."""

from dataclasses import dataclass
from typing import cast

import numpy as np
from lightgbm import Booster

from models.contract import F64, I64
from models.head import Settled, Training, shares
from models.outcome.early_odds import Odds, fewest
from models.outcome.early_view import View
from models.outcome.stages import said

LONGEST = 60.0  # log odds over the limit
TINY = 1e-12
UNTOLD = 0.9  # of the limit: before the first step a unit has a chance of failing, but nobody stops what has not begun


@dataclass(frozen=True)
class EarlyCall:
    """Fitted. Its memory of a station is what units there were like; a row is a unit, as far as it is measured."""

    view: View
    trees: tuple[Booster, ...]
    odds: Odds
    channels: int

    @property
    def memory(self) -> int:
        """A fading mean a column."""
        return self.channels

    @property
    def outlooks(self) -> int:
        """P(pass), P(fail), low and high of it."""
        return 4

    def doubts(self, training: Training) -> tuple[str, ...]:
        """Where it stops no one."""
        if np.isfinite(self.odds.limit):
            return ()
        rate, passed = training.recipe.calibration.false_alarm_rate, int((training.label == 0).sum())
        sure = cast("float | None", training.recipe.estimator.get("sure"))
        need = f"it takes {fewest(rate, sure)} that could be held out" if rate > 0 else "no number would do"
        heavy = ", and more where several are stopped for one reason or some stand for many"
        promise = f"too few to promise that at most {rate:.2%} of such are stopped ({need}{heavy})"
        return (f"{passed} units passed, {promise}: this model tells chances and never says stop",)

    def look(self, x: F64) -> F64:
        """Spreads from the usual, n x c."""
        return self.view.scaled(x)

    def settle(self, memory: F64, looks: F64, age: I64) -> Settled:  # noqa: ARG002 -- a unit is a row, whatever came before
        """Odds of failing in odds of the limit; `seen`: the look, the station's drift, the surprises."""
        drift, after = self.view.remembered(looks, memory)
        step = self.view.steps.done(looks)
        surprise = self.view.surprises(looks, drift)
        found = self.odds.of(self._told(looks, drift, surprise, step))
        over = np.exp(np.clip(found - self.odds.limit, -LONGEST, LONGEST))
        return Settled(
            score=np.where(step < 0, np.minimum(over, UNTOLD), over),
            memory=after,
            outlook=self.odds.outlook(found, step),
            seen=np.concatenate([looks, drift, surprise], axis=1),
        )

    def blame(self, x: F64, looks: F64) -> F64:  # noqa: ARG002 -- asks anew, with a step as it usually is
        """How much less the trees would say if a step were as usual, shared by its columns, and so for the drift."""
        cuts = [self.channels, 2 * self.channels]
        return shares(np.array([self._drop(*np.split(row, cuts)) for row in looks]))

    def _drop(self, z: F64, drift: F64, surprise: F64) -> F64:
        """Of one unit; c."""
        place, margin = self.view.steps.place, self.view.steps.margin
        done = int(self.view.steps.done(z[None])[0])
        usual = np.arange(-1, done + 2)[:, None]  # nothing, each step, the station
        zs = np.where((usual == place) & np.isfinite(z), self.view.follow * drift, z)
        surprises = np.where((usual == place[self.view.steps.measured]) & np.isfinite(surprise), 0.0, surprise)
        told = self._told(zs, np.where(usual <= done, drift, 0.0), surprises, np.full(len(usual), done))
        less = np.maximum(told[0] - told[1:], 0.0)
        odd = np.where(np.isfinite(z) & ~margin, z * z, 0.0) + TINY
        of_step = np.concatenate([less[:-1], np.zeros(int(place.max()) - done)])
        moved = np.where(margin, 0.0, drift * drift) + TINY
        return np.asarray((of_step / np.bincount(place, odd))[place] * odd + less[-1] * moved / moved.sum())

    def _told(self, z: F64, drift: F64, surprise: F64, step: I64) -> F64:
        out = np.zeros(len(z))
        for each in np.unique(step):
            mine = np.flatnonzero(step == each)
            out[mine] = said(self.trees, self.view.told(z[mine], drift[mine], surprise[mine], int(each)))
        return out
