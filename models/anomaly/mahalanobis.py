"""Distance from the normal in units of how features vary together (Hotelling 1931, shrunk by Ledoit and Wolf 2004)."""

from dataclasses import dataclass

import msgspec
import numpy as np
from sklearn.covariance import LedoitWolf

from models.anomaly.limit import limit
from models.contract import F64, I64
from models.head import Settled, Training, shares
from models.product import product


@dataclass(frozen=True)
class Distance:
    """Fitted."""

    center: F64  # f
    whiten: F64  # f x f
    limit: float
    channels: int
    memory: int = 0

    def look(self, x: F64) -> F64:
        """The whitened features."""
        return product(x - self.center, self.whiten)

    def settle(self, memory: F64, looks: F64, age: I64) -> Settled:  # noqa: ARG002 -- each row by itself
        """Root of the mean square, in limits."""
        return Settled(score=_distance(looks) / self.limit, memory=memory)

    def blame(self, x: F64, looks: F64) -> F64:
        """What each feature adds to the square, none below nothing, summed by channel."""
        parts = np.maximum((x - self.center) * product(looks, self.whiten.T), 0.0)
        by_channel = parts.reshape(len(x), -1, self.channels).sum(axis=1)
        return shares(by_channel)


class Mahalanobis(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Hyper-parameters: none but the recipe's calibration."""

    def fit(self, training: Training) -> Distance:
        """Fit on all rows; the limit is the wanted quantile of distances of held-out blocks. Raises TrainingError."""
        bar = limit(training, lambda fitted, held: _distance(_fit(fitted).look(held.x)))
        return _fit(training, bar)


def _fit(training: Training, limit: float = 1.0) -> Distance:
    shape = LedoitWolf().fit(training.x)
    values, vectors = np.linalg.eigh(shape.covariance_)
    floor = max(float(values.max()) * 1e-9, 1e-12)
    return Distance(shape.location_, vectors / np.sqrt(np.maximum(values, floor)), limit, training.channels)


def _distance(looks: F64) -> F64:
    distance: F64 = np.sqrt((looks * looks).mean(axis=1))
    return distance
