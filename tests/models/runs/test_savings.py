"""What stops saved, against plants whose truth is known."""

import random

import msgspec
import pytest

from models.runs.savings import among, rate, savings
from tests.store.benches import over, run
from wire.config import Costs
from wire.messages import Run, Step

COSTS = Costs(bench_hour=60.0, scrap_good=100.0, pass_bad=1000.0, escape_share=0.1)


def whole(state: str, *, would: bool = False, control: bool = False, number: int = 0) -> Run:
    stop = "S05" if would else ""
    return over("r", state, number=number, would_stop_at=stop, saved_s=600.0 if would else None, control=control)


def stopped() -> Run:
    return over("r", "aborted", would_stop_at="S05", stopped_at="S05", saved_s=600.0)


def test_in_shadow_it_says_what_would_have_been_saved_and_what_would_have_been_wrong() -> None:
    said = savings([*[whole("pass")] * 95, *[whole("pass", would=True)] * 5, *[whole("fail", would=True)] * 15], COSTS)
    assert (said.told, said.saved_s, said.told_wrong, said.saved_cost) == (0, 0.0, None, None)
    assert (said.would, said.would_saved_s) == (20, 12_000.0)
    assert said.would_saved_cost == pytest.approx(200.0 + 15 * 100.0 - 5 * 100.0)
    assert (said.wrong.count, said.wrong.of) == (5, 20)
    assert (said.false_stop.count, said.false_stop.of, said.measured_on) == (5, 100, "shadow")


def test_runs_of_before_there_was_a_model_say_nothing_of_its_stops() -> None:
    before = [over("r", "pass", model="", p_fail=None)] * 900
    said = savings([*before, *[whole("pass")] * 19, whole("pass", would=True)], COSTS)
    assert (said.runs, said.false_stop.count, said.false_stop.of) == (920, 1, 20)


def test_once_benches_are_told_good_units_are_counted_among_control_runs_alone() -> None:
    control = [whole("pass", control=True)] * 18 + [whole("pass", control=True, would=True)] * 2
    said = savings([*control, *[whole("fail", would=True, control=True)] * 8, *[whole("pass")] * 400, stopped()], COSTS)
    assert (said.false_stop.count, said.false_stop.of, said.measured_on) == (2, 20, "control")
    assert (said.told, said.saved_s) == (1, 600.0)
    assert said.told_wrong is not None
    assert said.told_wrong.value == pytest.approx(0.2)
    assert said.saved_cost is not None
    assert said.saved_cost.value == pytest.approx(10.0 + 0.8 * 100.0 - 0.2 * 100.0)
    assert said.saved_cost.low < said.saved_cost.value < said.saved_cost.high


def test_good_units_of_the_time_in_shadow_still_count_once_benches_are_told() -> None:
    shadow = [whole("pass")] * 99 + [whole("pass", would=True)]
    told = msgspec.structs.replace(stopped(), started_ns=shadow[0].ended_ns + 1)
    later = [whole("pass", number=9)] * 400 + [whole("pass", number=9, control=True)] * 20
    said = savings([*shadow, told, *later], COSTS)
    assert (said.false_stop.count, said.false_stop.of, said.measured_on) == (1, 120, "control and shadow")


def test_a_bench_that_went_on_saved_nothing() -> None:
    said = savings([over("r", "pass", would_stop_at="S05", stopped_at="S05", saved_s=600.0), stopped()], COSTS)
    assert (said.told, said.ignored, said.saved_s) == (1, 1, 600.0)
    assert said.told_wrong is None  # nobody knows


def test_a_run_that_failed_with_no_step_after_the_stop_was_stopped() -> None:
    steps = tuple(Step(f"S{step:02d}", step) for step in range(1, 6))
    said = savings([over("r", "fail", would_stop_at="S05", stopped_at="S05", saved_s=600.0, steps=steps)], COSTS)
    assert (said.told, said.ignored, said.saved_s) == (1, 0, 600.0)


def test_what_is_not_over_counts_as_no_saving() -> None:
    said = savings([run("r", stopped_at="S05", would_stop_at="S05", saved_s=600.0), whole("broken-off")], COSTS)
    assert (said.told, said.saved_s, said.wrong.value) == (0, 0.0, None)
    assert said.states == {"running": 1, "broken-off": 1}


def test_the_estimate_from_control_runs_meets_the_truth_of_a_long_time() -> None:
    chance, truth, runs = random.Random(7), 0, list[Run]()
    for _ in range(20_000):
        bad, control = chance.random() < 0.1, chance.random() < 0.05
        would = chance.random() < (0.8 if bad else 0.03)
        if would and not control:
            truth += not bad
            runs.append(stopped())
        else:
            runs.append(whole("fail" if bad else "pass", would=would, control=control))
    said = savings(runs, COSTS)
    assert said.told_wrong is not None
    assert said.told_wrong.low <= truth <= said.told_wrong.high
    assert said.false_stop.low <= 0.03 <= said.false_stop.high
    assert said.false_stop.of < 1_000


@pytest.mark.parametrize(("count", "of"), [(0, 20), (3, 20), (20, 20)])
def test_an_interval_holds_what_was_counted(count: int, of: int) -> None:
    found = rate(count, of)
    assert found.low <= count / of <= found.high


def test_the_number_of_wrong_stops_lies_in_its_interval_as_often_as_is_said() -> None:
    chance, held = random.Random(11), 0
    for _ in range(400):
        share = chance.uniform(0.02, 0.3)
        of, stops = chance.randint(20, 200), chance.randint(1, 60)
        count, truth = (sum(chance.random() < share for _ in range(runs)) for runs in (of, stops))
        said = among(stops, rate(count, of))
        held += said.low <= truth <= said.high
    assert held >= 0.93 * 400
