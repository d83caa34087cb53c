"""The early call at work: after each step of a unit, how likely it fails, and what speaks for it."""

from dataclasses import dataclass

import numpy as np
from lightgbm import Booster

from models.contract import F64, I64
from models.head import Settled, shares
from models.outcome.early_odds import Odds
from models.outcome.early_view import View
from models.outcome.stages import said

LONGEST = 60.0  # log odds over the limit
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

    def look(self, x: F64) -> F64:
        """Spreads from the usual, n x c."""
        return self.view.scaled(x)

    def settle(self, memory: F64, looks: F64, age: I64) -> Settled:  # noqa: ARG002 -- a unit is a row, whatever came before
        """Odds of failing in odds of the limit; what is `seen` is the look, and beside it the station's drift."""
        drift, after = self.view.remembered(looks, memory)
        step = self.view.steps.done(looks)
        found = self.odds.of(self._told(looks, drift, self.view.surprises(looks, drift), step))
        over = np.exp(np.clip(found - self.odds.limit, -LONGEST, LONGEST))
        return Settled(
            score=np.where(step < 0, np.minimum(over, UNTOLD), over),
            memory=after,
            outlook=self.odds.outlook(found, step),
            seen=np.concatenate([looks, drift], axis=1),
        )

    def blame(self, x: F64, looks: F64) -> F64:  # noqa: ARG002 -- asks anew, with a step as it usually is
        """How much less the trees would say if a step were as usual, shared by its columns, and so for the drift."""
        return shares(np.array([self._drop(row) for row in looks.reshape(len(looks), 2, -1)]))

    def _drop(self, seen: F64) -> F64:
        """Of one unit, from its look and the drift of its station; c."""
        z, drift = seen
        done, place = int(self.view.steps.done(z[None])[0]), self.view.steps.place
        usual = np.arange(-1, done + 2)  # nothing, each step, the station
        surprise = self.view.surprises(z[None], drift[None])[0]
        as_usual = usual[:, None] == place
        zs = np.where(as_usual & np.isfinite(z), self.view.follow * drift, z)
        surprises = np.where(as_usual[:, self.view.steps.measured] & np.isfinite(surprise), 0.0, surprise)
        drifts = np.where(usual[:, None] <= done, drift, 0.0)
        said_of = self._told(zs, drifts, surprises, np.full(len(usual), done))
        less = np.maximum(said_of[0] - said_of[1:], 0.0)
        odd = np.where(np.isfinite(z) & ~self.view.steps.margin, z * z, 0.0) + TINY
        out = np.zeros(self.channels)
        for step in range(done + 1):
            mine = place == step
            out[mine] = less[step] * odd[mine] / odd[mine].sum()
        moved = np.where(self.view.steps.margin, 0.0, drift * drift) + TINY
        return np.asarray(out + less[-1] * moved / moved.sum())

    def _told(self, z: F64, drift: F64, surprise: F64, step: I64) -> F64:
        out = np.zeros(len(z))
        for each in np.unique(step):
            mine = np.flatnonzero(step == each)
            out[mine] = said(self.trees, self.view.told(z[mine], drift[mine], surprise[mine], int(each)))
        return out


TINY = 1e-12
