"""Grades of wear from the first rows of a run: extra trees (Geurts 2006), support vectors, Fisher's axes together."""

from typing import Annotated

import msgspec
import numpy as np
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from models.contract import F64, Bools
from models.head import Training, TrainingError
from models.outcome.calls import TWO, Calls, Jury, with_axes, with_odds

LEAST = 1e-9
FEWEST = 10  # units at a checkpoint


class Grades(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A call at each of `at` rows of a unit, by estimators fitted on units at that very row.

    Needs the feature `count` as the last one.
    """

    at: tuple[Annotated[int, msgspec.Meta(ge=1)], ...]
    trees: Annotated[int, msgspec.Meta(ge=1, le=5000)] = 300
    strength: Annotated[float, msgspec.Meta(gt=0.0)] = 100.0  # C of the support vectors
    width: Annotated[float, msgspec.Meta(gt=0.0)] = 0.3  # gamma of theirs
    near: Annotated[float, msgspec.Meta(ge=0.0)] = 0.3  # weight of the axes beside the features for them
    voice: Annotated[float, msgspec.Meta(ge=0.0, le=1.0)] = 0.2  # their share in the call

    def fit(self, training: Training) -> Calls:
        """Fit at each checkpoint; of two classes the limit comes from held-out units. Raises TrainingError."""
        known = training.part(np.isfinite(training.label))
        counts = known.x[:, -known.channels]
        if not np.array_equal(counts, known.age + 1.0):
            msg = 'estimator grades needs to know how many rows there were: add [[features]] kind = "count" as the last'
            raise TrainingError(msg)
        parts = [known.part(counts == rows) for rows in sorted(set(self.at))]
        parts = [part for part in parts if part.rows >= FEWEST and len(np.unique(part.label)) > 1]
        if not parts:
            msg = f"fewer than {FEWEST} units, or all of one class, have {min(self.at)} rows: name earlier ones in `at`"
            raise TrainingError(msg)
        juries = tuple(self._jury(part) for part in parts)
        shown = np.bincount(parts[0].label.astype(np.int64), minlength=len(known.classes))
        return Calls(
            at=np.array([int(part.age[0]) + 1 for part in parts], dtype=np.int64),
            juries=juries,
            prior=shown / shown.sum(),
            typical=np.stack([np.median(part.x[:, : -part.channels], axis=0) for part in parts]),
            limit=self._limit(parts[-1]) if len(known.classes) == TWO else 1.0,
            channels=known.channels,
            memory=len(known.classes),
        )

    def _jury(self, part: Training) -> Jury:
        x, label = part.x[:, : -part.channels], part.label.astype(np.int64)
        scale = StandardScaler().fit(x)
        scaled = scale.transform(x)
        axes = LinearDiscriminantAnalysis(solver="eigen", shrinkage="auto").fit(scaled, label)
        seed = part.recipe.seed
        trees = ExtraTreesClassifier(self.trees, random_state=seed, n_jobs=1).fit(with_odds(scaled, axes), label)
        vectors = SVC(C=self.strength, gamma=self.width).fit(with_axes(scaled, axes, self.near), label)
        return Jury(
            scale=scale,
            axes=axes,
            trees=trees,
            vectors=vectors,
            near=self.near,
            voice=self.voice,
            classes=tuple(np.unique(label).tolist()),
            count=len(part.classes),
        )

    def _limit(self, part: Training) -> float:
        """P(fail) that so many of the held-out units that passed exceed as may."""
        calibration = part.recipe.calibration
        passed: list[F64] = []
        for inside, out in part.folds(calibration.folds):
            if len(np.unique(part.label[inside])) < TWO:
                continue
            good: Bools = out & (part.label == 0)
            if good.any():
                passed.append(self._jury(part.part(inside)).call(part.x[good, : -part.channels])[:, 1])
        if not passed:
            msg = f"{part.rows} units are too few to hold any out, so no limit can be set"
            raise TrainingError(msg)
        limit = np.quantile(np.concatenate(passed), 1.0 - calibration.false_alarm_rate, method="higher")
        return max(calibration.multiple * float(np.nextafter(limit, 2.0)), LEAST)
