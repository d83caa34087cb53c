"""Distance from the normal in two views: channels as they vary together, and each by itself; peaks fade slowly.

The first view is Mahalanobis' distance with a shrunk covariance (Ledoit and Wolf 2004) of squashed features, the second
the root of the mean square of the features. An incident is often a few loud rows among many that are half quiet: a peak
that fades holds them together. Machines whose normal drifts may follow it on a leash.
"""

from dataclasses import dataclass
from typing import Annotated

import msgspec
import numpy as np
from sklearn.covariance import shrunk_covariance

from models.anomaly.leash import Leash
from models.anomaly.limit import limit
from models.contract import F64, I64
from models.features import fading
from models.head import Settled, Training, shares
from models.product import product

Share = Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]
Rows = Annotated[float, msgspec.Meta(ge=1.0, le=1e6)]
Positive = Annotated[float, msgspec.Meta(gt=0.0)]
TINY = 1e-12


@dataclass(frozen=True)
class Squash:
    """Features in spreads, cut off where they are merely far."""

    center: F64  # f
    scale: F64  # f; 0 for a feature that never moves
    reach: float
    rest: F64  # f; mean of what is left

    def __call__(self, x: F64) -> F64:
        """Of n x f features."""
        out: F64 = np.clip((x - self.center) * self.scale, -self.reach, self.reach) - self.rest
        return out


@dataclass(frozen=True)
class Views:
    """Fitted. Looks are the parts of one view or, side by side, of both; each has a mean square of 1 in training."""

    squash: Squash
    bases: tuple[F64, ...]  # f x f each: features to parts of a view; part j is feature j as far as can be
    weights: tuple[float, ...]  # of the views' distances in the score
    usual: F64  # views x c; what each channel adds to the mean square in training
    smooth: float
    fade: float
    leash: Leash
    cold: int  # rows of a device before its features mean something
    limit: float

    @property
    def _channels(self) -> int:
        return int(self.usual.shape[1])

    @property
    def memory(self) -> int:
        """Where the normal has moved, smoothed squares by view and channel, the peak and each channel's part in it."""
        return self.leash.memory(len(self.bases) * len(self.squash.center)) + self.usual.size + 1 + self._channels

    def look(self, x: F64) -> F64:
        """The parts of each view."""
        squashed = self.squash(x)
        return np.concatenate([product(squashed, basis) for basis in self.bases], axis=1)

    def settle(self, memory: F64, looks: F64, age: I64) -> Settled:
        """Weighted sum of the views' distances or a faded earlier one, in limits; cold rows count for nothing."""
        cold = int(np.searchsorted(age, self.cold))
        score, seen = np.zeros(len(looks)), np.zeros((len(looks), self._channels))
        if cold < len(looks):
            score[cold:], seen[cold:], memory = self._settle(memory, looks[cold:], age[cold:])
        return Settled(score=score / self.limit, memory=memory, seen=seen)

    def blame(self, x: F64, seen: F64) -> F64:  # noqa: ARG002 -- a peak may be some rows back
        """What each channel added to the distance at the peak."""
        return shares(seen)

    def _settle(self, memory: F64, looks: F64, age: I64) -> tuple[F64, F64, F64]:
        first = self.leash.memory(looks.shape[1])
        second = first + self.usual.size
        looks, moved = self.leash.follow(memory[:first], looks, age)
        square, smoothed = self._smoothed(memory[first:second], looks)
        each = np.sqrt(square.sum(axis=2))  # k x views
        weights = np.array(self.weights)
        parts = (square * (weights / np.maximum(each, TINY))[:, :, None]).sum(axis=1)
        score, seen, peak = self._held(memory[second:], (each * weights).sum(axis=1), parts)
        return score, seen, np.concatenate([moved, smoothed, peak])

    def _smoothed(self, memory: F64, looks: F64) -> tuple[F64, F64]:
        """Mean squares by view and channel (k x views x c), smoothed; before the first row all was as usual."""
        size = len(self.squash.center)
        square = (looks * looks).reshape(len(looks), len(self.bases), -1, self._channels).sum(axis=2) / size
        more, after = fading.mean(square - self.usual, self.smooth, memory.reshape(1, *self.usual.shape))
        return np.maximum(more + self.usual, 0.0), after.ravel()

    def _held(self, memory: F64, distance: F64, parts: F64) -> tuple[F64, F64, F64]:
        """Distance or faded peak, whichever is more, and the channels' parts (k x c) in it."""
        held = fading.peak(distance, self.fade, float(memory[0]))
        loud = distance == held
        source = np.maximum.accumulate(np.where(loud, np.arange(1, len(loud) + 1), 0))
        seen = np.concatenate([memory[None, 1:], parts])[source]
        return held, seen, np.concatenate([held[-1:], seen[-1]])


