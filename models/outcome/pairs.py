"""`[estimator] kind = "pairs", path = "lightgbm.LGBMClassifier"`: an imported estimator that is also shown pairs.

A product or a difference is often what breaks a part: torque times speed is power, heat is lost along a difference.
Trees cut one number at a time, and would need a staircase of cuts for what one cut of the product tells.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, cast

import msgspec
import numpy as np

from models.contract import F64, I64
from models.head import Training
from models.imported.estimator import Imported
from models.imported.heads import ForeignOutcome

FEW = 10  # different values: what takes fewer is a category, and nothing comes of multiplying by its number


class Pairs(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An estimator of another library, shown the product and the difference of every two measurements as well."""

    path: str
    params: Mapping[str, object] = {}
    limit: Annotated[float, msgspec.Meta(gt=0.0, le=1.0)] | None = None  # P(fail) that rings; else from held-out rows

    def fit(self, training: Training) -> "PairsOutcome":
        """As an imported one is. Raises TrainingError, RecipeError."""
        measured = np.flatnonzero([len(np.unique(column[np.isfinite(column)])) >= FEW for column in training.x.T])
        wide = msgspec.structs.replace(training, x=with_pairs(training.x, measured))
        found = cast("ForeignOutcome", Imported(path=self.path, params=self.params, limit=self.limit).fit(wide))
        return PairsOutcome(
            inner=found.inner,
            typical=found.typical[: training.x.shape[1]],
            channels=training.channels,
            gaps=found.gaps,
            classes=found.classes,
            count=found.count,
            threshold=found.threshold,
            measured=measured,
        )


@dataclass(frozen=True, kw_only=True)
class PairsOutcome(ForeignOutcome):
    """Makes the pairs while it looks: a channel that is put back to normal for `blame` changes all pairs it is in."""

    measured: I64

    def read(self, x: F64) -> F64:
        """How likely each class is, n x classes."""
        return super().read(with_pairs(x, self.measured))


def with_pairs(x: F64, measured: I64) -> F64:
    """Rows (n x f) and, of every two of their m `measured` columns, product and difference: n x (f + m (m - 1)).

    >>> with_pairs(np.array([[5.0, 2.0, 1.0]]), np.array([0, 1])).tolist()
    [[5.0, 2.0, 1.0, 10.0, 3.0]]
    """
    first, second = np.triu_indices(len(measured), 1)
    one, other = x[:, measured[first]], x[:, measured[second]]
    return np.concatenate([x, one * other, one - other], axis=1)
