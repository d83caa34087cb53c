"""Test benches that stop early: time saved on simulated units that fail, beside an oracle that knows their true state.

Recipe `bench` is fitted on runs of one seed and asked after each step of fresh runs of another; of the first hundred as
live, row by row, which has to give the same bits. The oracle stops each failing unit after the step that truly doomed
it. What trees are told of limits was chosen on the first three pairs, nothing else on any.
"""

import time
from collections.abc import Callable
from itertools import islice

import msgspec
import numpy as np

from benchmarks.early import oracle, saved, spell_bounds
from benchmarks.report import Figure, figure, table
from models.contract import F64, I64, LARGEST, Bools, Job
from models.fitting.training import train
from models.judging.metrics import average_precision, roc_auc
from models.outcome.early_call import EarlyCall
from models.outcome.early_view import drifts
from models.outcome.stages import said
from models.recipe import load
from models.runs.row import is_margin, layout, row_of, step_of, values
from models.table import Stretch, Table
from models.trained import Trained
from simulators.bench import runs
from simulators.trial import Trial
from wire.readings import Measured, StepEnded

FITTED, FRESH = 5_000, 2_000
SEEDS = tuple((301 + pair, 401 + pair) for pair in range(13))  # of runs that are learnt from, of those that are called
UNEVEN = 0.5  # spreads by which stations of another hall differ
LIVE = 100  # units asked about row by row
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
    pairs = [_measured(fitted, fresh) for fitted, fresh in SEEDS]
    found = [each for each, _ in pairs]
    figures = [
        figure(name, float(np.mean([each[name] for each in found])), unit, reference)
        for name, unit, reference in _UNITS
    ]
    wrong = [each["bench.false_stops"] for each in found]
    shares = [each["bench.time_saved_of_oracle"] for each in found]
    low, high = spell_bounds(np.concatenate([wrongly for _, wrongly in pairs]))
    return [
        *figures,
        figure("bench.time_saved_of_oracle.spread", float(np.std(shares, ddof=1)), "share"),
        figure("bench.false_stops.spread", float(np.std(wrong, ddof=1)), "share"),
        figure("bench.false_stops.most", max(wrong), "share"),
        figure("bench.false_stops.low", low, "share, 95 %"),
        figure("bench.false_stops.high", high, "share, 95 %"),
    ]


def _measured(fitted: int, fresh: int) -> tuple[dict[str, float], Bools]:
    """One model on fresh runs; and who of the passing units was stopped, those of a station together."""
    learnt = recorded(fitted, FITTED)
    begun = time.process_time()
    model = train(load("bench"), learnt.table()).model
    took = time.process_time() - begun
    units, uneven = recorded(fresh, FRESH, learnt.columns), recorded(fresh, FRESH, learnt.columns, apart=UNEVEN)
    heard, elsewhere = called(model, units), called(model, uneven)
    _as_live(model, units, heard)
    best = oracle(units.doomed, units.failed, units.seconds)
    whole = float(units.seconds[units.failed].sum())
    ours = saved(heard.score >= 1.0, units.failed, units.seconds)
    plain = saved(_out_of_limits(units), units.failed, units.seconds)
    wrongly = _wrongly(heard, units)
    low, high = spell_bounds(wrongly)
    told = f"{ours.wrongly} of {ours.passing} stopped wrongly: {100 * wrongly.mean():.2f} %"
    print(
        f"seeds {fitted}, {fresh}: {ours.time / best:.3f} of what the oracle saves, {told}"
        f" ({100 * low:.2f} to {100 * high:.2f}); in an uneven hall {100 * _wrongly(elsewhere, uneven).mean():.2f} %",
        flush=True,
    )
    figures = {
        "bench.time_saved_of_oracle": ours.time / best,
        "bench.time_saved": ours.time / whole,
        "bench.oracle_time_saved": best / whole,
        "bench.failing_stopped": ours.failing,
        "bench.false_stops": ours.wrongly / ours.passing,
        "bench.uneven_hall.false_stops": float(_wrongly(elsewhere, uneven).mean()),
        "bench.first_out_of_limits.time_saved_of_oracle": plain.time / best,
        "bench.first_out_of_limits.false_stops": plain.wrongly / plain.passing,
        "bench.never.time_saved_of_oracle": 0.0,
        "bench.interval_holds": _holds(heard, units.failed),
        "bench.training": took,
        **{f"bench.auc.step{step}": _at(roc_auc, heard, units, step) for step in range(EVERY, 41, EVERY)},
        **{f"bench.ap.step{step}": _at(average_precision, heard, units, step) for step in range(EVERY, 41, EVERY)},
    }
    return figures, wrongly


