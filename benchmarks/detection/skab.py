"""SKAB: is this pump rig failing? Each run's first 400 rows fit a model, which judges the rest.

Two-fold: all settings but `shrink` and `back` are chosen on the even runs and judged on the odd ones, then the other
way round; those two were chosen on all runs.
"""

import resource
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import cast

import msgspec
import numpy as np
import pandas as pd

from benchmarks.detection.disguise import Disguise
from benchmarks.detection.result import Result, folder
from models.anomaly.mewma import Mewma
from models.anomaly.peak import Peak
from models.arrays import F64, I64, Bools
from models.contract import Job
from models.decide import DEFAULT, Deciding, Decision, decide
from models.estimators import estimator
from models.fitting.training import train
from models.judging.metrics import Confusion, confusion
from models.recipe import Recipe, changed, load
from models.scoring import score
from models.selflearning.online import Online
from models.table import Stretch, Table

FITTED = 400
WINDOW_S = 60.0
HIT, FALSE, MISSED = 1.0, -0.11, -1.0  # NAB-CP, standard profile
MOST_FAR, MOST_MAR, LEAST_CP = 17.0, 18.0, 35.0
ORDERS, SPANS = (3, 4), (6, 8, 10, 12)
NEIGHBOURS = 2  # multiples on either side that must do well too
MULTIPLES, QUIET = tuple(np.arange(1.0, 2.01, 0.05).tolist()), (20, 25, 30, 35, 40)
METRICS: Mapping[str, tuple[float, bool, str, float]] = {  # target, higher is better, published, reference
    "F1": (0.83, True, "0.78 (Conv-AE, all 34 runs)", 0.783),
    "FAR": (MOST_FAR, False, "13.6 (Conv-AE)", 11.1),
    "MAR": (MOST_MAR, False, "28.0 (Conv-AE)", 29.6),
    "NAB-CP": (LEAST_CP, True, "32.4 (MSCRED)", 31.3),
}
Alter = Callable[[Table], Table]


class Run(msgspec.Struct, frozen=True):
    """One recorded run; the truth of its rows from FITTED on."""

    table: Table
    truth: Bools
    marks_s: F64  # changepoints, in seconds after the first judged row
    t_s: F64


class Trial(msgspec.Struct, frozen=True):
    """What rings in each run with some settings."""

    rings: Sequence[Bools]

    def quality(self, runs: Sequence[Run], chosen: Iterable[int]) -> tuple[float, float, float, float]:
        """F1, FAR and MAR in percent, NAB-CP, pooled over the chosen runs."""
        chosen = list(chosen)
        found: Confusion = confusion(
            np.concatenate([runs[at].truth for at in chosen]), np.concatenate([self.rings[at] for at in chosen])
        )
        change = changepoints([runs[at] for at in chosen], [self.rings[at] for at in chosen])
        return found.f1, 100 * (found.far or 0.0), 100 * (found.mar or 0.0), change


def results() -> list[Result]:
    """The two-fold figures, the shipped recipe as it is and in disguise, and the self-learning detector beside it."""
    runs = _runs()
    start, every, shipped = time.perf_counter(), range(len(runs)), load("skab")
    always = Trial([np.ones(len(run.truth), dtype=np.bool_) for run in runs]).quality(runs, every)
    measured = {
        "two-fold": two_fold(runs, shipped).quality(runs, every),
        "as shipped": _trial(shipped.decision, _scores(runs, shipped)).quality(runs, every),
        "in disguise": _trial(shipped.decision, _scores(runs, shipped, Disguise(8))).quality(runs, every),
        "online": online(runs).quality(runs, every),
    }
    seconds = time.perf_counter() - start
    return [
        Result(
            set="skab",
            protocol=protocol,
            metric=metric,
            value=values[at],
            target=METRICS[metric][0] if protocol != "online" else None,
            higher=METRICS[metric][1],
            trivial=always[at],
            published=METRICS[metric][2] if protocol == "two-fold" else "",
            reference=METRICS[metric][3],
            limit_from="" if protocol == "online" else "held-out blocks of rows 0 to 399",
            recipe="" if protocol == "online" else "skab",
            seconds=seconds if protocol == "two-fold" else None,
            peak_mb=_peak_mb() if protocol == "two-fold" else None,
        )
        for protocol, values in measured.items()
        for at, metric in enumerate(METRICS)
    ]


def two_fold(runs: Sequence[Run], recipe: Recipe) -> Trial:
    """Order, span, multiple and quiet chosen on one half of the runs for the other."""
    rows = list(_rows_of_trials(runs, recipe))
    even, odd = range(0, len(runs), 2), range(1, len(runs), 2)
    for_odd, for_even = _chosen(rows, runs, even), _chosen(rows, runs, odd)
    return Trial([(for_odd if at % 2 else for_even).rings[at] for at in range(len(runs))])


