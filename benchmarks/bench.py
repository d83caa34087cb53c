"""Test benches that stop early: time saved on simulated units that fail, beside an oracle that knows their true state.

Recipe `bench` is fitted on runs of one seed and asked after each step of fresh runs of another, row by row as live. The
oracle stops each failing unit after the step that truly doomed it. Nothing was tuned on these seeds.
"""

import time
from collections.abc import Callable
from itertools import islice

import msgspec
import numpy as np

from benchmarks.early import bounds, oracle, saved
from benchmarks.report import Figure, figure, table
from models.contract import F32, F64, I64, Bools, Job
from models.fitting.training import train
from models.judging.metrics import average_precision, roc_auc
from models.recipe import load
from models.runs.row import is_margin, layout, row_of, step_of, values
from models.table import Stretch, Table
from models.trained import Trained
from simulators.bench import runs
from simulators.trial import Trial
from wire.readings import Measured, StepEnded

FITTED, FRESH = 5_000, 2_000
SEEDS = ((301, 401), (302, 402), (303, 403))  # of the runs that are learnt from, and of those that are called
EVERY = 10  # steps
GOAL, ALLOWED = 0.85, 0.02


class Tested(msgspec.Struct, frozen=True):
    """n runs of k steps, in the order in which they began."""

    columns: tuple[str, ...]
    rows: F64  # n x c
    station: I64
    t_ns: I64
    failed: Bools
    doomed: I64  # the step that truly doomed a unit; -1 for those that pass
    seconds: F64  # n x k

    def table(self) -> Table:
        """A stretch a station."""
        return Table(
            channels=self.columns,
            stretches=tuple(
                Stretch(f"station {at}", self.t_ns[mine], self.rows[mine], self.failed[mine].astype(np.float64))
                for at in np.unique(self.station)
                for mine in [np.flatnonzero(self.station == at)]
            ),
            classes=("pass", "fail"),
        )


class Called(msgspec.Struct, frozen=True):
    """What was said after each step, n x k."""

    failing: F64
    low: F64
    high: F64
    score: F64


def measure() -> list[Figure]:
    """Train and call by each pair of seeds; the figures are means, with their spread beside them."""
    found = [_measured(fitted, fresh) for fitted, fresh in SEEDS]
    figures = [
        figure(name, float(np.mean([each[name] for each in found])), unit, reference)
        for name, unit, reference in _UNITS
    ]
    shares = [each["bench.time_saved_of_oracle"] for each in found]
    figures.append(figure("bench.time_saved_of_oracle.spread", float(np.std(shares)), "share"))
    wrong, passing = (int(sum(each[name] for each in found)) for name in ("wrongly", "passing"))
    low, high = bounds(wrong, passing)
    figures.append(figure("bench.false_stops.low", low, "share, 95 %"))
    figures.append(figure("bench.false_stops.high", high, "share, 95 %"))
    return figures


def _measured(fitted: int, fresh: int) -> dict[str, float]:
    """One model on fresh runs."""
    learnt = recorded(fitted, FITTED)
    begun = time.process_time()
    model = train(load("bench"), learnt.table()).model
    took = time.process_time() - begun
    units = recorded(fresh, FRESH, learnt.columns)
    said = called(model, units)
    best = oracle(units.doomed, units.failed, units.seconds)
    whole = float(units.seconds[units.failed].sum())
    ours = saved(said.score >= 1.0, units.failed, units.seconds)
    plain = saved(_out_of_limits(units), units.failed, units.seconds)
    low, high = bounds(ours.wrongly, ours.passing)
    wrongly = f"{ours.wrongly} of {ours.passing} stopped wrongly ({100 * low:.2f} to {100 * high:.2f} %)"
    print(f"seeds {fitted}, {fresh}: {ours.time / best:.3f} of what the oracle saves, {wrongly}", flush=True)
    return {
        "bench.time_saved_of_oracle": ours.time / best,
        "bench.time_saved": ours.time / whole,
        "bench.oracle_time_saved": best / whole,
        "bench.failing_stopped": ours.failing,
        "bench.false_stops": ours.wrongly / ours.passing,
        "bench.first_out_of_limits.time_saved_of_oracle": plain.time / best,
        "bench.first_out_of_limits.false_stops": plain.wrongly / plain.passing,
        "bench.never.time_saved_of_oracle": 0.0,
        "bench.interval_holds": _holds(said, units.failed),
        "bench.training": took,
        **{f"bench.auc.step{step}": _at(roc_auc, said, units, step) for step in range(EVERY, 41, EVERY)},
        **{f"bench.ap.step{step}": _at(average_precision, said, units, step) for step in range(EVERY, 41, EVERY)},
        "wrongly": ours.wrongly,
        "passing": ours.passing,
    }


