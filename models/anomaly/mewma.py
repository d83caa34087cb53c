"""Distance of recent means from the normal, where channels that wander slowly must move further than restless ones.

A chart of exponential means over many channels (MEWMA: Lowry, Woodall, Champ, Rigdon 1992) for channels whose rows
depend on the rows before. How far a mean may stray is told by the spectrum of the channel at frequency zero, from a
fitted autoregression (Berk 1974), and how well that is known by the independent looks that the training rows were
worth: deviations are weighed by Student's t with so many degrees of freedom, not by a normal curve.
A machine that came most of the way back from where a fault had taken it has come back.
"""

from dataclasses import dataclass
from typing import Annotated

import msgspec
import numpy as np

from models.anomaly.limit import limit
from models.anomaly.peak import Peak
from models.contract import F64, I64
from models.features import fading
from models.head import Settled, Training, shares
from models.product import product

Share = Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]
NOISE = 0.0025  # of a part's variance, that any channel is supposed to have: what is smooth is not foretold for ever
SUM = 0.999  # of an autoregression's coefficients: beyond it nothing returns to where it was
LASTING = 3.0  # spans that a fault lasts: what is shorter leaves no full peak
NOTHING = Peak(back=0.0, forget=1.0, lasting=1.0)
FEWEST = 10  # rows per coefficient of the autoregression
FAR = 30.0  # spreads: beyond it a value is merely far, so that a lone wild one does not ring for long
TINY = 1e-9
MIDDLE_80 = 2.563  # spreads that the middle four fifths of a normal take
HARDLY = 0.05  # of the spread: so little, and the middle four fifths do not move, as with a channel of two values


@dataclass(frozen=True)
class Chart:
    """Fitted: f features make f parts, part j being feature j with what the others tell of it taken out."""

    center: F64  # f
    whiten: F64  # f x f
    inertia: F64  # f; how many rows in a row are worth one independent look at this part
    looks: F64  # f; independent looks at it in training
    span: float
    limit: float
    channels: int
    peak: Peak = NOTHING

    @property
    def memory(self) -> int:
        """The exponential mean of each part, and what the peak keeps."""
        return len(self.center) + self.peak.memory

    def look(self, x: F64) -> F64:
        """The parts, each of spread 1."""
        parts: F64 = np.clip(product(x - self.center, self.whiten), -FAR, FAR)
        return parts

    def settle(self, memory: F64, looks: F64, age: I64) -> Settled:
        """Root of the mean weight of all parts, in limits; in a young mean all rows weigh the same."""
        means, peak = np.split(memory, [len(self.center)])
        mean, means = self._mean(means, looks)
        weight = self._weight(mean, age)
        score, peak = self.peak.quieten(peak, np.sqrt(weight.mean(axis=1)) / self.limit)
        return Settled(score=score, memory=np.concatenate([means, peak]), seen=weight)

    def blame(self, x: F64, seen: F64) -> F64:  # noqa: ARG002 -- the recent rows speak, not this one
        """What each part weighs, summed by channel."""
        by_channel = seen.reshape(len(seen), -1, self.channels).sum(axis=1)
        return shares(by_channel)

    def _mean(self, memory: F64, looks: F64) -> tuple[F64, F64]:
        mean, after = fading.mean(looks, self.span, memory[None])
        return mean, after[0]

    def _weight(self, mean: F64, age: I64) -> F64:
        """Twice the log-likelihood that each mean (k x f) costs under Student's t, k x f."""
        pace = 1.0 / self.span
        spread = pace / (2.0 - pace) * (1.0 - (1.0 - pace) ** (2.0 * (age + 1.0)))
        square = mean * mean / (spread[:, None] * self.inertia)
        weight: F64 = (self.looks + 1.0) * np.log1p(square / self.looks)
        return weight


