"""C-MAPSS: how many flights has this engine left? Fitted on whole lives of engines, judged on engines not seen.

Validation cut: fitted on the engines of a `train` file whose number does not divide by 5, judged on the others where
15, 35, ... 135 flights remain. FD001 test: fitted on all of its training engines, one call an engine at its last row.
"""

import resource
import time
from collections.abc import Callable, Mapping, Sequence

import msgspec
import numpy as np
import pandas as pd

from benchmarks.detection.disguise import Disguise
from benchmarks.detection.result import Result, folder
from models.arrays import F64, Bools
from models.fitting.training import train
from models.judging.metrics import coverage, rmse, s_score
from models.recipe import Recipe, changed, load
from models.scoring import score
from models.table import Stretch, Table

FLIGHT_NS = 1_000_000_000  # a count stands as so many seconds
CAP = 125.0
CUTS = (15, 35, 55, 75, 95, 115, 135)
SHOWN = 30  # flights that an engine must have shown
FIFTH = 5
SETS = ("FD001", "FD002", "FD003")
SEEDS = (0, 1000, 2000)
CHANNELS = (*(f"setting{at}" for at in range(1, 4)), *(f"sensor{at}" for at in range(1, 22)))
RMSE_TARGET: Mapping[str, float] = {"FD002": 13.7, "FD003": 11.1}
REFERENCE: Mapping[str, tuple[float, float]] = {"FD001": (12.74, 3.11), "FD002": (14.13, 3.49), "FD003": (12.48, 3.37)}
TEST_RMSE, TEST_S = 10.9, 175.0
Alter = Callable[[Table], Table]


class Engines(msgspec.Struct, frozen=True):
    """Engines to fit on and engines to judge by, `called` being the rows of the latter that count."""

    fitted: Table
    judged: Table
    called: Bools


class Called(msgspec.Struct, frozen=True):
    """What a model said of the rows that count; lives beyond the cap count as the cap, but in `uncapped`."""

    rmse: float
    s: float
    uncapped: float
    constant: float  # RMSE of the mean of the judged lives
    coverage: float  # %
    rows: int
    seconds: float  # of the training


def results() -> list[Result]:
    """The shipped recipe on every set, as it is over seeds, and in disguise."""
    recipe, out = load("cmapss"), list[Result]()
    for name in SETS:
        out += _cut_lines(name, _measured(recipe, cut(name)))
    out += _test_lines(_measured(recipe, last_rows()))
    return out


def cut(name: str) -> Engines:
    """The validation cut of a training file."""
    whole = _table(f"train_{name}")
    held = [int(each.name) % FIFTH == 0 for each in whole.stretches]
    judged = [each for each, is_held in zip(whole.stretches, held, strict=True) if is_held]
    fitted = [each for each, is_held in zip(whole.stretches, held, strict=True) if not is_held]
    shown = np.concatenate([np.arange(1, len(each.t_ns) + 1) >= SHOWN for each in judged])
    judged_on = _of(whole, judged)
    return Engines(_of(whole, fitted), judged_on, np.isin(judged_on.labels(), CUTS) & shown)


def last_rows() -> Engines:
    """FD001's own test."""
    left = np.loadtxt(folder("cmapss") / "RUL_FD001.txt")
    judged = _table("test_FD001", left)
    called = [np.arange(len(each.t_ns)) == len(each.t_ns) - 1 for each in judged.stretches]
    return Engines(_table("train_FD001"), judged, np.concatenate(called))


def judge(recipe: Recipe, engines: Engines, alter: Alter = lambda table: table) -> Called:
    """Fit, score, and hold what was said against what came."""
    begun = time.perf_counter()
    model = train(recipe, alter(engines.fitted)).model
    seconds = time.perf_counter() - begun
    outlook = [one.scored.outlook for one in score(model, alter(engines.judged))]
    said = np.concatenate([each for each in outlook if each is not None])[engines.called].astype(np.float64)
    raw = engines.judged.labels()[engines.called]
    life, true = np.clip(said[:, 0], 0.0, CAP), np.minimum(raw, CAP)
    return Called(
        rmse=rmse(true, life),
        s=s_score(true, life),
        uncapped=rmse(raw, life),
        constant=float(true.std()),
        coverage=100 * coverage(true, said[:, 1], said[:, 2]),
        rows=len(true),
        seconds=seconds,
    )


