"""SECOM: will this unit fail its final test? Shuffled, in time order, and called early after each of ten steps."""

import resource
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
import pandas as pd
from sklearn.model_selection import RepeatedStratifiedKFold

from benchmarks.detection.disguise import Disguise
from benchmarks.detection.result import Result, folder
from benchmarks.early import bounds, saved
from models.arrays import F64, I64, Bools
from models.fitting.training import train
from models.judging.metrics import average_precision, roc_auc
from models.recipe import Recipe, changed, load
from models.scoring import score
from models.table import Stretch, Table

CUTS = (0, 199, 398, 596, 795, 993)
ENDS = (44, 89, 133, 177, 222, 266, 310, 354, 399, 443)
FOLDS, REPEATS = 5, 5
SEEDS = (0, 1, 2)


class Called(msgspec.Struct, frozen=True):
    """What was said of units after each step (n x steps): P(fail) and score."""

    failing: F64
    score: F64


def results() -> list[Result]:
    """The whole vector by both splits; then the early call in time order."""
    units, recipe = _units(folder("secom") / "secom_443.csv.xz"), load("secom")
    # Of whole vectors the last step alone says what all ten do, at a tenth of the time.
    whole = changed(recipe, {"estimator.steps": 1})
    begun = time.perf_counter()
    ordered = [_ordered(changed(whole, {"seed": seed}), units) for seed in SEEDS]
    seconds = (time.perf_counter() - begun) / len(SEEDS)
    other = Disguise(len(units.channels))(units)
    lines = [
        *_lines("in time order", units, ordered, target=0.70, reference=(0.671, 0.088)),
        *_lines("in disguise, in time order", units, [_ordered(whole, other)], target=0.70, reference=(None, None)),
        *_shuffled(whole, units),
        *early_lines(units, _ordered(recipe, units)),
    ]
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    lines[0] = msgspec.structs.replace(lines[0], seconds=seconds, peak_mb=peak_mb)
    return lines


def _units(path: Path) -> Table:
    frame = pd.read_csv(path, parse_dates=["time"])
    rows = frame.filter(regex=r"^s\d{3}$")
    values = rows.to_numpy(dtype=np.float64)
    label: F64 = np.where(frame["label"].to_numpy() == 1, 1.0, 0.0)
    t_ns = frame["time"].to_numpy().astype("datetime64[ns]").astype(np.int64)
    stretches = tuple(
        Stretch(name=str(at), t_ns=t_ns[at : at + 1], rows=values[at : at + 1], label=label[at : at + 1])
        for at in range(len(frame))
    )
    return Table(channels=tuple(rows.columns), stretches=stretches, classes=("0", "1"))


def _some(units: Table, places: Sequence[int] | I64, known: int | None = None) -> Table:
    """Some of the units; `known`: only so many channels have been measured."""
    chosen = [units.stretches[at] for at in places]
    if known is not None:
        gone = np.arange(len(units.channels)) >= known
        chosen = [msgspec.structs.replace(each, rows=np.where(gone, np.nan, each.rows)) for each in chosen]
    return msgspec.structs.replace(units, stretches=tuple(chosen))


def _call(recipe: Recipe, units: Table, fitted: Sequence[int] | I64, judged: Sequence[int] | I64) -> Called:
    """After each step of the recipe, which is one or ten."""
    model = train(recipe, _some(units, fitted)).model
    ends = ENDS if recipe.estimator["steps"] == len(ENDS) else (None,)
    failing, scores = [], []
    for end in ends:
        said = score(model, _some(units, judged, end))
        failing.append([float(each.scored.outlook[-1, 1]) for each in said if each.scored.outlook is not None])
        scores.append([float(each.scored.score[-1]) for each in said])
    return Called(failing=np.array(failing).T, score=np.array(scores).T)


def _ordered(recipe: Recipe, units: Table) -> Called:
    """Blocks 2 to 5, each called by a model that knows the blocks before it."""
    parts = [_call(recipe, units, range(CUTS[k]), range(CUTS[k], CUTS[k + 1])) for k in range(1, len(CUTS) - 1)]
    return Called(np.concatenate([part.failing for part in parts]), np.concatenate([part.score for part in parts]))


def _lines(
    protocol: str,
    units: Table,
    runs: Sequence[Called],
    *,
    target: float,
    reference: tuple[float | None, float | None],
) -> list[Result]:
    truth: Bools = units.labels()[CUTS[1] :] == 1
    auc = [float(roc_auc(truth, run.failing[:, -1]) or 0.0) for run in runs]
    precision = [float(average_precision(truth, run.failing[:, -1]) or 0.0) for run in runs]
    spread = (lambda found: float(np.std(found))) if len(runs) > 1 else (lambda _: None)
    low, high = _interval(truth, runs[0].failing[:, -1])
    return [
        Result(
            set="secom", protocol=protocol, metric="ROC AUC", value=float(np.mean(auc)), spread=spread(auc), low=low,
            high=high, seeds=len(runs), target=target, trivial=0.5, reference=reference[0], recipe="secom",
        ),
        Result(
            set="secom", protocol=protocol, metric="AP", value=float(np.mean(precision)), spread=spread(precision),
            seeds=len(runs), trivial=float(truth.mean()), reference=reference[1], recipe="secom",
        ),
    ]  # fmt: skip


