"""Distance from the normal in units of how features vary together (Hotelling 1931, shrunk by Ledoit and Wolf 2004)."""

from dataclasses import dataclass

import msgspec
import numpy as np
from sklearn.covariance import LedoitWolf

from models.contract import F64, I64
from models.head import Settled, Training, TrainingError
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
        total = by_channel.sum(axis=1, keepdims=True)
        return np.where(total > 0, by_channel / np.where(total > 0, total, 1.0), 1.0 / self.channels)


class Mahalanobis(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Hyper-parameters: none but the recipe's calibration."""

    def fit(self, training: Training) -> Distance:
        """Fit on all rows; the limit is the wanted quantile of distances of held-out blocks."""
        held = []
        warm = int(training.age.min())
        for fitted, out in training.folds(training.recipe.calibration.folds, apart=warm):
            if fitted.sum() > 1:
                held.append(_distance(_fit(training.x[fitted], training.channels).look(training.x[out])))
        if not held:
            msg = f"{training.rows} warm rows are too few to set a limit"
            raise TrainingError(msg)
        calibration = training.recipe.calibration
        limit = calibration.multiple * np.quantile(np.concatenate(held), 1.0 - calibration.false_alarm_rate)
        return _fit(training.x, training.channels, float(limit))


def _fit(x: F64, channels: int, limit: float = 1.0) -> Distance:
    shape = LedoitWolf().fit(x)
    values, vectors = np.linalg.eigh(shape.covariance_)
    floor = max(float(values.max()) * 1e-9, 1e-12)
    return Distance(shape.location_, vectors / np.sqrt(np.maximum(values, floor)), max(limit, 1e-12), channels)


def _distance(looks: F64) -> F64:
    distance: F64 = np.sqrt((looks * looks).mean(axis=1))
    return distance