class Twofold(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Hyper-parameters."""

    reach: Positive = 8.0  # spreads of a feature: beyond, it is merely far
    shrink: Annotated[float, msgspec.Meta(gt=0.0, le=1.0)] = 0.1  # of relations between features
    alone: Share = 0.3  # weight of the view that takes each channel by itself
    smooth: Rows = 1.0  # rows that squares are smoothed over
    fade: Rows = 1.0  # rows in which a peak fades by two thirds
    follow: Annotated[float, msgspec.Meta(ge=0.0, le=1e6)] = 0.0  # rows in which the normal follows; 0: it stands still
    leash: Positive = 3.0  # how far at most; a usual row is 1 from the normal

    def fit(self, training: Training) -> Views:
        """Fit on all rows; the limit is the wanted quantile of scores in held-out blocks, each from a cold start."""
        bar = limit(training, lambda fitted, held: _scores(self._views(fitted), held))
        return self._views(training, bar)

    def _views(self, training: Training, limit: float = 1.0) -> Views:
        squash = _squash(training.x, self.reach)
        squashed = squash(training.x)
        size = squashed.shape[1]
        covariance = squashed.T @ squashed / len(squashed)
        bases, weights = (
            [_whitening(shrunk_covariance(covariance, self.shrink)), np.eye(size)],
            [1.0 - self.alone, self.alone],
        )
        views = [(_unit(squashed, basis), weight) for basis, weight in zip(bases, weights, strict=True) if weight > 0]
        usual = [
            ((squashed @ basis) ** 2).mean(axis=0).reshape(-1, training.channels).sum(axis=0) / size
            for basis, _ in views
        ]
        return Views(
            squash=squash,
            bases=tuple(basis for basis, _ in views),
            weights=tuple(weight for _, weight in views),
            usual=np.stack(usual),
            smooth=self.smooth,
            fade=self.fade,
            leash=Leash(self.follow, self.leash, size),
            cold=training.led,
            limit=limit,
        )


def _squash(x: F64, reach: float) -> Squash:
    center, spread = x.mean(axis=0), x.std(axis=0)
    scale = np.where(spread > TINY, 1.0 / np.maximum(spread, TINY), 0.0)
    rest = np.clip((x - center) * scale, -reach, reach).mean(axis=0)
    return Squash(center, scale, reach, rest)


def _whitening(covariance: F64) -> F64:
    """The whitening that leaves each part as close to its feature as can be (Kessy 2018, ZCA)."""
    values, vectors = np.linalg.eigh(covariance)
    out: F64 = (vectors / np.sqrt(np.maximum(values, TINY))) @ vectors.T
    return out


def _unit(squashed: F64, basis: F64) -> F64:
    """The basis scaled so that the mean square of all parts is 1."""
    square = float(((squashed @ basis) ** 2).mean())
    out: F64 = basis / np.sqrt(max(square, TINY))
    return out


def _scores(views: Views, training: Training) -> F64:
    """Scores of the rows as if each unbroken piece of them were a device of its own."""
    looks = views.look(training.x)
    cold = np.zeros(views.memory)
    return np.concatenate([views.settle(cold, looks[rows], training.age[rows]).score for rows in training.pieces()])