def recorded(seed: int, count: int, columns: tuple[str, ...] = ()) -> Tested:
    """So many simulated runs, as rows with the columns that were learnt, or their own."""
    trials = list(islice(runs(seed), count))
    rows = [values(event for event in trial.events if isinstance(event, Measured | StepEnded)) for trial in trials]
    columns = columns or layout(rows)
    return Tested(
        columns=columns,
        rows=np.array([row_of(row, columns) for row in rows]),
        station=np.unique([trial.station for trial in trials], return_inverse=True)[1],
        t_ns=np.array([trial.start_ns for trial in trials]),
        failed=np.array([trial.outcome == "fail" for trial in trials]),
        doomed=np.array([_doomed(trial) for trial in trials]),
        seconds=np.array([trial.seconds for trial in trials]),
    )


def _doomed(trial: Trial) -> int:
    return -1 if trial.doomed_at is None else trial.doomed_at


def called(model: Trained, units: Tested) -> Called:
    """Asked after each step with what was measured by then, and shown the whole row when the run is over."""
    steps = _steps(units.columns)
    states = {at: model.cold(len(units.columns)) for at in np.unique(units.station).tolist()}
    outlook, score = [], []
    for at, station in enumerate(units.station.tolist()):
        known = np.where(steps <= np.arange(steps.max() + 1)[:, None], units.rows[at], np.nan)
        found = model.advance([_job(states[station], units.t_ns[at], row, learn=False) for row in known])
        outlook.append([told for each in found for told in _told(each.outlook)])
        score.append([float(each.score[0]) for each in found])
        states[station] = model.advance([_job(states[station], units.t_ns[at], units.rows[at], learn=True)])[0].state
    _, failing, low, high = np.moveaxis(np.array(outlook, dtype=np.float64), 2, 0)
    return Called(failing, low, high, np.array(score))


def _told(outlook: F32 | None) -> F32:
    assert outlook is not None
    return outlook


def _job(state: F64, t_ns: int, row: F64, *, learn: bool) -> Job:
    return Job(state, np.array([t_ns]), row[None], np.ones(1, dtype=np.bool_), learn=learn)


def _steps(columns: tuple[str, ...]) -> I64:
    """The place of each column's step."""
    order = {step: at for at, step in enumerate(dict.fromkeys(map(step_of, columns)))}
    return np.array([order[step_of(column)] for column in columns])


def _out_of_limits(units: Tested) -> Bools:
    """Whether a measurement of a step is out of its limits, n x k: the plainest reason to stop."""
    steps, margin = _steps(units.columns), np.array([is_margin(column) for column in units.columns])
    out = (units.rows < 0) & margin
    return np.stack([out[:, steps == at].any(axis=1) for at in range(steps.max() + 1)], axis=1)


def _holds(said: Called, failed: Bools) -> float:
    """Share of tenths of units, by P(fail) after every fifth step, whose rate of failing lies between low and high."""
    inside = []
    for step in range(4, said.failing.shape[1], 5):
        for tenth in np.array_split(np.argsort(said.failing[:, step], kind="stable"), 10):
            rate = failed[tenth].mean()
            inside.append(said.low[tenth, step].mean() <= rate <= said.high[tenth, step].mean())
    return float(np.mean(inside))


def _at(metric: Callable[[Bools, F64], float | None], said: Called, units: Tested, step: int) -> float:
    return float(metric(units.failed, said.failing[:, step - 1]) or 0.0)


_UNITS: tuple[tuple[str, str, float | None], ...] = (
    ("bench.time_saved_of_oracle", "share", GOAL),
    ("bench.time_saved", "share of test time", None),
    ("bench.oracle_time_saved", "share of test time", None),
    ("bench.failing_stopped", "share", None),
    ("bench.false_stops", "share", ALLOWED),
    ("bench.first_out_of_limits.time_saved_of_oracle", "share", GOAL),
    ("bench.first_out_of_limits.false_stops", "share", ALLOWED),
    ("bench.never.time_saved_of_oracle", "share", GOAL),
    ("bench.interval_holds", "share", 0.9),
    ("bench.training", "s of a core", 60.0),
    *((f"bench.auc.step{step}", "", 0.5) for step in range(EVERY, 41, EVERY)),
    *((f"bench.ap.step{step}", "", None) for step in range(EVERY, 41, EVERY)),
)


if __name__ == "__main__":
    print(table(measure()))
