"""How good a model's calls are on labelled rows, with what trivial callers reach on the same rows beside it."""

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from models.arrays import Bools
from models.contract import F64, I64, Task
from models.judging import metrics
from models.judging.weighing import effective, taken, weights
from models.recipe import Recipe
from models.scoring import Judged, by_unit

FEW = 100  # failures or events: with fewer, a figure is given with its interval

MOST_ROWS = 4_000_000  # looked at again for an interval


class EvaluationError(Exception):
    """Nothing can be said of these rows; the message says why."""


class Evaluation(msgspec.Struct, frozen=True, kw_only=True):
    """Figures by name, None = cannot be told, and how many rows or units they rest on.

    Where units weigh, each counts so many times in all figures but those that count them: `failures`, `unscored`. Then
    `stands_for` is the sum of the weights, and `effective` how many units of even weight tell as much.
    """

    task: Task
    rows: int  # labelled; units where a unit gets one call
    figures: Mapping[str, float | None]
    beside: Mapping[str, float | None]  # what trivial callers reach on the same rows
    intervals: Mapping[str, tuple[float, float]] = {}  # 95 %, from drawing whole stretches or units again


def evaluation(
    judged: Sequence[Judged], recipe: Recipe, classes: Sequence[str] = (), *, drawn: bool = True
) -> Evaluation:
    """Hold calls against the labels of the rows; raises EvaluationError where there are none.

    `drawn` false: without intervals. Life: labels are not capped, the recipe's cap is laid on both sides here.
    """
    seed = recipe.seed if drawn else None
    if recipe.task is Task.LIFE:
        return _life(judged, recipe.cap, seed)
    if recipe.task is Task.OUTCOME:
        return _outcome(by_unit(judged, recipe), recipe, classes, seed)
    return _anomaly(judged, recipe, seed)


def _anomaly(judged: Sequence[Judged], recipe: Recipe, seed: int | None) -> Evaluation:
    truth, stretch = _labelled(judged)
    known = ~np.isnan(truth)
    so, groups = truth[known] == 1, stretch[known]
    value = np.concatenate([one.scored.score for one in judged])[known].astype(np.float64)
    called = np.concatenate([one.alarm for one in judged])[known]
    counted = metrics.confusion(so, called)
    found = [metrics.events_found(so[groups == at], called[groups == at]) for at in np.unique(groups)]
    rung = [len(metrics.events(called[groups == at])) for at in np.unique(groups)]
    happened = sum(there for _, there in found)
    figures = {
        "f1": counted.f1,
        "far": counted.far,
        "mar": counted.mar,
        "ap": metrics.average_precision(so, value),
        "roc_auc": metrics.roc_auc(so, value),
        "events": float(happened),
        "events_found": float(sum(seen for seen, _ in found)),
        "alarms": float(sum(rung)),
        "unscored": float(np.isnan(value).sum()),
    }
    beside = {"all_ones_f1": metrics.all_ones_f1(so), "random_ap": float(so.mean())}
    calls: dict[str, metrics.Call] = {
        "f1": lambda rows: metrics.confusion(so[rows], called[rows]).f1,
        "far": lambda rows: metrics.confusion(so[rows], called[rows]).far,
        "mar": lambda rows: metrics.confusion(so[rows], called[rows]).mar,
        "ap": lambda rows: metrics.average_precision(so[rows], value[rows]),
    }
    intervals = _intervals(calls, groups, seed) if 0 < happened < FEW else {}
    return Evaluation(task=recipe.task, rows=len(so), figures=figures, beside=beside, intervals=intervals)


def _life(judged: Sequence[Judged], cap: float | None, seed: int | None) -> Evaluation:
    label, stretch = _labelled(judged)
    outlook = np.concatenate([_outlook(one, 3) for one in judged])
    known = ~np.isnan(label) & ~np.isnan(outlook[:, 0])
    if not known.any():
        msg = "no labelled row got an expected life: the stretches are shorter than the model needs"
        raise EvaluationError(msg)
    raw, groups = label[known], stretch[known]
    most = np.inf if cap is None else cap
    truth, called = np.minimum(raw, most), np.clip(outlook[known, 0], 0.0, most)
    worth = metrics.s_score(truth, called)
    figures: dict[str, float | None] = {
        "rmse": metrics.rmse(truth, called),
        "mae": metrics.mae(truth, called),
        "s_score": worth if np.isfinite(worth) else None,
        "s_mean": worth / len(truth) if np.isfinite(worth) else None,
        "coverage": metrics.coverage(truth, outlook[known, 1], outlook[known, 2]),
        "width": float((outlook[known, 2] - outlook[known, 1]).mean()),
    }
    if cap is not None and raw.max() > cap:
        figures["rmse_uncapped"] = metrics.rmse(raw, outlook[known, 0])
    figures |= {"units": float(len(np.unique(groups))), "unscored": float((~np.isnan(label)).sum() - len(truth))}
    calls: dict[str, metrics.Call] = {"rmse": lambda rows: metrics.rmse(truth[rows], called[rows])}
    return Evaluation(
        task=Task.LIFE,
        rows=len(truth),
        figures=figures,
        beside={"constant_rmse": float(truth.std())},
        intervals=_intervals(calls, groups, seed) if len(np.unique(groups)) < FEW else {},
    )


