"""Calls of a unit's outcome at checkpoints of its run; between them the last one stands."""

from dataclasses import dataclass

import numpy as np
from scipy.special import softmax
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from models.contract import F64, I64
from models.head import Settled, shares

TWO = 2
SHARP = 2.0  # of what the margins of the support vectors say


@dataclass(frozen=True)
class Jury:
    """Fitted at one checkpoint: trees and support vectors, which both see the axes that part the grades as well."""

    scale: StandardScaler
    axes: LinearDiscriminantAnalysis
    trees: ExtraTreesClassifier
    vectors: SVC
    near: float  # scale of the axes for the support vectors
    voice: float  # share of the support vectors in the call
    classes: tuple[int, ...]
    count: int

    def call(self, x: F64) -> F64:
        """How likely each class is, n x classes, from n x f features."""
        scaled = self.scale.transform(x)
        said = np.asarray(self.trees.predict_proba(with_odds(scaled, self.axes)))
        margin = np.asarray(self.vectors.decision_function(with_axes(scaled, self.axes, self.near)))
        if margin.ndim == 1:
            margin = np.stack([-margin, margin], axis=1)
        out = np.zeros((len(x), self.count))
        out[:, list(self.classes)] = (1.0 - self.voice) * said + self.voice * softmax(SHARP * margin, axis=1)
        return out


def with_odds(scaled: F64, axes: LinearDiscriminantAnalysis) -> F64:
    """Features, and how far each class is from the others along the axes."""
    odds = np.asarray(axes.decision_function(scaled))
    return np.concatenate([scaled, odds.reshape(len(scaled), -1)], axis=1)


def with_axes(scaled: F64, axes: LinearDiscriminantAnalysis, near: float) -> F64:
    """Features and places on the axes, each weighed so that all of them count as one."""
    places = np.asarray(axes.transform(scaled))
    return np.concatenate([scaled / np.sqrt(scaled.shape[1]), near * places / np.sqrt(max(places.shape[1], 1))], axis=1)


@dataclass(frozen=True)
class Calls:
    """Fitted. Its memory of a unit is the last call; before the first checkpoint, what units are like at large."""

    at: I64  # rows at which a call is made
    juries: tuple[Jury, ...]
    prior: F64  # classes
    typical: F64  # checkpoints x f; what each feature usually is there
    limit: float  # P(fail) of two classes
    channels: int
    memory: int

    def look(self, x: F64) -> F64:
        """Calls of rows at checkpoints, n x classes; NaN elsewhere."""
        out = np.full((len(x), len(self.prior)), np.nan)
        count = x[:, -self.channels]
        for rows, jury in zip(self.at, self.juries, strict=True):
            mine = np.flatnonzero(count == rows)
            if mine.size:
                out[mine] = jury.call(x[mine, : -self.channels])
        return out

    def settle(self, memory: F64, looks: F64, age: I64) -> Settled:  # noqa: ARG002 -- looks know their checkpoint
        """The last call up to each row; of two classes the second is the failure, of more there is none to ring for."""
        before = memory if memory.any() else self.prior
        every = np.concatenate([before[None], looks])
        source = np.where(np.isnan(every[:, 0]), 0, np.arange(len(every)))
        stands = every[np.maximum.accumulate(source)]
        called = stands[1:]
        score = called[:, 1] / self.limit if len(self.prior) == TWO else np.full(len(looks), np.nan)
        return Settled(score=score, memory=stands[-1].copy(), outlook=called, seen=called)

    def blame(self, x: F64, looks: F64) -> F64:  # noqa: ARG002 -- asks anew, a channel at a time
        """How much less likely the second class would be to the last jury called if a channel were as it usually is."""
        drop = np.zeros((len(x), self.channels))
        turn = np.maximum(np.searchsorted(self.at, x[:, -self.channels], side="right") - 1, 0)
        for each in np.unique(turn):
            mine = np.flatnonzero(turn == each)
            drop[mine] = self._drop(x[mine, : -self.channels], self.juries[each], self.typical[each])
        return shares(drop)

    def _drop(self, rows: F64, jury: Jury, typical: F64) -> F64:
        own = np.arange(rows.shape[1]) % self.channels
        said = jury.call(rows)[:, 1]
        less = [jury.call(np.where(own == channel, typical, rows))[:, 1] for channel in range(self.channels)]
        return np.maximum(said[:, None] - np.stack(less, axis=1), 0.0)
