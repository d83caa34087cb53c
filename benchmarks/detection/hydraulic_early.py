"""Hydraulic rig as a unit under test: is a component near failure? Called after every tenth second, in blocks of time.

A cycle is a unit, ten seconds are a step, each sensor's mean in them a measurement. Cycles know nothing of each other:
neighbours have the same grade, and a station's memory would tell it.
"""

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from benchmarks.detection.result import Result
from benchmarks.early import bounds, saved
from models.arrays import F64, I64, Bools
from models.contract import Job
from models.fitting.training import train
from models.judging.metrics import average_precision, roc_auc
from models.recipe import Recipe, changed, load
from models.table import Stretch, Table

WORST: Mapping[str, int] = {"cooler": 3, "valve": 73, "pump": 2, "accumulator": 90}
STEPS, FOLDS = 6, 10


class Called(msgspec.Struct, frozen=True):
    """What was said of n cycles after each step, n x STEPS."""

    failing: F64
    score: F64


def early_lines(cycles: Table, grades: Mapping[str, I64]) -> list[Result]:
    """Each component: ranks and time saved after each step, and how many sound ones were stopped."""
    units = _units(cycles)
    recipe = changed(load("bench"), {"columns": {"unit_rows": False}})
    return [line for name, grade in grades.items() for line in _lines(name, grade == WORST[name], units, recipe)]


def _units(cycles: Table) -> Table:
    """A row a cycle."""
    seconds = len(cycles.stretches[0].t_ns)
    cuts = np.array_split(np.arange(seconds), STEPS)
    columns = tuple(f"{cut[-1] + 1} s/{sensor}" for cut in cuts for sensor in cycles.channels)
    rows = [np.concatenate([cycle.rows[cut].mean(axis=0) for cut in cuts]) for cycle in cycles.stretches]
    at = np.arange(len(rows))
    stretches = tuple(Stretch(str(i), at[i : i + 1], row[None]) for i, row in enumerate(rows))
    return Table(columns, stretches, classes=("0", "1"))


def _lines(component: str, truth: Bools, units: Table, recipe: Recipe) -> list[Result]:
    said = called(recipe, units, truth)
    over: Bools = said.score >= 1.0
    seconds = np.ones(over.shape)
    values: list[tuple[str, float, float | None]] = []
    for step in range(STEPS):
        so_far = saved(over & (np.arange(STEPS) <= step), truth, seconds).time / float(seconds[truth].sum())
        at, failing = f"after {10 * (step + 1)} s", said.failing[:, step]
        values += [
            (f"{component} near failure, AUC {at}", float(roc_auc(truth, failing) or 0.0), 0.5),
            (
                f"{component} near failure, AP {at}",
                float(average_precision(truth, failing) or 0.0),
                float(truth.mean()),
            ),
            (f"{component} near failure, test share saved by {10 * (step + 1)} s, %", 100 * so_far, 0.0),
        ]
    found = saved(over, truth, seconds)
    low, high = bounds(found.wrongly, found.passing)
    lines = [
        Result(
            set="hydraulic", protocol="early call, blocked", metric=metric, value=value, trivial=trivial, recipe="bench"
        )
        for metric, value, trivial in values
    ]
    stopped = Result(
        set="hydraulic", protocol="early call, blocked", metric=f"{component}, cycles of better grades stopped, %",
        value=100 * found.wrongly / found.passing, low=100 * low, high=100 * high, target=2.0, higher=False,
        limit_from="held-out blocks of training units", recipe="bench",
    )  # fmt: skip
    return [*lines, stopped]


def called(recipe: Recipe, units: Table, truth: Bools) -> Called:
    """Out of fold, in contiguous blocks."""
    block = np.arange(len(truth)) * FOLDS // len(truth)
    failing, score = np.zeros((2, len(truth), STEPS))
    for each in range(FOLDS):
        model = train(recipe, _some(units, np.flatnonzero(block != each), truth)).model
        for at in np.flatnonzero(block == each).tolist():
            found = model.advance(_asked(units.stretches[at], model.cold(len(units.channels))))
            failing[at] = [one.outlook[0, 1] for one in found if one.outlook is not None]
            score[at] = [one.score[0] for one in found]
    return Called(failing, score)


def _some(units: Table, places: I64, truth: Bools) -> Table:
    chosen: Sequence[Stretch] = [
        msgspec.structs.replace(units.stretches[at], label=truth[at : at + 1].astype(np.float64)) for at in places
    ]
    return msgspec.structs.replace(units, stretches=tuple(chosen))


def _asked(unit: Stretch, state: F64) -> list[Job]:
    """One question a step."""
    step = np.arange(unit.rows.shape[1]) * STEPS // unit.rows.shape[1]
    known = np.where(step <= np.arange(STEPS)[:, None], unit.rows[0], np.nan)
    on = np.ones(1, dtype=np.bool_)
    return [Job(state, unit.t_ns, row[None], on, learn=False) for row in known]
