"""Gradient-boosted trees (LightGBM, Ke et al. 2017) for units of which few fail and not everything is known yet."""

from typing import Annotated

import lightgbm
import msgspec
import numpy as np
from sklearn.linear_model import LogisticRegression

from models.contract import F64, Bools
from models.head import Training, TrainingError
from models.outcome.stages import Stages, said

TWO = 2
FLATTEST = 1e-3  # slope: a step whose trees know nothing says the same of all
HALVINGS = 30
LEAST = 1e-9


class Boosted(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Several small sets of trees; half of them weigh failures up.

    Channels stand in the order in which they are measured: after step s of `steps` the first s/steps of them are known.
    """

    steps: Annotated[int, msgspec.Meta(ge=1, le=100)] = 1
    trees: Annotated[int, msgspec.Meta(ge=1, le=5000)] = 150
    rate: Annotated[float, msgspec.Meta(gt=0.0, le=1.0)] = 0.03
    leaves: Annotated[int, msgspec.Meta(ge=2, le=256)] = 7
    least: Annotated[int, msgspec.Meta(ge=1)] = 20  # units in a leaf
    penalty: Annotated[float, msgspec.Meta(ge=0.0)] = 5.0
    turns: Annotated[int, msgspec.Meta(ge=1, le=20)] = 2  # pairs of sets, alike but for chance
    share: Annotated[float, msgspec.Meta(gt=0.0, le=1.0)] = 0.2  # of channels that a split may choose from

    def fit(self, training: Training) -> Stages:
        """Fit; chances and limits from units that trees had not seen. Raises TrainingError."""
        if len(training.classes) != TWO:
            msg = f"estimator boosted tells two classes apart, the labels name {len(training.classes)}"
            raise TrainingError(msg)
        known = training.part(np.isfinite(training.label))
        folds = [pair for pair in known.folds(known.recipe.calibration.folds) if _has_both(known.label[pair[0]])]
        held = np.any([out for _, out in folds], axis=0) if folds else np.zeros(known.rows, dtype=np.bool_)
        if not _has_both(known.label[held]):
            failed = int((known.label == 1).sum())
            msg = f"{failed} of {known.rows} units fail, all in one block: none can be held out to set a limit by"
            raise TrainingError(msg)
        ends = np.unique(np.ceil(np.arange(1, self.steps + 1) * known.x.shape[1] / self.steps).astype(np.int64))
        fitted = [self._step(known, folds, int(end)) for end in ends]
        label = known.label[held]
        odds = [_calibrated(told[held], label) for _, told in fitted]
        failing = np.stack(
            [
                1.0 / (1.0 + np.exp(-(slope * told[held] + base)))
                for (slope, base), (_, told) in zip(odds, fitted, strict=True)
            ],
            axis=1,
        )
        return Stages(
            ends=ends,
            trees=tuple(trees for trees, _ in fitted),
            slope=np.array([slope for slope, _ in odds]),
            base=np.array([base for _, base in odds]),
            limit=_limits(failing[label == 0], known.recipe.calibration.false_alarm_rate)
            * known.recipe.calibration.multiple,
            channels=training.channels,
        )

    def _step(
        self, known: Training, folds: list[tuple[Bools, Bools]], end: int
    ) -> tuple[tuple[lightgbm.Booster, ...], F64]:
        """Trees that know the first `end` channels, and what their like say of units that they had not seen."""
        told = np.zeros(known.rows)
        for inside, out in folds:
            told[out] = said(self._pair(known, inside, end, 0), known.x[out, :end])
        every = np.ones(known.rows, dtype=np.bool_)
        return tuple(tree for turn in range(self.turns) for tree in self._pair(known, every, end, turn)), told

    def _pair(self, known: Training, rows: Bools, end: int, turn: int) -> tuple[lightgbm.Booster, ...]:
        return tuple(self._trees(known, rows, end, turn, weighed=weighed) for weighed in (False, True))

    def _trees(self, known: Training, rows: Bools, end: int, turn: int, *, weighed: bool) -> lightgbm.Booster:
        label = known.label[rows]
        params = {
            "objective": "binary",
            "learning_rate": self.rate,
            "num_leaves": self.leaves,
            "min_data_in_leaf": self.least,
            "lambda_l2": self.penalty,
            "feature_fraction_bynode": self.share,
            "scale_pos_weight": float((label == 0).sum() / max((label == 1).sum(), 1)) if weighed else 1.0,
            "seed": known.recipe.seed + turn,
            "deterministic": True,
            "force_row_wise": True,
            "num_threads": 1,
            "verbosity": -1,
        }
        data = lightgbm.Dataset(known.x[rows, :end], label, params={"verbosity": -1, "num_threads": 1})
        return lightgbm.train(params, data, num_boost_round=self.trees)


def _has_both(label: F64) -> bool:
    return bool((label == 0).any() and (label == 1).any())


def _calibrated(told: F64, label: F64) -> tuple[float, float]:
    """Slope and base of the log odds (Platt 1999)."""
    fitted = LogisticRegression(C=1e3).fit(told[:, None], label)
    return max(float(fitted.coef_[0, 0]), FLATTEST), float(fitted.intercept_[0])


def _limits(passed: F64, rate: float) -> F64:
    """P(fail) for each step, so that at most `rate` of the units that passed (n x steps) are stopped at any of them."""
    low, high = 0.0, rate
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        stopped = (passed > np.quantile(passed, 1.0 - middle, axis=0, method="higher")).any(axis=1).mean()
        low, high = (middle, high) if stopped <= rate else (low, middle)
    limit = np.quantile(passed, 1.0 - low, axis=0, method="higher")
    return np.asarray(np.maximum(np.nextafter(limit, 1.0), LEAST), dtype=np.float64)
