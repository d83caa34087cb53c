import subprocess
import sys
import zlib
from collections import Counter
from collections.abc import Iterator
from itertools import islice, pairwise
from pathlib import Path

import pytest

from simulators.bench import MONDAY_NS, runs
from simulators.disorder import Disorder
from simulators.procedure import changed
from simulators.servo import SERVO
from simulators.trial import Trial
from wire.messages import Measured, RunEnded, RunStarted, StepEnded

ROOT = Path(__file__).parents[2]
ALL = Disorder(broken_off=0.2, retest=0.8, out_of_order=0.2, overlapping=0.2, missing=0.2, extra=0.2, startless=0.2)


@pytest.fixture(scope="module")
def thousand() -> list[Trial]:
    return list(islice(runs(3), 1500))


@pytest.fixture(scope="module")
def disorderly() -> list[Trial]:
    return list(islice(runs(4, disorder=ALL), 400))


def numbers(trial: Trial) -> Iterator[tuple[Measured, float]]:
    for event in trial.events:
        if isinstance(event, Measured) and isinstance(event.value, float):
            yield event, event.value


def out(trial: Trial) -> set[tuple[str, str]]:
    """Which measurements of a run are out of their limits."""
    return {
        (event.step, event.name)
        for event, value in numbers(trial)
        if (event.low is not None and value < event.low) or (event.high is not None and value > event.high)
    }


CRITICAL = {(SERVO.steps[i].name, measure.name) for i, measure in SERVO.measures() if measure.critical}


def test_the_procedure_has_forty_steps_of_one_to_four_measurements_and_takes_twenty_minutes() -> None:
    assert len(SERVO.steps) == 40
    assert all(1 <= len(step.measures) + len(step.says) <= 4 for step in SERVO.steps)
    assert sum(step.seconds for step in SERVO.steps) == pytest.approx(1200, rel=0.05)
    assert len({step.seconds for step in SERVO.steps}) > 10


def test_an_orderly_run_is_a_start_forty_steps_and_an_end_in_the_order_of_time(thousand: list[Trial]) -> None:
    trial = thousand[0]
    assert isinstance(trial.events[0], RunStarted)
    assert trial.events[0].steps == trial.steps == SERVO.names
    assert [e.step for e in trial.events if isinstance(e, StepEnded)] == list(SERVO.names)
    assert isinstance(trial.events[-1], RunEnded)
    times = [event.t_ns for event in trial.events]
    assert times == sorted(times)
    assert sum(trial.seconds) == pytest.approx((times[-1] - times[0]) / 1e9 - 1, abs=1e-6)


def test_runs_of_all_stations_come_in_the_order_in_which_they_begin(thousand: list[Trial]) -> None:
    begins = [trial.start_ns for trial in thousand]
    assert begins == sorted(begins)
    assert begins[0] == MONDAY_NS
    assert {trial.station for trial in thousand} == {"bench-1", "bench-2", "bench-3"}


def test_a_unit_fails_exactly_if_a_critical_measurement_is_out_of_limits(thousand: list[Trial]) -> None:
    for trial in thousand:
        assert (trial.outcome == "fail") == bool(out(trial) & CRITICAL) == (trial.doomed_at is not None)


def test_about_an_eighth_of_the_units_is_bad_in_each_of_three_ways(thousand: list[Trial]) -> None:
    kinds = Counter(trial.kind.split(":")[0] for trial in thousand if trial.outcome == "fail")
    assert 0.09 < sum(kinds.values()) / len(thousand) < 0.16
    assert {"defect", "drift", "sudden"} <= set(kinds)
    assert min(kinds["defect"], kinds["drift"]) > 20 > 0.2 * kinds["sudden"]


def test_a_defect_dooms_a_unit_ten_steps_or_more_before_it_fails(thousand: list[Trial]) -> None:
    for trial in thousand:
        if trial.kind.startswith("defect") and trial.doomed_at is not None:
            fails = min(SERVO.place(step) for step, name in out(trial) & CRITICAL)
            assert fails - trial.doomed_at >= 10 or fails == trial.doomed_at


def test_most_doomed_units_stay_within_all_limits_for_most_of_the_way(thousand: list[Trial]) -> None:
    doomed = [trial for trial in thousand if trial.doomed_at is not None and trial.doomed_at < 20]
    inside = [trial for trial in doomed if all(SERVO.place(step) >= 30 for step, _ in out(trial))]
    assert len(inside) > 0.6 * len(doomed)


def test_some_good_units_have_a_value_out_of_limits_that_fails_nothing(thousand: list[Trial]) -> None:
    good = [trial for trial in thousand if trial.outcome == "pass"]
    assert 0.01 < sum(bool(out(trial)) for trial in good) / len(good) < 0.1


def test_a_station_that_drifts_fails_units_near_each_other_and_is_then_repaired(thousand: list[Trial]) -> None:
    one = [trial for trial in thousand if trial.station == "bench-1"]
    failed = [i for i, trial in enumerate(one) if trial.kind.startswith("drift")]
    near = sum(b - a <= 10 for a, b in pairwise(failed))
    assert near > len(failed) / 2
    assert max(b - a for a, b in pairwise(failed)) > 30


