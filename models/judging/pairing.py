"""Figures of two models on the same labelled rows, and whether their difference may be chance."""

from collections.abc import Callable, Sequence

import msgspec
import numpy as np

from models.arrays import F64, I64, Bools
from models.contract import Task
from models.judging import metrics
from models.judging.stops import Asked
from models.judging.weighing import named, taken, weights
from models.recipe import Recipe
from models.scoring import Judged

BLOCKS = 40  # stretches of rows that are drawn again together, of all rows
ROUNDS = 200
TWO = 2
WEEK_NS = 7 * 86_400 * 1_000_000_000


class Side(msgspec.Struct, frozen=True):
    """What one model says: calls by stretch, with labels where there are any."""

    judged: Sequence[Judged]
    recipe: Recipe
    classes: tuple[str, ...] = ()
    rows_per_s: float | None = None  # of processor time; units where a unit gets one call
    stops: Asked | None = None  # of units that pass: which are stopped after any step


class Pair(msgspec.Struct, frozen=True):
    """One figure of both. `better` -1: less is better; `between`: 95 % of what was gained."""

    what: str
    of: str
    new: float
    old: float
    better: int = 1
    relative: bool = False  # what is lost counts as a share of the old figure
    between: tuple[float, float] | None = None
    contradicts: bool = False  # the old one ranks them worse than chance, and that is no chance


def pairs(new: Side, old: Side) -> list[Pair]:
    """The figures that a task goes by; none where nothing is labelled."""
    if new.recipe.task is Task.OUTCOME:
        return _of_units(new, old)
    return _of_lives(new, old) if new.recipe.task is Task.LIFE else _of_rows(new, old)


def _of_rows(new: Side, old: Side) -> list[Pair]:
    truth, groups = _labels(new.judged), _blocks(new.judged)
    known = ~np.isnan(truth)
    so, groups = truth[known] == 1, groups[known]
    if not so.any() or so.all():
        return []
    score = [np.concatenate([one.scored.score for one in side.judged])[known].astype(np.float64) for side in (new, old)]
    rings = [np.concatenate([one.alarm for one in side.judged])[known] for side in (new, old)]
    of = f"{len(so)} labelled rows"
    f1 = _Figure("f1", lambda at, rows: metrics.confusion(so[rows], rings[at][rows]).f1)
    ap = _Figure("ap", lambda at, rows: metrics.average_precision(so[rows], score[at][rows]))
    found = [_pair(figure, of, groups) for figure in (f1, ap)]
    return _told([*found, _doubt(so, score[1], of, groups)])


def _of_units(new: Side, old: Side) -> list[Pair]:
    """Of units, each counted as many times as it weighs; intervals are of units drawn again with their weights."""
    if len(new.classes) == TWO:
        return _of_outcomes(new, old)
    label = np.array([np.nan if one.stretch.label is None else one.stretch.label[-1] for one in new.judged])
    known = ~np.isnan(label)
    if not known.any():
        return []
    grade, weight = label[known].astype(np.int64), taken(weights(new.judged), known)
    called = [_called(side)[known] for side in (new, old)]
    right = _Figure("accuracy", lambda at, rows: mean(called[at][rows] == grade[rows], taken(weight, rows)))
    return _told([_pair(right, named(len(grade), weight), np.arange(len(grade)))])


def _of_outcomes(new: Side, old: Side) -> list[Pair]:
    both = _called_at_all(new) & _called_at_all(old)
    mine, theirs = calls(new, both), calls(old, both)
    if mine is None or theirs is None or not mine.failed.any() or mine.failed.all():
        return []
    failed, chance, weight = mine.failed, (mine.chance, theirs.chance), mine.weight
    groups, of = np.arange(len(failed)), named(mine.units, weight)
    ap = _Figure("ap", lambda at, rows: metrics.average_precision(failed[rows], chance[at][rows], taken(weight, rows)))
    auc = _Figure("roc_auc", lambda at, rows: metrics.roc_auc(failed[rows], chance[at][rows], taken(weight, rows)))
    brier = _Figure(
        "brier", lambda at, rows: mean((chance[at][rows] - failed[rows]) ** 2, taken(weight, rows)), better=-1
    )
    found = [_pair(figure, of, groups) for figure in (ap, auc, brier)]
    return _told([*found, _doubt(failed, chance[1], of, groups, weight)])


def _of_lives(new: Side, old: Side) -> list[Pair]:
    truth, groups = _labels(new.judged), _blocks(new.judged)
    called = [np.concatenate([_outlook(one, 3)[:, 0] for one in side.judged]) for side in (new, old)]
    known = ~(np.isnan(truth) | np.isnan(called[0]) | np.isnan(called[1]))
    if not known.any():
        return []
    most = np.inf if new.recipe.cap is None else new.recipe.cap
    left, lives = np.minimum(truth[known], most), [np.clip(each[known], 0.0, most) for each in called]
    error = _Figure("rmse", lambda at, rows: metrics.rmse(left[rows], lives[at][rows]), better=-1, relative=True)
    return _told([_pair(error, f"{int(known.sum())} rows of known life", groups[known])])


