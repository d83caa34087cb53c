"""`[estimator] kind = "early"`: called after each step of a unit, while most of it is still to be measured."""

from typing import Annotated

import lightgbm
import msgspec
import numpy as np

from models.contract import F64, I64, Bools
from models.head import Training, TrainingError
from models.outcome.early_call import EarlyCall
from models.outcome.early_odds import odds
from models.outcome.early_steps import Steps, steps
from models.outcome.early_view import View, drifts, view
from models.outcome.stages import said

TWO = 2
Shown = tuple[F64, F64, F64]  # spreads, the station's drift and surprises, each n x c or n x v
FEWEST = 20  # passing units, of which it is learnt what is usual


class Early(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Gradient-boosted trees shown many units after many of their steps: what stood out so far, and what drifts.

    A row is a unit, its columns stand in the order of measurement, `STEP/NAME`; named otherwise, they are cut into
    `steps`. Rows of a stretch come from one station. A unit counts as many times as its weight says, but in what is
    usual, where each that passed counts once. The share of passing units that may be stopped is kept on average over
    trainings, and with `sure` in that share of them. Needs `normalise = { kind = "none" }` and the feature `seen`.
    """

    steps: Annotated[int, msgspec.Meta(ge=1, le=100)] = 10
    trees: Annotated[int, msgspec.Meta(ge=1, le=5000)] = 150
    rate: Annotated[float, msgspec.Meta(gt=0.0, le=1.0)] = 0.05
    leaves: Annotated[int, msgspec.Meta(ge=2, le=256)] = 7
    least: Annotated[int, msgspec.Meta(ge=1)] = 20  # looks in a leaf
    penalty: Annotated[float, msgspec.Meta(ge=0.0)] = 5.0
    share: Annotated[float, msgspec.Meta(gt=0.0, le=1.0)] = 0.3  # of what is seen that a tree may look at
    turns: Annotated[int, msgspec.Meta(ge=1, le=20)] = 1  # sets of trees, alike but for chance
    looks: Annotated[int, msgspec.Meta(ge=1)] = 15  # steps, drawn anew for each unit, after which trees are shown it
    shrink: Annotated[float, msgspec.Meta(gt=0.0, le=1.0)] = 0.3  # of what measurements have in common
    follow: Annotated[float, msgspec.Meta(ge=0.0, le=1.0)] = 0.7  # share of a station's drift expected of the next unit
    span: Annotated[float, msgspec.Meta(ge=1.0)] = 12.0  # units that a station remembers
    sure: Annotated[float, msgspec.Meta(gt=0.0, lt=1.0)] | None = None  # of keeping the rate of wrong stops; see above

    @property
    def weighs(self) -> bool:
        """See `models.head.Weighing`."""
        return True

    def fit(self, training: Training) -> EarlyCall:
        """Fit; chances, intervals and the limit from units that trees had not seen. Raises TrainingError."""
        _checked(training)
        known = training.part(np.isfinite(training.label))
        plan = steps(known.names, known.channels, self.steps)
        if not len(plan.measured):
            msg = "no column holds a measurement, only margins and times that steps took"
            raise TrainingError(msg)
        failed = known.label == 1
        told = self._held_out(known, plan, failed)
        held = np.isfinite(told[:, 0])
        if len(np.unique(failed[held])) < TWO:
            msg = f"{failed.sum()} of {known.rows} units fail, all in one block: none can be held out to set a limit by"
            raise TrainingError(msg)
        calibration = known.recipe.calibration
        every = np.ones(known.rows, dtype=np.bool_)
        seen = self._view(known, plan, every)
        return EarlyCall(
            view=seen,
            trees=self._trees(known, seen, _shown(known, seen), every),
            odds=odds(
                told[held],
                failed[held],
                rate=calibration.false_alarm_rate,
                multiple=calibration.multiple,
                coverage=calibration.coverage,
                weight=None if known.weight is None else known.weight[held],
                sure=self.sure,
            ),
            channels=known.channels,
        )

    def _held_out(self, known: Training, plan: Steps, failed: Bools) -> F64:
        """What trees that had not seen a unit say of it before the first and after each step, n x (steps + 1)."""
        told = np.full((known.rows, len(plan.ends) + 1), np.nan)
        for inside, out in _blocks(known):
            if len(np.unique(failed[inside])) < TWO or (inside & ~failed).sum() < FEWEST:
                continue
            seen = self._view(known, plan, inside)
            every = _shown(known, seen)
            trees, shown = self._trees(known, seen, every, inside), _of(every, out)
            told[out] = np.stack(
                [said(trees, seen.told(*shown, at - 1)) for at in range(told.shape[1])],
                axis=1,
            )
        return told

    def _view(self, known: Training, plan: Steps, inside: Bools) -> View:
        part = known.part(inside)
        return view(
            part.x, part.label == 0, plan, shrink=self.shrink, follow=self.follow, span=self.span, turn=_turns(part)
        )

    def _trees(self, known: Training, seen: View, shown: Shown, inside: Bools) -> tuple[lightgbm.Booster, ...]:
        return tuple(self._set(known, seen, shown, inside, turn) for turn in range(self.turns))

    def _set(self, known: Training, seen: View, shown: Shown, inside: Bools, turn: int) -> lightgbm.Booster:
        """One set of trees, fitted on units that are cut off after some of their steps."""
        seed, count = known.recipe.seed + turn, len(seen.steps.ends) + 1
        drawn = np.random.default_rng(seed).random((known.rows, count)) < self.looks / count
        parts, labels, weights = [], [], []
        weight = np.ones(known.rows) if known.weight is None else known.weight
        for at in range(count):
            rows = np.flatnonzero(inside & drawn[:, at])
            parts.append(seen.told(*_of(shown, rows), at - 1))
            labels.append(known.label[rows])
            weights.append(weight[rows])
        params = {
            "objective": "binary",
            "learning_rate": self.rate,
            "num_leaves": self.leaves,
            "min_data_in_leaf": self.least,
            "lambda_l2": self.penalty,
            "feature_fraction": self.share,
            "bagging_fraction": 0.7,
            "bagging_freq": 1,
            "seed": seed,
            "deterministic": True,
            "force_row_wise": True,
            "num_threads": 1,
            "verbosity": -1,
        }
        data = lightgbm.Dataset(
            np.concatenate(parts),
            np.concatenate(labels),
            weight=None if known.weight is None else np.concatenate(weights),
            params={"verbosity": -1, "num_threads": 1},
        )
        return lightgbm.train(params, data, num_boost_round=self.trees)


def _checked(training: Training) -> None:
    if len(training.classes) != TWO:
        msg = f"estimator early tells two classes apart, the labels name {len(training.classes)}"
        raise TrainingError(msg)
    shown = (training.recipe.normalise.get("kind"), *(feature["kind"] for feature in training.recipe.features))
    if shown != ("none", "seen"):
        msg = 'estimator early wants rows as they are: normalise = { kind = "none" } and features = [{ kind = "seen" }]'
        raise TrainingError(msg)
    passed = int((training.label == 0).sum())
    if passed < FEWEST:
        msg = f"{passed} units pass: of at least {FEWEST} it can be learnt what is usual"
        raise TrainingError(msg)


def _turns(units: Training) -> list[I64]:
    """The places of each station's units, in order."""
    return [np.flatnonzero(units.stretch == each) for each in np.unique(units.stretch)]


def _of(shown: Shown, rows: I64 | Bools) -> Shown:
    z, drift, surprise = shown
    return z[rows], drift[rows], surprise[rows]


def _shown(known: Training, seen: View) -> Shown:
    """Spreads, the station's drift and surprises of all units."""
    z = seen.scaled(known.x)
    drift = drifts(seen, z, _turns(known))
    return z, drift, seen.surprises(z, drift)


def _blocks(known: Training) -> list[tuple[Bools, Bools]]:
    """(fitted on, held out) units of blocks of time, over all stations."""
    order = np.argsort(np.argsort(known.t_ns, kind="stable"), kind="stable")
    count = known.recipe.calibration.folds
    block = order * count // known.rows
    return [(block != each, block == each) for each in range(count) if (block == each).any()]