def test_the_same_seed_says_the_same_and_another_process_does_too(thousand: list[Trial]) -> None:
    assert list(islice(runs(3), 20)) == thousand[:20]
    assert next(runs(4)).events != thousand[0].events
    code = "import zlib; from simulators.bench import runs"
    command = [sys.executable, "-c", f"{code}; print(zlib.crc32(repr(next(runs(3)).events).encode()))"]
    said = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split()
    assert len(set(said)) == 1
    assert said[0] == str(zlib.crc32(repr(thousand[0].events).encode()))


def test_disorder_leaves_the_units_as_they_are(thousand: list[Trial]) -> None:
    late = list(islice(runs(3, disorder=Disorder(out_of_order=1.0)), 20))
    for trial, orderly in zip(late, thousand, strict=False):
        assert trial.events != orderly.events
        assert Counter(map(repr, trial.events)) == Counter(map(repr, orderly.events))


def test_runs_are_broken_off_with_and_without_a_word(disorderly: list[Trial]) -> None:
    outcomes = Counter(trial.outcome for trial in disorderly)
    assert 20 < outcomes["aborted"] < 80
    assert 20 < outcomes[""] < 80
    assert all(trial.doomed_at is None or trial.doomed_at < len(trial.steps) for trial in disorderly)


def test_a_failed_unit_comes_again_and_names_the_run_before(disorderly: list[Trial]) -> None:
    by_run = {trial.run: trial for trial in disorderly}
    starts = [e for trial in disorderly for e in trial.events if isinstance(e, RunStarted) and e.retest_of]
    assert len(starts) > 10
    assert all(by_run[e.retest_of].unit == e.unit and by_run[e.retest_of].outcome == "fail" for e in starts)
    again = [by_run[e.run] for e in starts if by_run[e.run].kind.startswith("defect") and by_run[e.run].outcome]
    assert sum(trial.outcome == "fail" for trial in again) > 0.5 * len(again)


def test_steps_are_missing_come_twice_or_were_never_planned(disorderly: list[Trial]) -> None:
    whole = [trial for trial in disorderly if trial.outcome in {"pass", "fail"}]
    assert sum(not set(SERVO.names) <= set(trial.steps) for trial in whole) > 20
    assert sum(len(set(trial.steps)) < len(trial.steps) for trial in whole) > 10
    assert sum(not set(trial.steps) <= set(SERVO.names) for trial in whole) > 10


def test_runs_overlap_on_a_station_or_have_no_start(disorderly: list[Trial]) -> None:
    assert sum(not any(isinstance(e, RunStarted) for e in trial.events) for trial in disorderly) > 40
    for station in ("bench-1", "bench-2", "bench-3"):
        ours = [trial for trial in disorderly if trial.station == station]
        assert sum(b.start_ns < a.end_ns for a, b in pairwise(ours)) > 5


def test_a_procedure_that_changes_has_a_step_more_and_a_limit_moved() -> None:
    before, after = islice(runs(5, changes_at=1), 2)
    assert isinstance(before.events[0], RunStarted)
    assert isinstance(after.events[0], RunStarted)
    assert (before.events[0].version, after.events[0].version) == ("1", "2")
    assert set(after.steps) - set(before.steps) == {"S24A"}
    limits = [
        {(e.step, e.name): (e.low, e.high) for e in trial.events if isinstance(e, Measured)}
        for trial in (before, after)
    ]
    assert [at for at, limit in limits[0].items() if limits[1][at] != limit] == [("S36", "resistance_hot")]
    assert changed(SERVO).version == "2"


def test_another_supplier_moves_what_is_measured_and_fails_hardly_more_units() -> None:
    trials = list(islice(runs(6, supplier_at=400), 800))
    before, after = trials[:400], trials[400:]

    def mean(part: list[Trial]) -> float:
        values = [v for t in part if t.outcome == "pass" for e, v in numbers(t) if e.name == "vibration_y"]
        return sum(values) / len(values)

    assert mean(after) > 1.1 * mean(before)
    failed = [sum(t.outcome == "fail" for t in part) for part in (before, after)]
    assert failed[1] < 2 * failed[0]


@pytest.mark.parametrize("rate", [-0.1, 1.5])
def test_a_rate_that_is_no_share_is_refused(rate: float) -> None:
    with pytest.raises(ValueError, match="missing is a share from 0 to 1"):
        Disorder(missing=rate)


@pytest.mark.parametrize("seed", [-1, 0, 2**63, 2**70])
def test_any_whole_number_is_a_seed(seed: int) -> None:
    assert next(runs(seed)).events == next(runs(seed)).events


def test_a_bench_without_a_station_is_refused() -> None:
    with pytest.raises(ValueError, match="there has to be a station"):
        next(runs(1, stations=0))


def test_the_gauges_of_an_uneven_hall_read_off_for_good_each_stations_by_its_own() -> None:
    even, uneven = (list(islice(runs(8, stations=2, apart=apart), 60)) for apart in (0.0, 1.0))
    off: dict[tuple[str, str], list[float]] = {}
    for one, other in zip(even, uneven, strict=True):
        for (event, value), (_, there) in zip(numbers(one), numbers(other), strict=True):
            if event.step in {"S01", "S02"}:
                off.setdefault((one.station, event.step), []).append(there - value)
    assert len(off) == 4
    for moved in off.values():
        assert max(moved) - min(moved) < 0.2 * abs(moved[0])
    assert len({round(moved[0], 4) for moved in off.values()}) == len(off)
