"""A trained model calls live what it calls of the same runs once they are exported, to the last bit."""

import itertools
from collections import defaultdict
from functools import cache

import numpy as np

from models.contract import Job
from models.fitting.training import train
from models.recipe import changed, load
from models.runs.row import layout, row_of, values
from models.table import Stretch, Table
from models.trained import Trained
from simulators.bench import runs
from simulators.trial import Trial
from stream.benches.calls import STATION
from stream.core import Core
from stream.models.detectors import Shelf
from stream.state import split_key
from tests.stream.benches.bench import Hall
from tests.stream.plant import LANE
from wire.config import Config, Costs, Procedure
from wire.messages import Advice, Batch, Measured, Run, StepEnded

RULE = Procedure(
    match="servo-final", model="servo", advice="on", whole_share=0.0, costs=Costs(bench_hour=600.0, scrap_good=1.0)
)
MEMORY_BYTES = 10 * 1024


@cache
def servo() -> Trained:
    """A small model of simulated runs."""
    trials = list(itertools.islice(runs(3), 200))
    rows = {trial.run: values(e for e in trial.events if isinstance(e, Measured | StepEnded)) for trial in trials}
    columns = layout(rows.values(), trials[0].steps)
    stations: dict[str, list[Trial]] = defaultdict(list)
    for trial in trials:
        stations[trial.station].append(trial)
    stretches = [
        Stretch(
            name=station,
            t_ns=np.array([trial.start_ns for trial in tested]),
            rows=np.array([row_of(rows[trial.run], columns) for trial in tested]),
            label=np.array([float(trial.outcome == "fail") for trial in tested]),
        )
        for station, tested in stations.items()
    ]
    recipe = changed(load("bench"), {"estimator.trees": 15, "estimator.looks": 4, "calibration.false_alarm_rate": 0.05})
    return train(recipe, Table(columns, tuple(stretches), classes=("pass", "fail")), name="servo").model


@cache
def played() -> Hall:
    """Fresh runs through the core, an event a batch."""
    hall = Hall(Core(Config(procedures=(RULE,)), Shelf([servo()])))
    events = [event for trial in itertools.islice(runs(8), 30) for event in trial.events]
    for seq, event in enumerate(sorted(events, key=lambda event: event.t_ns), 1):
        hall.put(Batch("hall", LANE, seq, event.t_ns, events=(event,)))
    return hall


def test_the_last_call_of_each_run_is_what_the_model_says_of_its_exported_row() -> None:
    ended = {run.run: run for run in played().runs() if run.state in {"pass", "fail"}}
    stations: dict[str, list[Run]] = defaultdict(list)
    for run in sorted(ended.values(), key=lambda run: run.started_ns):
        stations[run.station].append(run)
    assert len(ended) == 30
    for gone in stations.values():
        rows = np.array([row_of(run.row, servo().channels) for run in gone])
        on = np.ones(len(gone), dtype=np.bool_)
        (said,) = servo().advance([Job(servo().cold(0), np.array([run.started_ns for run in gone]), rows, on)])
        assert said.outlook is not None
        assert [run.p_fail for run in gone] == said.outlook[:, 1].tolist()


def test_each_call_has_an_interval_and_names_steps_that_are_over_or_the_station() -> None:
    ended: dict[str, set[str]] = defaultdict(set)
    for advice in played().advice():
        ended[advice.run].add(advice.step)
        assert advice.low is not None
        assert advice.high is not None
        assert 0.0 <= advice.low <= advice.p_fail <= advice.high <= 1.0
        assert set(advice.because) <= {*ended[advice.run], STATION}
        assert advice.withheld == ""
    assert not played().alarms("model:servo")


def test_units_that_fail_are_stopped_more_often_than_units_that_pass() -> None:
    runs_ = {run.run: run for run in played().runs()}.values()
    failed = [bool(run.would_stop_at) for run in runs_ if run.state == "fail"]
    passed = [bool(run.would_stop_at) for run in runs_ if run.state == "pass"]
    assert failed
    assert np.mean(failed) > np.mean(passed)


def test_what_a_model_remembers_of_a_station_is_small() -> None:
    records = played().core.dump(played().state)
    sizes = [len(data) for key, data in records.items() if split_key(key)[0] == "station"]
    assert len(sizes) == 3
    assert max(sizes) < MEMORY_BYTES


def test_a_stop_is_told_from_the_first_step_at_which_it_is_due() -> None:
    first: dict[str, Advice] = {}
    for advice in played().advice():
        if advice.stop:
            first.setdefault(advice.run, advice)
    assert first
    stopped = {run.run: run for run in played().runs()}
    assert {run: advice.step for run, advice in first.items()} == {
        name: run.stopped_at for name, run in stopped.items() if run.stopped_at
    }
