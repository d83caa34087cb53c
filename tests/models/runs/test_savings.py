"""What stops saved, against plants whose truth is known."""

import random
from collections.abc import Sequence

import msgspec
import pytest

from models.runs.savings import Stops, among, rate
from models.runs.savings import savings as of_all
from tests.store.benches import label, over, run
from wire.config import Costs
from wire.messages import Label, Meaning, Run, Step

COSTS = Costs(bench_hour=60.0, scrap_good=100.0, pass_bad=1000.0, escape_share=0.1)


def savings(runs: list[Run], costs: Costs, labels: Sequence[Label] = ()) -> Stops:
    """Of the version in force."""
    return of_all(runs, costs, labels).force


def found(of: str, meaning: Meaning, *, gone: str = "", at: int = 0) -> Label:
    """What somebody found out of a run."""
    return label(f"{of} {meaning} {at}", number=at, device="", run=of, meaning=meaning, withdrawn_by=gone)


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
    assert (said.called, said.false_stop.count, said.false_stop.of) == (20, 1, 20)


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
    running = run("r", stopped_at="S05", would_stop_at="S05", saved_s=600.0, model="eol")
    said = of_all([running, whole("broken-off")], COSTS)
    assert (said.told, said.saved_s, said.force.wrong.value) == (0, 0.0, None)
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


def by(run: Run, version: int, *, number: int = 0, name: str = "r") -> Run:
    """The same run, called by a version some hours later."""
    later = {"started_ns": run.started_ns + number, "ended_ns": run.ended_ns + number}
    return msgspec.structs.replace(run, run=name, model_version=version, **later)


def test_versions_are_never_counted_together_and_the_one_in_force_is_named() -> None:
    old = [by(whole("pass", would=True), 1)] * 10 + [by(whole("fail", would=True), 1)] * 2 + [by(stopped(), 1)] * 3
    new = [by(whole("fail", would=True, control=True), 2, number=1)] * 5 + [by(whole("pass", control=True), 2)] * 30
    said = of_all([*old, *new], COSTS)
    assert (said.force.model, said.force.version, said.force.measured_on) == ("eol", 2, "control")
    assert (said.force.wrong.count, said.force.wrong.of, said.force.false_stop.of) == (0, 5, 30)
    assert [(each.version, each.wrong.count, each.wrong.of, each.told) for each in said.versions] == [
        (2, 0, 5, 0),
        (1, 10, 12, 3),
    ]
    assert (said.told, said.saved_s) == (3, 1_800.0)
    put_back = of_all([*old, *new], COSTS, force=("eol", 1)).force
    assert (put_back.version, put_back.wrong.of) == (1, 12)
    fresh = of_all([*old, *new], COSTS, force=("eol", 3)).force
    assert (fresh.version, fresh.called, fresh.wrong.value, fresh.told_wrong) == (3, 0, None, None)


def test_a_word_of_later_stands_above_the_test_and_a_test_that_was_taken_back_says_nothing() -> None:
    runs = [by(whole("pass", would=True), 1, name=f"r{n}") for n in range(4)]
    said = savings(runs, COSTS, [found("r0", "fail", at=1), found("r1", "pass", gone="Ada")])
    assert (said.wrong.count, said.wrong.of, said.would) == (2, 3, 3)


def test_stops_of_which_some_were_looked_at_are_told_apart_and_bound_what_is_estimated() -> None:
    control = [by(whole("fail", would=True, control=True), 1, name=f"c{n}") for n in range(20)]
    told = [by(stopped(), 1, name=f"s{n}") for n in range(10)]
    said = savings([*control, *told], COSTS, [found(f"s{n}", "pass") for n in range(4)])
    assert (said.looked_at.count, said.looked_at.of) == (4, 4)
    assert (said.wrong.count, said.wrong.of, said.measured_on) == (0, 20, "control")
    assert said.told_wrong is not None
    assert (said.told_wrong.value, said.told_wrong.low) == (4.0, 4.0)


def test_where_every_stop_was_looked_at_it_is_known_how_many_were_wrong() -> None:
    control = [by(whole("fail", would=True, control=True), 1, name=f"c{n}") for n in range(5)]
    good = [by(whole("pass"), 1, name=f"g{n}") for n in range(45)]
    told = [by(stopped(), 1, name=f"s{n}") for n in range(20)]
    labels = [found(f"s{n}", "pass" if n < 5 else "fail") for n in range(20)]
    said = savings([*control, *good, *told], COSTS, labels)
    assert said.told_wrong is not None
    assert (said.told_wrong.value, said.told_wrong.low, said.told_wrong.high) == (5.0, 5.0, 5.0)
    assert (said.wrong.count, said.wrong.of) == (5, 25)
    assert (said.false_stop.count, said.false_stop.of, said.measured_on) == (5, 50, "every run")