class Calls(msgspec.Struct, frozen=True):
    """What was called of units with a label, n each."""

    failed: Bools
    chance: F64  # after their last row
    stopped: Bools  # ever
    weight: F64 | None  # units like it that each stands for; None where all count the same
    units: int  # with a label, called or not


def calls(side: Side, among: Bools | None = None) -> Calls | None:
    """Of units with a label and a chance, and `among` those; None where there are none."""
    label = np.array([np.nan if one.stretch.label is None else one.stretch.label[-1] for one in side.judged])
    chance = np.array([_outlook(one, TWO)[-1, 1] for one in side.judged])
    threshold = side.recipe.decision.threshold
    stopped = np.array([bool((np.nan_to_num(one.scored.score) >= threshold).any()) for one in side.judged])
    known = ~np.isnan(label) & ~np.isnan(chance)
    known = known if among is None else known & among
    if not known.any():
        return None
    weight, units = taken(weights(side.judged), known), int((~np.isnan(label)).sum())
    return Calls(label[known] == 1, chance[known], stopped[known], weight, units)


def _called_at_all(side: Side) -> Bools:
    return np.array([not np.isnan(_outlook(one, TWO)[-1, 1]) for one in side.judged], dtype=np.bool_)


def mean(values: F64 | Bools, weight: F64 | None) -> float:
    """Of values, n, each counted as many times as it weighs."""
    return float(values.mean()) if weight is None else float((weight * values).sum() / weight.sum())


def normal_rows(one: Judged) -> Bools:
    """Rows that nobody calls odd."""
    label = one.stretch.label
    return np.ones(len(one.stretch.t_ns), dtype=np.bool_) if label is None else ~(label == 1)


def weeks(judged: Sequence[Judged]) -> float:
    """How long all stretches are together."""
    return sum(int(one.stretch.t_ns[-1] - one.stretch.t_ns[0]) for one in judged if one.stretch.t_ns.size) / WEEK_NS


class _Figure(msgspec.Struct, frozen=True):
    what: str
    call: Callable[[int, I64], float | None]  # of the new one (0) or the old one (1), from places of rows
    better: int = 1
    relative: bool = False


def _pair(figure: _Figure, of: str, groups: I64) -> Pair | None:
    every = np.arange(len(groups))
    new, old = figure.call(0, every), figure.call(1, every)
    if new is None or old is None:
        return None

    def gained(rows: I64) -> float | None:
        first, second = figure.call(0, rows), figure.call(1, rows)
        return None if first is None or second is None else figure.better * (first - second)

    between = metrics.interval(gained, groups, rounds=ROUNDS)
    return Pair(figure.what, of, new, old, figure.better, figure.relative, between)


def _doubt(so: Bools, score: F64, of: str, groups: I64, weight: F64 | None = None) -> Pair | None:
    """Labels by which the champion ranks worse than chance are doubted, not the champion."""

    def ranks(rows: I64) -> float | None:
        return metrics.roc_auc(so[rows], score[rows], taken(weight, rows))

    auc = metrics.roc_auc(so, score, weight)
    if auc is None or auc >= 0.5:  # noqa: PLR2004 -- what chance reaches
        return None
    between = metrics.interval(ranks, groups, rounds=ROUNDS)
    sure = between is not None and between[1] < 0.5  # noqa: PLR2004 -- see above
    return Pair("roc_auc", of, auc, auc, contradicts=True) if sure else None


def _told(found: Sequence[Pair | None]) -> list[Pair]:
    return [pair for pair in found if pair is not None]


def _labels(judged: Sequence[Judged]) -> F64:
    parts = [np.full(len(o.stretch.t_ns), np.nan) if o.stretch.label is None else o.stretch.label for o in judged]
    return np.concatenate(parts or [np.zeros(0)])


def _blocks(judged: Sequence[Judged]) -> I64:
    """The number of each row's block: rows near each other tell the same, so they are drawn together."""
    rows = sum(len(one.stretch.t_ns) for one in judged)
    size = max(1, rows // BLOCKS)
    out, begin = [], 0
    for one in judged:
        count = len(one.stretch.t_ns)
        out.append(begin + np.arange(count) // size)
        begin += count // size + 1
    return np.concatenate(out or [np.zeros(0, dtype=np.int64)])


def _called(side: Side) -> I64:
    last = np.array([_outlook(one, len(side.classes))[-1, : len(side.classes)] for one in side.judged])
    return np.where(np.isnan(last).any(axis=1), -1, np.nan_to_num(last).argmax(axis=1))


def _outlook(one: Judged, width: int) -> F64:
    if one.scored.outlook is None:
        return np.full((len(one.stretch.t_ns), width), np.nan)
    return one.scored.outlook.astype(np.float64)
