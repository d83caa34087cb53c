"""How good a model's calls are on labelled rows, with what trivial callers reach on the same rows beside it."""

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from models.contract import F64, I64, Task
from models.judging import metrics
from models.recipe import Recipe
from models.scoring import Judged, by_unit

FEW = 100  # failures or events: with fewer, a figure is given with its interval

MOST_ROWS = 4_000_000  # looked at again for an interval


class EvaluationError(Exception):
    """Nothing can be said of these rows; the message says why."""


class Evaluation(msgspec.Struct, frozen=True, kw_only=True):
    """Figures by name, None = cannot be told, and how many rows or units they rest on."""

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
    """From the call after the last row of each unit."""
    label = np.array([np.nan if one.stretch.label is None else one.stretch.label[-1] for one in judged])
    chances = np.array([_outlook(one, len(classes))[-1] for one in judged])
    value = np.array([one.scored.score[-1] for one in judged], dtype=np.float64)
    known = ~np.isnan(label)
    if not known.any():
        raise EvaluationError(_UNLABELLED)
    truth, chances, value = label[known].astype(np.int64), chances[known], value[known]
    called = np.where(np.isnan(chances).any(axis=1), -1, np.nan_to_num(chances).argmax(axis=1))
    figures, calls = (_two if len(classes) == 2 else _grades)(truth, chances, value, called, recipe)  # noqa: PLR2004 -- pass and fail
    counts = np.bincount(truth, minlength=len(classes))
    beside: dict[str, float | None] = {"most_frequent_accuracy": float(counts.max() / len(truth))}
    if len(classes) == 2:  # noqa: PLR2004 -- see above
        beside |= {"all_ones_f1": metrics.all_ones_f1(truth == 1), "random_ap": float((truth == 1).mean())}
    intervals = _intervals(calls, np.arange(len(truth)), seed) if counts.min() < FEW else {}
    figures |= {"unscored": float((called < 0).sum())}
    return Evaluation(task=Task.OUTCOME, rows=len(truth), figures=figures, beside=beside, intervals=intervals)


_Figures = tuple[dict[str, float | None], dict[str, metrics.Call]]


def _two(truth: I64, chances: F64, value: F64, called: I64, recipe: Recipe) -> _Figures:
    failed, chance = truth == 1, chances[:, 1]
    rings = np.nan_to_num(value, nan=-np.inf) >= recipe.decision.threshold
    counted = metrics.confusion(failed, rings)
    calls: dict[str, metrics.Call] = {
        "roc_auc": lambda rows: metrics.roc_auc(failed[rows], chance[rows]),
        "ap": lambda rows: metrics.average_precision(failed[rows], chance[rows]),
        "f1": lambda rows: metrics.confusion(failed[rows], rings[rows]).f1,
    }
    every = np.arange(len(truth))
    figures = {name: call(every) for name, call in calls.items()}
    figures |= {"far": counted.far, "mar": counted.mar, "ber": counted.ber}
    figures |= {"accuracy": float((called == truth).mean()), "failures": float(failed.sum())}
    return figures, calls


def _grades(truth: I64, chances: F64, value: F64, called: I64, recipe: Recipe) -> _Figures:  # noqa: ARG001 -- as for two classes
    hit = called == truth
    there = np.unique(truth)

    def balanced(rows: I64) -> float | None:
        return float(np.mean([hit[rows][truth[rows] == at].mean() for at in there if (truth[rows] == at).any()]))

    calls: dict[str, metrics.Call] = {"accuracy": lambda rows: float(hit[rows].mean()), "balanced_accuracy": balanced}
    every = np.arange(len(truth))
    f1s = [metrics.confusion(truth == at, called == at).f1 for at in there]
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