def _outcome(judged: Sequence[Judged], recipe: Recipe, classes: Sequence[str], seed: int | None) -> Evaluation:
    """From the call after the last row of each unit; intervals are of units drawn again with their weights."""
    label = np.array([np.nan if one.stretch.label is None else one.stretch.label[-1] for one in judged])
    chances = np.array([_outlook(one, len(classes))[-1] for one in judged])
    value = np.array([one.scored.score[-1] for one in judged], dtype=np.float64)
    known = ~np.isnan(label)
    if not known.any():
        raise EvaluationError(_UNLABELLED)
    units = _Units(
        truth=label[known].astype(np.int64), chances=chances[known], value=value[known], weight=_weights(judged, known)
    )
    figures, calls = (_two if len(classes) == 2 else _grades)(units, recipe)  # noqa: PLR2004 -- pass and fail
    counts = np.bincount(units.truth, units.weight, minlength=len(classes))
    beside: dict[str, float | None] = {"most_frequent_accuracy": float(counts.max() / counts.sum())}
    if len(classes) == 2:  # noqa: PLR2004 -- see above
        failed = units.truth == 1
        beside |= {"all_ones_f1": metrics.all_ones_f1(failed, units.weight), "random_ap": units.mean(failed)}
    intervals = _intervals(calls, np.arange(len(units.truth)), seed) if units.least(len(classes)) < FEW else {}
    figures |= {"unscored": float((units.called < 0).sum())}
    if units.weight is not None:
        figures |= {"stands_for": float(units.weight.sum()), "effective": effective(units.weight)}
    return Evaluation(task=Task.OUTCOME, rows=len(units.truth), figures=figures, beside=beside, intervals=intervals)


def _weights(judged: Sequence[Judged], known: Bools) -> F64 | None:
    return weights([one for one, labelled in zip(judged, known.tolist(), strict=True) if labelled])


class _Units(msgspec.Struct, frozen=True, kw_only=True):
    """Units with a label: its class, how likely each class was called, the score, and what each stands for."""

    truth: I64
    chances: F64
    value: F64
    weight: F64 | None

    @property
    def called(self) -> I64:
        """The likeliest class; -1 where nothing was called."""
        return np.where(np.isnan(self.chances).any(axis=1), -1, np.nan_to_num(self.chances).argmax(axis=1))

    def mean(self, values: Bools, rows: I64 | slice = slice(None)) -> float:
        """The share of some units of which something is so."""
        each = values[rows]
        return float(each.mean() if self.weight is None else np.average(each, weights=self.weight[rows]))

    def least(self, classes: int) -> float:
        """How many units tell of the class of which fewest do."""
        if self.weight is None:
            return float(np.bincount(self.truth, minlength=classes).min())
        of = [self.weight[self.truth == at] for at in range(classes)]
        return min(effective(each) if len(each) else 0.0 for each in of)


_Figures = tuple[dict[str, float | None], dict[str, metrics.Call]]


def _two(units: _Units, recipe: Recipe) -> _Figures:
    failed, chance, weight = units.truth == 1, units.chances[:, 1], units.weight
    rings = np.nan_to_num(units.value, nan=-np.inf) >= recipe.decision.threshold
    counted = metrics.confusion(failed, rings, weight)
    calls: dict[str, metrics.Call] = {
        "roc_auc": lambda rows: metrics.roc_auc(failed[rows], chance[rows], taken(weight, rows)),
        "ap": lambda rows: metrics.average_precision(failed[rows], chance[rows], taken(weight, rows)),
        "f1": lambda rows: metrics.confusion(failed[rows], rings[rows], taken(weight, rows)).f1,
    }
    every = np.arange(len(failed))
    figures = {name: call(every) for name, call in calls.items()}
    figures |= {"far": counted.far, "mar": counted.mar, "ber": counted.ber}
    figures |= {"accuracy": units.mean(units.called == units.truth), "failures": float(failed.sum())}
    return figures, calls


def _grades(units: _Units, recipe: Recipe) -> _Figures:  # noqa: ARG001 -- as for two classes
    truth, called = units.truth, units.called
    hit = called == truth
    there = np.unique(truth)

    def balanced(rows: I64) -> float | None:
        of = [rows[truth[rows] == at] for at in there]
        return float(np.mean([units.mean(hit, mine) for mine in of if len(mine)]))

    calls: dict[str, metrics.Call] = {"accuracy": lambda rows: units.mean(hit, rows), "balanced_accuracy": balanced}
    every = np.arange(len(truth))
    f1s = [metrics.confusion(truth == at, called == at, units.weight).f1 for at in there]
    return {name: call(every) for name, call in calls.items()} | {"macro_f1": float(np.mean(f1s))}, calls


_UNLABELLED = "no row has a label: name the column with --label, or the recipe's `columns.labels`"


def _labelled(judged: Sequence[Judged]) -> tuple[F64, I64]:
    """Labels of all rows, and the number of each row's stretch; raises EvaluationError where none is known."""
    stretches = [one.stretch for one in judged]
    parts = [np.full(len(each.t_ns), np.nan) if each.label is None else each.label for each in stretches]
    label = np.concatenate(parts or [np.zeros(0)])
    if np.isnan(label).all():
        raise EvaluationError(_UNLABELLED)
    return label, np.repeat(np.arange(len(judged)), [len(each.t_ns) for each in stretches])


def _outlook(one: Judged, width: int) -> F64:
    if one.scored.outlook is None:
        return np.full((len(one.stretch.t_ns), width), np.nan)
    return one.scored.outlook[:, :width].astype(np.float64)


def _intervals(calls: Mapping[str, metrics.Call], groups: I64, seed: int | None) -> dict[str, tuple[float, float]]:
    if seed is None:
        return {}
    rounds = max(100, min(500, MOST_ROWS // max(1, len(groups))))
    found = {name: metrics.interval(call, groups, seed=seed, rounds=rounds) for name, call in calls.items()}
    return {name: between for name, between in found.items() if between is not None}