class Mewma(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Hyper-parameters."""

    span: Annotated[float, msgspec.Meta(ge=1.0, le=4096.0)] = 10.0  # rows that the means look back
    order: Annotated[int, msgspec.Meta(ge=0, le=50)] = 3  # rows that the autoregression looks back
    shrink: Share = 0.02  # of relations between channels: 0 believes them all, 1 takes each channel by itself
    outlier: Annotated[float, msgspec.Meta(gt=0.0)] = 6.0  # spreads from the middle: such rows are not fitted on
    back: Share = 0.0  # of the peak: what is no louder has come back, and the rest of the way does not ring
    forget: Annotated[float, msgspec.Meta(ge=1.0, le=1e9)] = 1000.0  # rows in which a peak fades by two thirds

    @property
    def peak(self) -> Peak:
        """What is to be remembered of faults."""
        return Peak(self.back, self.forget, LASTING * self.span)

    def fit(self, training: Training) -> Chart:
        """Fit on all usual rows; the limit is the wanted quantile of scores in held-out blocks."""
        training = _usual(training, self.outlier, self.span)
        bar = limit(training, lambda fitted, held: _scores(self._chart(fitted), held))
        return self._chart(training, bar, self.peak)

    def _chart(self, training: Training, limit: float = 1.0, peak: Peak = NOTHING) -> Chart:
        center, whiten = _whitening(training.x, self.shrink)
        parts = (training.x - center) @ whiten
        inertia = _inertia(parts, _follows(training, min(self.order, training.rows // FEWEST)))
        looks = np.maximum(training.rows / inertia - 1.0, 1.0)
        return Chart(center, whiten, inertia, looks, self.span, limit, training.channels, peak)


def _usual(training: Training, outlier: float, span: float) -> Training:
    """Without blocks of rows that lie far from the rest: the first minutes of a machine may be bad too."""
    rows = int(np.ceil(span))
    starts = np.arange(0, training.rows, rows)
    length = np.minimum(rows, training.rows - starts)
    means = np.add.reduceat(training.x, starts, axis=0) / length[:, None]
    low, middle, high = np.quantile(means, [0.1, 0.5, 0.9], axis=0)
    wide, narrow = means.std(axis=0), (high - low) / MIDDLE_80
    spread = np.where(narrow > HARDLY * wide, narrow, wide)
    far = (np.abs(means - middle) > outlier * spread).any(axis=1)
    return training.part(~np.repeat(far, length))


def _whitening(x: F64, shrink: float) -> tuple[F64, F64]:
    """Center, and the whitening that leaves each part as close to its feature as can be (Kessy 2018, ZCA-cor)."""
    center, spread = x.mean(axis=0), x.std(axis=0)
    spread = np.where(spread > TINY, spread, 1.0)
    unit = (x - center) / spread
    relations = (1.0 - shrink) * unit.T @ unit / len(x)
    np.fill_diagonal(relations, 1.0)
    values, vectors = np.linalg.eigh(relations)
    whiten = (vectors / np.sqrt(np.maximum(values, TINY))) @ vectors.T / spread[:, None]
    width = ((x - center) @ whiten).std(axis=0)
    return center, whiten / np.where(width > TINY, width, 1.0)


def _follows(training: Training, order: int) -> tuple[I64, int]:
    """Rows that have `order` rows of their own stretch right before them."""
    first = np.arange(order, training.rows)
    same = training.stretch[first] == training.stretch[first - order]
    return first[same & (training.age[first] - training.age[first - order] == order)], order


def _inertia(parts: F64, follows: tuple[I64, int]) -> F64:
    """Spectrum at frequency zero over variance, of an autoregression for each part; at least 1."""
    rows, order = follows
    if not order or len(rows) <= FEWEST * order:
        return np.ones(parts.shape[1])
    now = parts[rows].T  # f x n
    before = np.stack([parts[rows - lag].T for lag in range(1, order + 1)], axis=1)  # f x order x n
    normal = before @ before.transpose(0, 2, 1) / len(rows) + NOISE * np.eye(order)
    weights = np.linalg.solve(normal, before @ now[:, :, None] / len(rows))[:, :, 0]
    left = (now - (weights[:, None, :] @ before)[:, 0]).var(axis=1) + NOISE * (1.0 + (weights * weights).sum(axis=1))
    inertia: F64 = left / (1.0 - np.minimum(weights.sum(axis=1), SUM)) ** 2
    return np.clip(inertia, 1.0, float(len(rows)))


def _scores(chart: Chart, training: Training) -> F64:
    """Scores of the rows as if each unbroken piece of them were a device of its own."""
    looks = chart.look(training.x)
    cold = np.zeros(chart.memory)
    return np.concatenate([chart.settle(cold, looks[rows], np.arange(len(rows))).score for rows in training.pieces()])