def _measured(recipe: Recipe, engines: Engines) -> dict[str, list[Called]]:
    over = [judge(changed(recipe, {"seed": recipe.seed + seed}), engines) for seed in SEEDS]
    return {"": over, " in disguise": [judge(recipe, engines, Disguise(len(CHANNELS)))]}


def _cut_lines(name: str, measured: Mapping[str, Sequence[Called]]) -> list[Result]:
    told_rmse, told_s = REFERENCE[name]
    lines = []
    for how, called in measured.items():
        at, target = f"validation cut{how}", RMSE_TARGET.get(name)
        lines += [
            _line(at, f"{name} RMSE", called, [each.rmse for each in called], target=target, reference=told_rmse),
            _line(at, f"{name} S a call", called, [each.s / each.rows for each in called], reference=told_s),
        ]
    return [*lines, _cover(f"{name} within the 90 % interval", measured[""])]


def _test_lines(measured: Mapping[str, Sequence[Called]]) -> list[Result]:
    lines = []
    for how, called in measured.items():
        at = f"FD001 test{how}"
        best = {"RMSE": "10.97 (MTSTAN)", "S": "175 (MTSTAN)"}
        lines += [
            _line(
                at,
                "RMSE",
                called,
                [each.rmse for each in called],
                target=TEST_RMSE,
                reference=12.96,
                published=best["RMSE"],
            ),
            _line(at, "S", called, [each.s for each in called], target=TEST_S, reference=249.0, published=best["S"]),
            _line(at, "RMSE raw", called, [each.uncapped for each in called], reference=14.26),
        ]
    return [*lines, _cover("within the 90 % interval", measured[""], protocol="FD001 test")]


def _cover(metric: str, called: Sequence[Called], protocol: str = "validation cut") -> Result:
    return msgspec.structs.replace(
        _line(protocol, metric, called, [each.coverage for each in called]), higher=True, trivial=None
    )


def _line(
    protocol: str,
    metric: str,
    called: Sequence[Called],
    values: Sequence[float],
    *,
    target: float | None = None,
    reference: float | None = None,
    published: str = "",
) -> Result:
    return Result(
        set="cmapss",
        protocol=protocol,
        metric=metric,
        value=float(np.mean(values)),
        target=target,
        higher=False,
        spread=float(np.std(values, ddof=1)) if len(values) > 1 else None,
        seeds=len(values),
        trivial=called[0].constant if metric.endswith("RMSE") else None,
        reference=reference,
        published=published,
        limit_from="engines left out of the fit",
        recipe="cmapss",
        seconds=sum(each.seconds for each in called) / len(called),
        peak_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    )


def _table(name: str, left: F64 | None = None) -> Table:
    """Engines of a file; `left`: flights that remain after each one's last row."""
    keys = ["unit", "cycle"]
    rows = pd.read_csv(folder("cmapss") / f"{name}.txt.xz", sep=r"\s+", header=None, names=[*keys, *CHANNELS])
    engines = []
    for number, (unit, own) in enumerate(rows.groupby("unit")):
        cycle = own["cycle"].to_numpy(dtype=np.int64)
        more = 0.0 if left is None else float(left[number])
        label = (cycle[-1] - cycle).astype(np.float64) + more
        engines.append(Stretch(str(unit), cycle * FLIGHT_NS, own[list(CHANNELS)].to_numpy(dtype=np.float64), label))
    return Table(CHANNELS, tuple(engines))


def _of(table: Table, stretches: Sequence[Stretch]) -> Table:
    return msgspec.structs.replace(table, stretches=tuple(stretches))