def _wrongly(heard: Called, units: Tested) -> Bools:
    """Who of the passing units was stopped, those of a station together and in their order."""
    order = np.argsort(units.station, kind="stable")
    return np.asarray(np.any(heard.score >= 1.0, axis=1)[order][~units.failed[order]])


def recorded(
    seed: int, count: int, columns: tuple[str, ...] = (), *, apart: float = 0.0, supplier_at: int | None = None
) -> Tested:
    """So many simulated runs, as rows with the columns that were learnt, or their own; else as in the simulator."""
    trials = list(islice(runs(seed, apart=apart, supplier_at=supplier_at), count))
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
    """After each step of all units at once, which are shown whole to their stations when they are over."""
    odds, found = head(model).odds, chances(model, units)[:, 1:]
    told = [odds.outlook(column, np.full(len(column), step)) for step, column in enumerate(found.T)]
    _, failing, low, high = np.moveaxis(np.stack(told, axis=1), 2, 0)
    with np.errstate(over="ignore"):
        score = np.minimum(np.exp(found - odds.limit), LARGEST)
    return Called(failing, low, high, score.astype(np.float32).astype(np.float64))


def chances(model: Trained, units: Tested, shown: Bools | None = None) -> F64:
    """Log odds of failing before the first and after each step, n x (steps + 1); to stations some units are `shown`."""
    view, trees = head(model).view, head(model).trees
    z = view.scaled(units.rows)
    seen = z if shown is None else np.where(shown[:, None], z, np.nan)
    drift = drifts(view, seen, [np.flatnonzero(units.station == at) for at in np.unique(units.station)])
    surprise = view.surprises(z, drift)
    told = [said(trees, view.told(z, drift, surprise, at)) for at in range(-1, len(view.steps.ends))]
    return head(model).odds.of(np.stack(told, axis=1))


def head(model: Trained) -> EarlyCall:
    """Of a model of this kind."""
    assert isinstance(model.head, EarlyCall)
    return model.head


def _as_live(model: Trained, units: Tested, heard: Called) -> None:
    """Ask about the first units as a bench does: a row after each step, and the whole row when the run is over."""
    steps = _steps(units.columns)
    states = {at: model.cold(len(units.columns)) for at in np.unique(units.station).tolist()}
    for at, station in enumerate(units.station[:LIVE].tolist()):
        known = np.where(steps <= np.arange(steps.max() + 1)[:, None], units.rows[at], np.nan)
        found = model.advance([_job(states[station], units.t_ns[at], row, learn=False) for row in known])
        chance = [float(each.outlook[0, 1]) for each in found if each.outlook is not None]
        assert chance == heard.failing[at].astype(np.float32).tolist(), f"unit {at} live and at once"
        states[station] = model.advance([_job(states[station], units.t_ns[at], units.rows[at], learn=True)])[0].state


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


def _holds(heard: Called, failed: Bools) -> float:
    """Share of tenths of units, by P(fail) after every fifth step, whose rate of failing lies between low and high."""
    inside = []
    for step in range(4, heard.failing.shape[1], 5):
        for tenth in np.array_split(np.argsort(heard.failing[:, step], kind="stable"), 10):
            rate = failed[tenth].mean()
            inside.append(heard.low[tenth, step].mean() <= rate <= heard.high[tenth, step].mean())
    return float(np.mean(inside))


def _at(metric: Callable[[Bools, F64], float | None], heard: Called, units: Tested, step: int) -> float:
    return float(metric(units.failed, heard.failing[:, step - 1]) or 0.0)


_UNITS: tuple[tuple[str, str, float | None], ...] = (
    ("bench.time_saved_of_oracle", "share", GOAL),
    ("bench.time_saved", "share of test time", None),
    ("bench.oracle_time_saved", "share of test time", None),
    ("bench.failing_stopped", "share", None),
    ("bench.false_stops", "share", ALLOWED),
    ("bench.uneven_hall.false_stops", "share", ALLOWED),
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
