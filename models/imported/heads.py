"""Estimators of other libraries, fitted: how their words become scores, and which channel speaks."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from models.contract import F64, I64
from models.head import Settled, shares

BLOCK = 2**22  # numbers that are worked on at once
LARGEST = 1e6  # of a score
NEGLIGIBLE = 1e-3  # of the horizon: a shorter life counts as this
TWO = 2


@dataclass(frozen=True, kw_only=True)
class Foreign(ABC):
    """Looks at each row by itself, and remembers nothing."""

    inner: object
    typical: F64  # f; what each feature usually is
    channels: int
    gaps: bool  # whether it was fitted on missing values
    memory: int = 0

    def look(self, x: F64) -> F64:
        """What the library says of n rows, n x q."""
        if not len(x):
            return np.zeros((0, self.width))
        return self.read(x if self.gaps else np.where(np.isnan(x), self.typical, x))

    @property
    def width(self) -> int:
        """Numbers that it says of a row."""
        return 1

    @abstractmethod
    def read(self, x: F64) -> F64:
        """As `look`, of at least one row that the estimator can take."""

    @abstractmethod
    def settle(self, memory: F64, looks: F64, age: I64) -> Settled:
        """See Head."""

    @abstractmethod
    def rising(self, looks: F64) -> F64:
        """What grows as the score does, n."""

    def blame(self, x: F64, looks: F64) -> F64:
        """How much less it would say if a channel were as it usually is, each channel by itself."""
        drop = np.zeros((len(x), self.channels))
        own = np.arange(x.shape[1]) % self.channels == np.arange(self.channels)[:, None]
        step = max(1, BLOCK // own.size)
        for start in range(0, len(x), step):
            part = slice(start, start + step)
            without = np.where(own[:, None], self.typical, x[part]).reshape(-1, x.shape[1])
            less = self.rising(self.look(without)).reshape(self.channels, -1).T
            drop[part] = np.maximum(self.rising(looks[part])[:, None] - less, 0.0)
        return shares(drop)


@dataclass(frozen=True, kw_only=True)
class ForeignNormal(Foreign):
    """Score 0 is what is typical of rows that it was not fitted on, 1 the limit."""

    base: float = 0.0
    span: float = 1.0

    def read(self, x: F64) -> F64:
        """How odd, n x 1: what the library calls a score is high for normal rows."""
        judge = getattr(self.inner, "score_samples", None) or getattr(self.inner, "decision_function")  # noqa: B009 -- typed as any object
        return -np.asarray(judge(x), dtype=np.float64).reshape(-1, 1)

    def settle(self, memory: F64, looks: F64, age: I64) -> Settled:  # noqa: ARG002 -- each row by itself
        """In limits."""
        return Settled(score=np.clip((looks[:, 0] - self.base) / self.span, 0.0, LARGEST), memory=memory)

    def rising(self, looks: F64) -> F64:
        """How odd."""
        return looks[:, 0]


@dataclass(frozen=True, kw_only=True)
class ForeignLife(Foreign):
    """The interval reaches as far as it had to on units that it was not fitted on."""

    horizon: float
    most: float  # no life is longer
    below: float = 0.0
    above: float = 0.0

    def read(self, x: F64) -> F64:
        """What life is left, n x 1."""
        life = np.asarray(getattr(self.inner, "predict")(x), dtype=np.float64)  # noqa: B009 -- as above
        return np.clip(life.reshape(-1, 1), 0.0, self.most)

    def settle(self, memory: F64, looks: F64, age: I64) -> Settled:  # noqa: ARG002 -- each row by itself
        """The horizon in expected lives."""
        expected = looks[:, 0]
        low = np.clip(expected + self.below, 0.0, expected)
        high = np.clip(expected + self.above, expected, self.most)
        score = self.horizon / np.maximum(expected, NEGLIGIBLE * self.horizon)
        return Settled(score=score, memory=memory, outlook=np.stack([expected, low, high], axis=1))

    def rising(self, looks: F64) -> F64:
        """How short."""
        return -looks[:, 0]


@dataclass(frozen=True, kw_only=True)
class ForeignOutcome(Foreign):
    """Of two classes the second is the failure; of more, none is, and there is nothing to ring about."""

    classes: tuple[int, ...]  # which class each column of the library's probabilities is
    count: int
    threshold: float = 1.0

    @property
    def width(self) -> int:
        """One a class."""
        return self.count

    def read(self, x: F64) -> F64:
        """How likely each class is, n x classes; one that was never seen is not."""
        told = np.asarray(getattr(self.inner, "predict_proba")(x), dtype=np.float64)  # noqa: B009 -- as above
        out = np.zeros((len(x), self.count))
        out[:, list(self.classes)] = told
        return out

    def settle(self, memory: F64, looks: F64, age: I64) -> Settled:  # noqa: ARG002 -- each row by itself
        """P(fail) in thresholds."""
        score = looks[:, 1] / self.threshold if self.count == TWO else np.full(len(looks), np.nan)
        return Settled(score=score, memory=memory, outlook=looks)

    def rising(self, looks: F64) -> F64:
        """P(fail)."""
        return looks[:, 1]
