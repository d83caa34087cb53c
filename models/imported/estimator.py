"""`[estimator] kind = "imported", path = "sklearn.ensemble.IsolationForest", params = { n_estimators = 200 }`."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Annotated

import msgspec
import numpy as np

from models.contract import F64, Task
from models.head import Head, Training, TrainingError
from models.imported.allowed import Library, made
from models.imported.heads import TWO, Foreign, ForeignLife, ForeignNormal, ForeignOutcome
from models.recipe import RecipeError

LEAST = 1e-9  # of a span or a threshold: nothing is divided by nothing
CLEAR = 1.0 + 1e-6  # the limit lies so far above what may not pass it, for equal statistics must stay below it


class Imported(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Names an estimator; its seed is the recipe's, unless `params` say otherwise."""

    path: str
    params: Mapping[str, object] = {}
    limit: Annotated[float, msgspec.Meta(gt=0.0, le=1.0)] | None = None  # P(fail) that rings; else from held-out rows

    def fit(self, training: Training) -> Head:
        """Fit on all labelled rows, limits from rows that were held out. Raises TrainingError, RecipeError."""
        task = training.recipe.task
        if self.limit is not None and task is not Task.OUTCOME:
            msg = f"estimator.limit: nothing says how likely a failure is in task {task.value!r}"
            raise RecipeError(msg)
        known = training if task is Task.ANOMALY else training.part(np.isfinite(training.label))
        return _FIT[task](self, known)


def _normal(named: Imported, training: Training) -> ForeignNormal:
    """The limit is the wanted quantile of held-out rows; what is typical of them is 0."""

    def fitted(part: Training) -> ForeignNormal:
        inner = _learnt(named, part, None, ("score_samples", "decision_function"))
        return ForeignNormal(inner=inner, typical=_typical(part.x), channels=part.channels, gaps=_has_gaps(part.x))

    held, _ = _held_out(training, fitted)
    base = float(np.median(held))
    width = _limit(held[:, 0], training) - base
    span = training.recipe.calibration.multiple * max(width * CLEAR, LEAST * max(1.0, abs(base)))
    return replace(fitted(training), base=base, span=span)


def _life(named: Imported, training: Training) -> ForeignLife:
    """The interval holds the wanted share of held-out rows (split conformal, Lei et al. 2018)."""
    recipe = training.recipe
    most = np.inf if recipe.cap is None else recipe.cap

    def fitted(part: Training) -> ForeignLife:
        inner = _learnt(named, part, np.minimum(part.label, most), ("predict",))
        return ForeignLife(
            inner=inner,
            typical=_typical(part.x),
            channels=part.channels,
            gaps=_has_gaps(part.x),
            horizon=recipe.horizon,
            most=most,
        )

    held, rows = _held_out(training, fitted)
    off = np.minimum(training.label[rows], most) - held[:, 0]
    tail = (1.0 - recipe.calibration.coverage) / 2
    below, above = np.quantile(off, [tail, 1.0 - tail])
    return replace(fitted(training), below=float(below), above=float(above))


def _outcome(named: Imported, training: Training) -> ForeignOutcome:
    """The threshold, where none is named, is the wanted quantile of P(fail) of held-out rows that passed."""
    count = len(training.classes)

    def fitted(part: Training) -> ForeignOutcome:
        label = part.label.astype(np.int64)
        inner = _learnt(named, part, label, ("predict_proba",))
        return ForeignOutcome(
            inner=inner,
            typical=_typical(part.x),
            channels=part.channels,
            gaps=_has_gaps(part.x),
            classes=tuple(np.unique(label).tolist()),
            count=count,
        )

    if count != TWO:
        return fitted(training)
    if named.limit is not None:
        return replace(fitted(training), threshold=named.limit)
    held, rows = _held_out(training, fitted)
    passed = held[training.label[rows] == 0, 1]
    if not len(passed):
        msg = f"no row is labelled {training.classes[0]!r}: without one that passed no threshold can be set"
        raise TrainingError(msg)
    threshold = training.recipe.calibration.multiple * max(_limit(passed, training) * CLEAR, LEAST)
    return replace(fitted(training), threshold=threshold)


_FIT: Mapping[Task, Callable[[Imported, Training], Head]] = {
    Task.ANOMALY: _normal,
    Task.LIFE: _life,
    Task.OUTCOME: _outcome,
}


def _learnt(named: Imported, part: Training, label: np.ndarray | None, verbs: tuple[str, ...]) -> Library:
    inner = made(named.path, part.recipe.task, named.params, seed=part.recipe.seed)
    if not any(hasattr(inner, verb) for verb in verbs):
        msg = f"{named.path} has no {' or '.join(verbs)}: it cannot be used for task {part.recipe.task.value!r}"
        raise TrainingError(msg)
    try:
        inner.fit(part.x, label)
    except (ValueError, TypeError, ArithmeticError, np.linalg.LinAlgError) as error:
        msg = f"{named.path} cannot be fitted on {part.rows} rows of {part.x.shape[1]} features: {error}"
        raise TrainingError(msg) from error
    return inner


def _held_out(training: Training, fitted: Callable[[Training], Foreign]) -> tuple[F64, np.ndarray]:
    """What models that did not see them say of rows, and which rows those are."""
    looks, rows = [], []
    for inside, out in training.folds(training.recipe.calibration.folds):
        if training.recipe.task is Task.OUTCOME and len(np.unique(training.label[inside])) < TWO:
            continue
        looks.append(fitted(training.part(inside)).look(training.x[out]))
        rows.append(np.flatnonzero(out))
    if not looks:
        msg = f"{training.rows} rows are too few to hold any out, so no limit can be set"
        raise TrainingError(msg)
    return np.concatenate(looks), np.concatenate(rows)


def _limit(held: F64, training: Training) -> float:
    """So many of them lie above as may."""
    return float(np.quantile(held, 1.0 - training.recipe.calibration.false_alarm_rate, method="higher"))


def _typical(x: F64) -> F64:
    """The median of each feature; 0, the middle of the scale, where nothing is known."""
    empty = np.isnan(x).all(axis=0)
    typical: F64 = np.nanmedian(np.where(empty, 0.0, x), axis=0)
    return typical


def _has_gaps(x: F64) -> bool:
    return bool(np.isnan(x).any())