def _interval(truth: Bools, said: F64, *, draws: int = 500, seed: int = 0) -> tuple[float, float]:
    """95 % of the figures of units drawn again, failing and passing ones apart."""
    rng = np.random.default_rng(seed)
    failed, passed = np.flatnonzero(truth), np.flatnonzero(~truth)
    found = []
    for _ in range(draws):
        drawn = np.concatenate([rng.choice(failed, len(failed)), rng.choice(passed, len(passed))])
        found.append(roc_auc(truth[drawn], said[drawn]) or 0.0)
    low, high = np.quantile(found, [0.025, 0.975])
    return float(low), float(high)


def _shuffled(recipe: Recipe, units: Table) -> list[Result]:
    """Repeated stratified folds; the spread is that of the repeats."""
    truth: Bools = units.labels() == 1
    folds = RepeatedStratifiedKFold(n_splits=FOLDS, n_repeats=REPEATS, random_state=0)
    auc, precision = [], []
    for fitted, judged in folds.split(np.zeros(len(truth)), truth):
        failing = _call(recipe, units, fitted, judged).failing[:, -1]
        auc.append(float(roc_auc(truth[judged], failing) or 0.0))
        precision.append(float(average_precision(truth[judged], failing) or 0.0))
    spread = [float(np.array(found).reshape(REPEATS, FOLDS).mean(axis=1).std()) for found in (auc, precision)]
    return [
        Result(
            set="secom", protocol="shuffled", metric="ROC AUC", value=float(np.mean(auc)), spread=spread[0],
            seeds=REPEATS, target=0.80, trivial=0.5, reference=0.782, recipe="secom",
            published="0.785 (forest, one hold-out, threshold from test data)",
        ),
        Result(
            set="secom", protocol="shuffled", metric="AP", value=float(np.mean(precision)), spread=spread[1],
            seeds=REPEATS, trivial=float(truth.mean()), reference=0.260, recipe="secom",
        ),
    ]  # fmt: skip


def early_lines(units: Table, run: Called) -> list[Result]:
    """After each step in time order: ranks, and the time saved so far where the first score over its limit stops."""
    protocol, recipe = "early call, in time order", "secom"
    truth: Bools = units.labels()[CUTS[1] :] == 1
    over: Bools = run.score >= 1.0
    lines = []
    for step in range(len(ENDS)):
        failing = run.failing[:, step]
        so_far = over & (np.arange(len(ENDS)) <= step)
        for metric, value, trivial in (
            (f"AUC after step {step + 1}", float(roc_auc(truth, failing) or 0.0), 0.5),
            (f"AP after step {step + 1}", float(average_precision(truth, failing) or 0.0), float(truth.mean())),
            (f"test share saved by step {step + 1}, %", 100 * _saved(so_far, truth), 0.0),
        ):
            lines.append(
                Result(set="secom", protocol=protocol, metric=metric, value=value, trivial=trivial, recipe=recipe)
            )
    wrongly = int(np.any(over, axis=1)[~truth].sum())
    low, high = bounds(wrongly, int((~truth).sum()))
    told = [
        ("failing units stopped early, %", 100 * float(np.any(over[:, :-1], axis=1)[truth].mean()), None, None, None),
        ("passing units stopped, %", 100 * wrongly / int((~truth).sum()), 2.0, 100 * low, 100 * high),
        ("test share saved, limit known afterwards, %", 100 * _saved(_afterwards(run, truth), truth), None, None, None),
    ]
    return lines + [
        Result(
            set="secom", protocol=protocol, metric=metric, value=value, target=target, low=least, high=most,
            higher=target is None, limit_from="held-out blocks of training units", recipe=recipe,
        )
        for metric, value, target, least, most in told
    ]  # fmt: skip


def _saved(over: Bools, truth: Bools) -> float:
    """Share of the test time of failing units, steps taken as equally long: the set knows no times."""
    seconds = np.ones(over.shape)
    return saved(over, truth, seconds).time / float(seconds[truth].sum())


def _afterwards(run: Called, truth: Bools) -> Bools:
    """Who would be stopped by the one limit that exactly 2 % of the judged passing units pass: none can be set so."""
    highest = np.sort(run.score[~truth].max(axis=1))
    return np.asarray(run.score > highest[int(np.ceil(0.98 * len(highest))) - 1])
