"""Life left from where a unit stands on a few axes of wear, how fast it moves along them, and how old it is.

Health indices made from labelled run-to-failure records (as Le Son et al. 2013 by PCA), here weighed against noise;
what they mean for life is learnt by an ensemble of small networks, each of which leaves some units out: those tell
how far to trust it.
"""

from dataclasses import dataclass, replace
from typing import Annotated

import msgspec
import numpy as np

from models.contract import F64, I64, Bools
from models.head import Settled, Training, TrainingError, shares
from models.life.axes import axes
from models.life.interval import Interval, interval
from models.life.networks import Network, learnt
from models.product import product

Count = Annotated[int, msgspec.Meta(ge=1)]
Positive = Annotated[float, msgspec.Meta(gt=0.0)]
Share = Annotated[float, msgspec.Meta(gt=0.0, le=1.0)]
FAR = 5.0  # spreads: beyond it nothing was learnt, so an input counts as this
NEGLIGIBLE = 1e-3  # of the horizon: a shorter life counts as this
FEWEST_UNITS = 4
TINY = 1e-9


@dataclass(frozen=True)
class Wear:
    """Fitted. A look is where on each axis a unit stands and how it moves, in spreads of the training rows."""

    onto: F64  # c x axes
    center: F64  # q; of the looks, and last of age
    spread: F64  # q
    healthy: F64  # features x c; what they are while life is at its cap
    networks: tuple[Network, ...]
    around: Interval
    most: float  # no life is longer
    horizon: float
    channels: int
    aged: bool
    memory: int = 0

    def look(self, x: F64) -> F64:
        """Features but the first (the row itself) along the axes, n x q."""
        places = _blocks(x, self.channels)[:, 1:].reshape(-1, self.channels)
        along = product(places, self.onto).reshape(len(x), len(self.center) - 1)
        return np.clip((along - self.center[:-1]) / self.spread[:-1], -FAR, FAR)

    def settle(self, memory: F64, looks: F64, age: I64) -> Settled:
        """The mean of what the networks expect, and the horizon in expected lives."""
        seen = self.seen(looks, age)
        life = self.life(seen)
        low, high = self.around.around(life, self.most)
        score = self.horizon / np.maximum(life, NEGLIGIBLE * self.horizon)
        return Settled(score=score, memory=memory, outlook=np.stack([life, low, high], axis=1), seen=seen)

    def seen(self, looks: F64, age: I64) -> F64:
        """Looks, and age beside them."""
        years = np.clip((age - self.center[-1]) / self.spread[-1], -FAR, FAR) * self.aged
        return np.concatenate([looks, years[:, None]], axis=1)

    def life(self, seen: F64) -> F64:
        """Expected, n."""
        share = sum((each.read(seen) for each in self.networks), np.zeros(len(seen))) / len(self.networks)
        return np.clip(share * self.most, 0.0, self.most)

    def blame(self, x: F64, seen: F64) -> F64:
        """What a channel's distance from healthy takes from the expected life, none below nothing."""
        slope = np.mean([each.slopes(seen) for each in self.networks], axis=0)[:, :-1] / self.spread[:-1]
        by_place = _blocks(x, self.channels)[:, 1:] - self.healthy
        weight = slope.reshape(len(x), len(self.healthy), self.onto.shape[1]) @ self.onto.T
        taken = np.maximum(-(weight * by_place).sum(axis=1), 0.0)
        return shares(taken)


class WearLife(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Hyper-parameters. The first of the recipe's features must be `value`: it tells noise from wear."""

    axes: Count = 6  # at most
    least: Positive = 3.0  # noise variances that wear must move along an axis
    hidden: tuple[Count, ...] = (64, 32)  # numbers in the layers of a network
    decay: Positive = 0.1  # of weights: more is smoother
    passes: Count = 25  # over the rows
    networks: Count = 2  # for each fold that they leave out
    rows: Count = 20_000  # that a network is shown, at most
    beyond: Share = 0.35  # how much a row counts whose life exceeds the cap: there are many, all alike
    aged: bool = False  # life depends on rows seen: only where every unit is watched from new

    def fit(self, training: Training) -> Wear:
        """Fit on rows whose life is known. Raises TrainingError."""
        recipe = training.recipe
        if dict(recipe.features[0]) != {"kind": "value"}:
            msg = "the first of the features must be { kind = 'value' }: estimator 'wear' tells noise from wear by it"
            raise TrainingError(msg)
        if len(recipe.features) == 1:
            msg = "there must be more features than the value itself: add { kind = 'trend', span = 25 }"
            raise TrainingError(msg)
        known = training.part(np.isfinite(training.label))
        units = len(np.unique(known.stretch))
        if units < FEWEST_UNITS:
            msg = f"{units} units with known life are too few: give at least {FEWEST_UNITS} that ran until they failed"
            raise TrainingError(msg)
        most = recipe.cap or max(float(known.label.max()), TINY)
        weight = np.where(known.label > most, self.beyond, 1.0)
        onto = axes(known.x[:, : known.channels], known, most=self.axes, least=self.least)
        head = _placed(known, weight, most, onto, aged=self.aged)
        return self._learnt(head, known, weight, min(recipe.calibration.folds, units))

    def _learnt(self, head: Wear, known: Training, weight: F64, folds: int) -> Wear:
        """Networks, and from each what it expects of the units that it was not shown."""
        seen, life = head.seen(head.look(known.x), known.age), np.minimum(known.label, head.most)
        recipe = known.recipe
        found, held, expected = [], [], []
        for turn, (inside, out) in enumerate(known.folds(folds)):
            mine = [
                self._network(seen, life / head.most, weight, inside, seed=recipe.seed + turn * self.networks + more)
                for more in range(self.networks)
            ]
            found += mine
            held.append(np.flatnonzero(out))
            expected.append(replace(head, networks=tuple(mine)).life(seen[out]))
        rows = np.concatenate(held)
        around = interval(np.concatenate(expected), life[rows], weight[rows], recipe.calibration.coverage)
        return replace(head, networks=tuple(found), around=around)

    def _network(self, seen: F64, share: F64, weight: F64, inside: Bools, *, seed: int) -> Network:
        """One, of some of the rows."""
        rows = np.flatnonzero(inside)
        if len(rows) > self.rows:
            rows = np.random.default_rng(seed).choice(rows, self.rows, replace=False)
        hidden, decay, passes = self.hidden, self.decay, self.passes
        return learnt(seen[rows], share[rows], weight[rows], hidden=hidden, decay=decay, passes=passes, seed=seed)


def _blocks(x: F64, channels: int) -> F64:
    """Rows by feature by channel."""
    return x.reshape(len(x), x.shape[1] // channels, channels)


def _placed(known: Training, weight: F64, most: float, onto: F64, *, aged: bool) -> Wear:
    """Scales of the looks; networks and interval are still to come."""
    blocks = _blocks(known.x, known.channels)[:, 1:]
    looks = np.concatenate([(blocks @ onto).reshape(known.rows, -1), known.age[:, None]], axis=1)
    center = np.average(looks, axis=0, weights=weight)
    spread = np.sqrt(np.average((looks - center) ** 2, axis=0, weights=weight))
    well = known.label >= min(most, float(np.quantile(known.label, 0.8)))
    return Wear(
        onto=onto,
        center=center,
        spread=np.where(spread > TINY, spread, 1.0),
        healthy=blocks[well].mean(axis=0),
        networks=(),
        around=Interval(np.zeros(1), np.zeros(1), np.zeros(1)),
        most=most,
        horizon=known.recipe.horizon,
        channels=known.channels,
        aged=aged,
    )
