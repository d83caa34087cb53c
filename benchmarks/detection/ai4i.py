"""AI4I: does this state of a milling machine lead to failure? Synthetic, each row by itself: a smoke test."""

import resource
import time
from collections.abc import Callable, Iterator
from functools import partial

import msgspec
import numpy as np
import pandas as pd
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import StratifiedKFold

from benchmarks.detection.result import Result, folder
from models.arrays import F64, I64, Bools
from models.fitting.training import train
from models.judging.metrics import average_precision, confusion
from models.recipe import Recipe, changed, load
from models.scoring import score
from models.table import Stretch, Table

FOLDS, SEEDS, TREES, EVEN = 5, range(5), 300, 0.5
TARGET, REFERENCE = 0.905, (0.880, 0.906)
PUBLISHED = "0.895 (XGBoost, 2026)"
INPUTS = ("Type", "Air temperature [K]", "Process temperature [K]", "Rotational speed [rpm]", "Torque [Nm]",
          "Tool wear [min]")  # fmt: skip
STRAIN = {"L": 11_000.0, "M": 12_000.0, "H": 13_000.0}


class Called(msgspec.Struct, frozen=True):
    """What was said of products that were not fitted on: P(fail), and whether it rang."""

    failing: F64
    rings: Bools


Caller = Callable[[int, I64, I64], Called]  # of a seed, the rows fitted on and those judged


def results() -> list[Result]:
    """The shipped recipe; beside it a forest of the raw inputs and the generator's own rules."""
    frame, begun = pd.read_csv(folder("ai4i2020") / "ai4i2020.csv.xz"), time.perf_counter()
    products = _products(frame)
    truth: Bools = products.labels() == 1
    ours = _pooled(truth, partial(_ours, load("ai4i"), products))
    seconds = (time.perf_counter() - begun) / len(SEEDS)
    forest = _pooled(truth, partial(_forest, products))
    f1, raw = [_f1(truth, run.rings) for run in ours], [_f1(truth, run.rings) for run in forest]
    precision = [average_precision(truth, run.failing) or 0.0 for run in ours]
    always = _f1(truth, np.ones_like(truth))
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return [
        Result(
            set="ai4i", protocol="shuffled", metric="F1", value=float(np.mean(f1)), spread=float(np.std(f1)),
            seeds=len(SEEDS), target=TARGET, trivial=always, reference=REFERENCE[0], published=PUBLISHED,
            limit_from="0.5", recipe="ai4i", seconds=seconds, peak_mb=peak_mb,
        ),
        Result(
            set="ai4i", protocol="shuffled", metric="AP", value=float(np.mean(precision)),
            spread=float(np.std(precision)), seeds=len(SEEDS), trivial=float(truth.mean()), reference=REFERENCE[1],
            recipe="ai4i",
        ),
        Result(
            set="ai4i", protocol="random forest, raw inputs", metric="F1", value=float(np.mean(raw)),
            spread=float(np.std(raw)), seeds=len(SEEDS), trivial=always, limit_from="0.5",
        ),
        Result(
            set="ai4i", protocol="the generator's own rules", metric="F1", value=_f1(truth, _rules(frame)),
            trivial=always, limit_from="written in",
        ),
    ]  # fmt: skip


def _products(frame: pd.DataFrame) -> Table:
    kinds = tuple(sorted(frame["Type"].unique()))
    places = frame["Type"].map({kind: at for at, kind in enumerate(kinds)})
    rows = frame.assign(Type=places)[list(INPUTS)].to_numpy(dtype=np.float64)
    label, none = frame["Machine failure"].to_numpy(dtype=np.float64), np.zeros(1, dtype=np.int64)
    stretches = tuple(
        Stretch(name=str(unit), t_ns=none, rows=rows[at : at + 1], label=label[at : at + 1])
        for at, unit in enumerate(frame["UID"])
    )
    return Table(INPUTS, stretches, classes=("0", "1"), words={"Type": kinds})


def _pooled(truth: Bools, call: Caller) -> list[Called]:
    """For each seed, what was said of every product by the model that had not seen it."""
    return [_one(truth, call, seed) for seed in SEEDS]


def _one(truth: Bools, call: Caller, seed: int) -> Called:
    failing, rings = np.zeros(len(truth)), np.zeros(len(truth), dtype=np.bool_)
    for fitted, judged in _folds(truth, seed):
        said = call(seed, fitted, judged)
        failing[judged], rings[judged] = said.failing, said.rings
    return Called(failing, rings)


def _folds(truth: Bools, seed: int) -> Iterator[tuple[I64, I64]]:
    yield from StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(np.zeros(len(truth)), truth)


def _ours(recipe: Recipe, products: Table, seed: int, fitted: I64, judged: I64) -> Called:
    model = train(changed(recipe, {"seed": seed}), _some(products, fitted)).model
    said = score(model, _some(products, judged))
    failing = np.array([each.scored.outlook[-1, 1] for each in said if each.scored.outlook is not None])
    return Called(failing, np.array([bool(each.alarm[-1]) for each in said]))


def _forest(products: Table, seed: int, fitted: I64, judged: I64) -> Called:
    x, label = products.stacked(), products.labels()
    forest = RandomForestClassifier(TREES, random_state=seed).fit(x[fitted], label[fitted])
    failing: F64 = forest.predict_proba(x[judged])[:, 1]
    return Called(failing, failing >= EVEN)


def _rules(frame: pd.DataFrame) -> Bools:
    """Heat not carried off, power too low or too high, strain too high: what the set's rows were labelled by."""
    _, air, process, speed, torque, wear = (frame[name] for name in INPUTS)
    power_w = torque * speed * 2 * np.pi / 60
    heat = (process - air < 8.6) & (speed < 1380)
    strain = wear * torque > frame["Type"].map(STRAIN)
    rings: Bools = (heat | ~power_w.between(3500, 9000) | strain).to_numpy(dtype=np.bool_)
    return rings


def _some(products: Table, places: I64) -> Table:
    return msgspec.structs.replace(products, stretches=tuple(products.stretches[at] for at in places))


def _f1(truth: Bools, rings: Bools) -> float:
    return confusion(truth, rings).f1