def _rows_of_trials(runs: Sequence[Run], recipe: Recipe) -> Iterable[Sequence[Trial]]:
    """A row of trials differs by the multiple alone."""
    for order, span in product(ORDERS, SPANS):
        settings = {"estimator.order": order, "estimator.span": span, "calibration.multiple": 1.0}
        scores = _scores(runs, changed(recipe, settings | {"estimator.back": 0.0}))
        peak = cast("Mewma", estimator(changed(recipe, settings))).peak
        for quiet in QUIET:
            rule = msgspec.structs.replace(recipe.decision, quiet=quiet)
            yield [_trial(rule, [_lifted(each / multiple, peak) for each in scores]) for multiple in MULTIPLES]


def _lifted(score: F64, peak: Peak) -> F64:
    return peak.quieten(np.zeros(peak.memory), score)[0]


def _chosen(rows: Sequence[Sequence[Trial]], runs: Sequence[Run], tuned_on: Sequence[int]) -> Trial:
    """The trial that is least bad together with its neighbours: a peak beside a slope is chance."""
    best, found = -np.inf, rows[0][0]
    for trials in rows:
        worth = np.array([_worth(trial.quality(runs, tuned_on)) for trial in trials])
        around = np.pad(worth, NEIGHBOURS, mode="edge")
        smooth = np.convolve(around, np.full(2 * NEIGHBOURS + 1, 1.0 / (2 * NEIGHBOURS + 1)), mode="valid")
        if smooth.max() > best:
            best, found = float(smooth.max()), trials[int(smooth.argmax())]
    return found


def _worth(quality: tuple[float, float, float, float]) -> float:
    """How far the worse of the two rates is from its target, and the changepoint score from its own."""
    _, far, mar, change = quality
    return -max(far / MOST_FAR, mar / MOST_MAR) - max(0.0, 1.0 - change / LEAST_CP)


def _scores(runs: Sequence[Run], recipe: Recipe, alter: Alter = lambda table: table) -> list[F64]:
    """Of the judged rows of each run, by a model fitted on the rows before; from a cold start."""
    out = []
    for run in runs:
        model = train(recipe, alter(_part(run.table, slice(0, FITTED)))).model
        (judged,) = score(model, alter(_part(run.table, slice(FITTED, None))))
        out.append(judged.scored.score.astype(np.float64))
    return out


def _trial(decision: Decision, scores: Sequence[F64]) -> Trial:
    return Trial([decide(Deciding(), each, decision).active for each in scores])


def online(runs: Sequence[Run]) -> Trial:
    """The detector that learns by itself, as shipped; rows before FITTED only warm it up."""
    detector, jobs = Online(), []
    for run in runs:
        stretch = run.table.stretches[0]
        on = np.ones(len(stretch.t_ns), dtype=np.bool_)
        jobs.append(Job(state=detector.cold(8), t_ns=stretch.t_ns, rows=stretch.rows, running=on))
    return Trial([decide(Deciding(), each.score, DEFAULT).active[FITTED:] for each in detector.advance(jobs)])


def changepoints(runs: Sequence[Run], rings: Sequence[Bools]) -> float:
    """NAB's score with a window of 60 s after each true changepoint; any change of the output is a detection.

    Where two windows overlap, the later one begins where the earlier one ends.
    """
    total, n = 0.0, 0
    for run, active in zip(runs, rings, strict=True):
        ends = run.marks_s + WINDOW_S
        starts = np.maximum(run.marks_s, np.concatenate([[-np.inf], ends[:-1]]))
        found = run.t_s[np.flatnonzero(np.diff(active.astype(np.int8), prepend=np.int8(0)))]
        inside = (starts <= found[:, None]) & (found[:, None] <= ends)
        for at, (begin, end) in enumerate(zip(starts, ends, strict=True)):
            first = found[inside[:, at]][:1]
            total += _earned((first[0] - begin) / max(end - begin, 1.0)) if first.size else MISSED
        total += FALSE * int((~inside.any(axis=1)).sum())
        n += len(starts)
    return 100 * (total - MISSED * n) / ((HIT - MISSED) * n)


def _earned(place: float) -> float:
    return (HIT - FALSE) / 2 * (1 - float(np.tanh(np.pi * (place - 0.5)) / np.tanh(np.pi / 2))) + FALSE


def _part(table: Table, rows: slice) -> Table:
    (whole,) = table.stretches
    return msgspec.structs.replace(table, stretches=(Stretch(whole.name, whole.t_ns[rows], whole.rows[rows]),))


def _runs() -> list[Run]:
    paths = (folder("skab") / "valve1").glob("*.csv.xz")
    return [_run(path) for path in sorted(paths, key=lambda path: int(path.name.split(".")[0]))]


def _run(path: Path) -> Run:
    frame = pd.read_csv(path, sep=";", parse_dates=["datetime"])
    t_ns: I64 = frame["datetime"].to_numpy("datetime64[ns]").astype(np.int64)
    values = frame.drop(columns=["datetime", "anomaly", "changepoint"])
    t_s = (t_ns[FITTED:] - t_ns[FITTED]) / 1e9
    return Run(
        table=Table(tuple(values.columns), (Stretch(path.stem, t_ns, values.to_numpy(dtype=np.float64)),)),
        truth=frame["anomaly"].to_numpy()[FITTED:] > 0,
        marks_s=t_s[frame["changepoint"].to_numpy()[FITTED:] > 0],
        t_s=t_s,
    )


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
