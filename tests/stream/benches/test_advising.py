"""After each step an advice: what a model says, what it costs, whether a stop is told, and if not, why."""

import math

import pytest

from models.contract import Task
from stream.alarms.rules import RULES
from stream.benches.advising import NEEDED
from stream.benches.control import whole
from stream.benches.ending import TEST
from tests.stream.benches.bench import COSTS, STEPS, Broken, Foreseer, Hall, Silent, at, floor, rule
from tests.stream.plant import LATE_LANE, NAN, Line, batch, frame
from wire.config import Costs
from wire.messages import Action, Alarm, Event, Measured, ModelChange, RunEnded, RunStarted, StepEnded, Verb

ON = {"advice": "on"}
RISE_AND_FALL = ["unacknowledged", "returned-unacknowledged"]


def _hall(*models: Foreseer, **said: object) -> Hall:
    return Hall(floor(rule(**said), models=models or (Foreseer(),))).practised()


def _switch(hall: Line, verb: Verb, rule: str = "advice:axle") -> None:
    hall.put(Action(f"{verb}-{len(hall.outcomes)}", "hall", "*", rule, verb, "anna", at_ns=at(0)))


def test_each_step_is_answered_also_where_there_is_no_model() -> None:
    hall = Hall(floor(rule(model=None, needed_failures=3)))
    hall.whole("r0", outcome="fail")
    hall.start("r1")
    for done, step in enumerate(STEPS, 1):
        advice = hall.step("r1", step, 0.9)
        assert math.isnan(advice.p_fail)
        assert (advice.step, advice.done, advice.stop, advice.would_stop) == (step, done, False, False)
        assert (advice.withheld, advice.needed, advice.mode, advice.model) == ("no-model", 2, "shadow", "")
    assert advice.low is None


def test_failures_that_are_needed_are_counted_by_procedure() -> None:
    hall = Hall(floor(rule(model=None)))
    for number in range(3):
        hall.whole(f"r{number}", outcome="fail")
        hall.whole(f"other-{number}", outcome="fail", procedure="wheel")
        hall.whole(f"good-{number}")
    hall.start("r9")
    assert hall.step("r9", "S1").needed == NEEDED - 3


def test_a_call_gives_chance_interval_steps_costs_and_what_a_stop_saves() -> None:
    hall = _hall(**ON)
    hall.start("r1")
    assert not hall.step("r1", "S1", 0.25).would_stop
    advice = hall.step("r1", "S2", 0.95)
    assert (advice.p_fail, advice.low, advice.high) == pytest.approx((0.6, 0.5, 0.7))
    assert advice.because == pytest.approx({"S2": 0.7917, "S1": 0.2083})
    assert list(advice.because) == ["S2", "S1"]
    assert advice.saved_s == 10.0
    assert advice.cost_stop == pytest.approx(0.4 * 10 + 0.6 * 5)
    assert advice.cost_go_on == pytest.approx(10.0 + 0.6 * 5)
    assert (advice.would_stop, advice.stop, advice.withheld, advice.mode) == (True, True, "", "on")
    assert (advice.model, advice.model_version, advice.needed) == ("fails", 1, 0)


@pytest.mark.parametrize(
    ("x", "said"),
    [
        (0.4, {}),  # below the model's limit
        (0.9, {"costs": Costs(bench_hour=1.0, scrap_good=10.0)}),  # the rest of the test is cheap
        (0.9, {"costs": Costs(bench_hour=3600.0, scrap_good=1e6)}),  # a good unit is dear
    ],
)
def test_a_stop_needs_both_the_limit_and_the_costs(x: float, said: dict[str, object]) -> None:
    hall = _hall(**ON, **said)
    hall.start("r1")
    advice = hall.step("r1", "S1", x)
    assert (advice.would_stop, advice.stop, advice.withheld) == (False, False, "")


def test_bad_units_that_a_whole_test_lets_pass_speak_for_a_stop() -> None:
    hall = _hall(**ON, costs=Costs(bench_hour=0.0, scrap_good=1.0, pass_bad=1000.0, escape_share=0.01))
    hall.start("r1")
    assert hall.step("r1", "S1", 0.9).stop


def test_as_long_as_no_one_knows_what_is_to_come_nothing_is_stopped() -> None:
    hall = Hall(floor(rule(**ON), models=[Foreseer()]))
    hall.start("r1", steps=STEPS)
    advice = hall.step("r1", "S1", 0.9)
    assert (advice.saved_s, advice.cost_stop, advice.would_stop) == (None, None, False)
    assert advice.p_fail == pytest.approx(0.9)


def test_in_shadow_a_stop_is_recorded_and_told_to_no_one() -> None:
    hall = _hall()
    hall.start("r1")
    advice = hall.step("r1", "S1", 0.9)
    assert (advice.would_stop, advice.stop, advice.withheld) == (True, False, "shadow")
    run = hall.runs()[-1]
    assert (run.would_stop_at, run.stopped_at, run.saved_s) == ("S1", "", 20.0)
    assert not hall.alarms()


def test_where_it_is_off_no_model_is_asked() -> None:
    hall = _hall(Broken(), advice="off")
    hall.start("r1")
    advice = hall.step("r1", "S1", 0.9)
    assert (advice.withheld, advice.mode, advice.would_stop) == ("off", "off", False)
    assert not hall.alarms()


def test_a_person_turns_advice_on_and_off_again() -> None:
    hall = _hall()
    _switch(hall, Verb.ADVISE)
    hall.start("r1")
    assert hall.step("r1", "S1", 0.9).stop
    _switch(hall, Verb.WITHHOLD)
    hall.reload()
    hall.start("r2")
    assert hall.step("r2", "S1", 0.9).withheld == "shadow"
    assert not hall.letters()


def test_what_is_on_by_the_configuration_a_person_can_withhold() -> None:
    hall = _hall(**ON)
    _switch(hall, Verb.WITHHOLD)
    hall.start("r1")
    assert hall.step("r1", "S1", 0.9).withheld == "shadow"


@pytest.mark.parametrize("rule", ["advice:", "anomaly"])
def test_a_switch_that_names_no_procedure_is_a_dead_letter(rule: str) -> None:
    hall = _hall()
    _switch(hall, Verb.ADVISE, rule)
    assert "names no procedure" in hall.letters()[0].reason


def test_a_run_of_the_share_that_is_tested_whole_is_never_stopped() -> None:
    hall = _hall(**ON, whole_share=0.5)
    for number in range(12):
        run = f"r{number}"
        hall.start(run)
        advice = hall.step(run, "S1", 0.9)
        assert advice.would_stop
        assert (advice.stop, advice.withheld) == ((False, "control") if whole(run, 0.5) else (True, ""))
        assert hall.runs(run)[-1].control is whole(run, 0.5)
        hall.end(run, "aborted")
    assert {run.control for run in hall.runs()} == {True, False}


def _called(hall: Hall) -> dict[str, float]:
    """What runs weigh that were called after their second step and went on to the end, as far as they were let."""
    for number in range(12):
        run = f"r{number}"
        hall.start(run)
        hall.step(run, "S1", 0.1)
        assert hall.runs(run)[-1].weight == 1.0
        stop = hall.step(run, "S2", 0.9 if number < 10 else 0.1).stop
        hall.reload()
        hall.end(run, "aborted" if stop else "fail")
    return {name: hall.runs(name)[-1].weight for name in (f"r{number}" for number in range(12))}


def test_a_control_run_that_was_called_stands_for_those_that_were_stopped_in_its_stead() -> None:
    weights = _called(_hall(**ON, whole_share=0.25))
    spared = {f"r{number}" for number in range(10) if whole(f"r{number}", 0.25)}
    assert spared
    assert weights == {name: 4.0 if name in spared else 1.0 for name in weights}


def test_in_shadow_each_run_stands_for_itself() -> None:
    assert set(_called(_hall(whole_share=0.25)).values()) == {1.0}


def test_a_control_run_that_was_called_in_shadow_and_again_once_benches_were_told_was_spared() -> None:
    hall = _hall(whole_share=1.0)
    hall.start("r1")
    hall.step("r1", "S1", 0.9)
    assert not hall.state.benches["hall"].runs["r1"].spared
    _switch(hall, Verb.ADVISE)
    hall.step("r1", "S2", 0.9)
    assert hall.state.benches["hall"].runs["r1"].spared
    assert hall.runs("r1")[-1].would_stop_at == "S1"


def test_the_share_that_is_tested_whole_is_what_it_says() -> None:
    found = sum(whole(f"run-{number}", 0.05) for number in range(20_000))
    assert 0.045 < found / 20_000 < 0.055
    assert not any(whole(f"run-{number}", 0.0) for number in range(100))
    assert all(whole(f"run-{number}", 1.0) for number in range(100))


def test_a_backlog_is_called_and_told_no_stop() -> None:
    hall = _hall(**ON)
    events: list[Event] = [
        RunStarted("r1", "u", "axle", "1", "b1"),
        Measured("r1", "S1", "x", 0.9),
        StepEnded("r1", "S1"),
    ]
    hall.put(batch(1, -5000, events=events, log=LATE_LANE, late=True))
    advice = hall.advice()[-1]
    assert (advice.would_stop, advice.stop, advice.withheld) == (True, False, "late")
    assert not hall.alarms()


def test_a_stop_that_was_told_stays_told_until_the_run_is_over() -> None:
    hall = _hall(**ON)
    hall.start("r1")
    assert hall.step("r1", "S1", 0.9).stop
    again = hall.step("r1", "S2", 0.0)
    assert (again.would_stop, again.stop, again.withheld) == (False, True, "")
    hall.end("r1", "pass")
    assert not hall.step("r1", "S3").stop
    assert (hall.runs()[-1].stopped_at, hall.labels()[-1].meaning) == ("S1", "pass")


@pytest.mark.parametrize("outcome", ["aborted", "fail"])
def test_a_run_that_is_stopped_on_advice_proves_nothing(outcome: str) -> None:
    hall = _hall(Foreseer(drift=True), **ON)
    hall.start("r1")
    hall.step("r1", "S1", 0.9)
    hall.end("r1", outcome)
    run = hall.runs()[-1]
    assert (run.state, run.stopped_at, run.remarks) == (outcome, "S1", ("stopped on advice after S1",))
    assert hall.labels() == []
    assert hall.state.benches["hall"].procedures["axle"].failed == 0
    hall.start("r2")
    assert hall.step("r2", "S1", 0.0).p_fail == 0.0


def test_a_fail_that_was_tested_on_after_a_stop_was_told_counts() -> None:
    hall = _hall(**ON)
    hall.start("r1")
    hall.step("r1", "S1", 0.9)
    hall.step("r1", "S2", 0.9)
    hall.end("r1", "fail")
    assert [label.meaning for label in hall.labels()] == ["fail"]


@pytest.mark.parametrize("back_s", [0.0, 3600.0])
def test_a_clock_that_is_set_back_makes_no_outcome_of_a_stop_that_was_obeyed(back_s: float) -> None:
    hall = _hall(**ON)
    hall.start("r1")
    hall.say(StepEnded("r1", "S1", t_ns=at(hall.second + 1)))
    hall.say(Measured("r1", "S2", "x", 0.9), StepEnded("r1", "S2", t_ns=at(hall.second + 1 - back_s)))
    hall.end("r1", "fail")
    run = hall.runs()[-1]
    assert (run.stopped_at, hall.labels()) == ("S2", [])
    assert hall.state.benches["hall"].procedures["axle"].failed == 0


def test_the_step_after_a_stop_is_known_by_its_end_not_by_when_it_was_first_heard_of() -> None:
    hall = _hall(**ON)
    hall.start("r1")
    hall.say(Measured("r1", "S2", "x", 0.9))
    assert hall.step("r1", "S1", 0.9).stop
    hall.say(StepEnded("r1", "S2"))
    hall.end("r1", "fail")
    assert [label.meaning for label in hall.labels()] == ["fail"]


def test_the_outcome_of_a_run_is_a_label_that_names_who_called_it() -> None:
    hall = _hall()
    hall.whole("r1", 0.25, outcome="fail")
    (label,) = hall.labels()
    assert (label.meaning, label.run, label.who, label.device) == ("fail", "r1", TEST, "")
    assert (label.model, label.model_version) == ("fails", 1)
    assert label.to_ns - label.from_ns == at(4) - at(0)
    assert hall.runs()[-1].p_fail == 0.25


def test_an_aborted_run_is_no_label() -> None:
    hall = _hall()
    hall.whole("r1", outcome="aborted")
    assert hall.labels() == []


def test_a_stop_rings_at_its_station_until_the_run_ends() -> None:
    hall = _hall(**ON)
    hall.start("r1")
    hall.step("r1", "S1", 0.9)
    hall.step("r1", "S2", 0.9)
    hall.end("r1", "aborted")
    assert hall.steps("run-will-fail") == RISE_AND_FALL
    alarm = hall.alarms("run-will-fail")[0]
    assert (alarm.rule, alarm.device, alarm.onset_ns) == ("run-will-fail:b1", "*", hall.advice()[0].t_ns)
    assert alarm.summary == "b1: unit of r1 is expected to fail in run r1: probability 0.9 after S1, most by S1"
    assert (alarm.model, alarm.contributions) == ("fails", {"S1": 1.0})


def test_an_alarm_stays_while_another_run_of_the_station_is_to_stop() -> None:
    hall = _hall(**ON)
    for run in ("r1", "r2"):
        hall.start(run)
        hall.step(run, "S1", 0.9)
    hall.end("r1", "aborted")
    assert hall.steps("run-will-fail") == RISE_AND_FALL[:1]
    hall.end("r2", "aborted")
    assert hall.steps("run-will-fail") == RISE_AND_FALL


def test_a_model_remembers_the_whole_runs_of_a_station_and_only_those() -> None:
    hall = Hall(floor(rule(), models=[Foreseer(drift=True)]))
    hall.whole("r1", 0.25, steps=STEPS)
    hall.whole("r2", 0.75, outcome="aborted", steps=STEPS)
    hall.start("r3", steps=STEPS)
    assert hall.step("r3", "S1", 0.0).p_fail == 0.25
    hall.say(RunStarted("r4", "u", "axle", "1", "b2"), Measured("r4", "S1", "x", 0.0), StepEnded("r4", "S1"))
    assert hall.advice()[-1].p_fail == 0.0


def test_a_backlog_teaches_a_model_nothing() -> None:
    hall = Hall(floor(rule(), models=[Foreseer(drift=True)]))
    hall.start("r0")
    events: list[Event] = [
        RunStarted("r1", "u", "axle", "1", "b1"),
        Measured("r1", "S1", "x", 0.5),
        StepEnded("r1", "S1"),
        RunEnded("r1", "fail"),
    ]
    hall.put(batch(1, -5000, events=events, log=LATE_LANE, late=True))
    assert hall.step("r0", "S1", 0.0).p_fail == 0.0
    assert len(hall.labels()) == 1


def test_another_version_is_told_of_the_runs_that_the_one_before_saw() -> None:
    hall = Hall(floor(rule(), models=[Foreseer(1, drift=True), Foreseer(2, drift=True)]))
    hall.put(ModelChange("m1", "fails", 1))
    hall.whole("r1", 0.25)
    hall.whole("r2", 0.9, outcome="aborted")
    hall.whole("r3", 0.75, outcome="fail")
    for version in (2, 1, 2):
        hall.put(ModelChange(f"to {version}", "fails", version))
        hall.start(f"under-{version}-{len(hall.outcomes)}")
        advice = hall.step(hall.runs()[-1].run, "S1", 0.0)
        assert (advice.p_fail, advice.model_version) == (0.5, version)


def test_a_model_that_comes_later_is_told_of_the_runs_before_it() -> None:
    hall = Hall(floor(rule(), models=[]))
    hall.whole("r1", 0.25)
    hall.whole("r2", 0.75)
    hall.core = floor(rule(), models=[Foreseer(drift=True)])
    hall.reload()
    hall.whole("r3", 0.5)
    assert hall.advice()[-1].p_fail == 1.0
    hall.start("r4")
    assert hall.step("r4", "S1", 0.0).p_fail == 0.5


class _Anomaly(Foreseer):
    def __init__(self) -> None:
        super().__init__()
        self.task = Task.ANOMALY


class _Other(Foreseer):
    def __init__(self) -> None:
        super().__init__()
        self.channels = tuple(f"T{channel}" for channel in self.channels)


@pytest.mark.parametrize(
    ("models", "why"),
    [
        ([Broken()], "version 1: it fails: ValueError: no memory left"),
        ([Silent()], "version 1: it gives no number where it should"),
        ([_Anomaly()], "version 1: it answers another question: its task is anomaly, not outcome"),
        ([_Other()], "version 1: it knows none of the 3 columns of this run"),
    ],
)
def test_a_model_that_cannot_say_rings_and_benches_go_on(models: list[Foreseer], why: str) -> None:
    hall = Hall(floor(rule(**ON), models=models)).practised()
    hall.start("r1")
    advice = hall.step("r1", "S1", 0.9)
    assert (advice.withheld, advice.stop, advice.needed) == ("no-model", False, NEEDED)
    (alarm,) = (a for a in hall.state.edges["hall"].alarms.values() if a.rule == "model:fails")
    assert alarm.summary == f"edge hall: model fails does not call runs of axle, benches are told to go on: {why}"


def test_a_model_that_is_yet_to_be_trained_rings_when_there_are_failures_enough() -> None:
    hall = Hall(floor(rule(**ON, needed_failures=2)))
    hall.whole("r1", outcome="fail")
    hall.start("r2")
    assert (hall.step("r2", "S1").needed, hall.alarms()) == (1, [])
    hall.end("r2", "fail")
    hall.start("r3")
    assert (hall.step("r3", "S1").needed, hall.steps("model:fails")) == (0, ["unacknowledged"])
    assert hall.alarms("model:fails")[0].summary.endswith("benches are told to go on: the registry has no such model")


def test_where_a_version_fails_the_one_before_it_calls_and_an_alarm_says_so_until_one_works() -> None:
    hall = Hall(floor(rule(**ON), models=[Foreseer(1), Broken(2), Foreseer(3)]))
    hall.put(ModelChange("m1", "fails", 1))
    hall.practised()
    hall.put(ModelChange("m2", "fails", 2))
    hall.start("r1")
    advice = hall.step("r1", "S1", 0.9)
    assert (advice.model_version, advice.stop) == (1, True)
    hall.put(ModelChange("m3", "fails", 3))
    assert hall.step("r1", "S2", 0.9).model_version == 3
    assert hall.steps("model:fails") == RISE_AND_FALL
    assert RULES["model-of-runs"].summary.startswith("{device}")
    assert hall.alarms("model:fails")[0].summary == (
        "edge hall: model fails does not call runs of axle, version 1 does: "
        "version 2: it fails: ValueError: no memory left"
    )


def test_nothing_measured_is_no_failure_of_the_model() -> None:
    hall = _hall(Silent())
    hall.outcomes.clear()
    hall.state.edges["hall"].alarms.clear()
    hall.start("r1")
    hall.say(StepEnded("r1", "S1", duration_s=NAN))
    assert hall.advice()[-1].withheld == "no-model"
    assert not hall.alarms()


def test_several_steps_in_one_batch_each_get_their_advice() -> None:
    apart, together = _hall(**ON), _hall(**ON)
    events = [RunStarted("r1", "u", "axle", "1", "b1", t_ns=at(90))]
    later = [e for s in STEPS for e in (Measured("r1", s, "x", 0.9, t_ns=at(91)), StepEnded("r1", s, t_ns=at(92)))]
    for event in [*events, *later]:
        apart.say(event, after=0)
    together.say(*events, *later, after=0)
    shown = [(a.step, a.p_fail, a.stop) for a in together.advice()]
    assert shown == [(a.step, a.p_fail, a.stop) for a in apart.advice()]
    assert len(shown) == 3


def test_devices_of_the_same_edge_are_watched_as_before() -> None:
    hall = _hall()
    hall.seq += 1
    made = [frame("pump-1", [70], [20.0])]
    came = hall.put(batch(hall.seq, 80, made, [RunStarted("r1", "u", "axle", "1", "b1")]))
    assert {type(outcome).__name__ for outcome in came} == {"Run", "Liveness"}
    assert not [outcome for outcome in came if isinstance(outcome, Alarm)]


def test_costs_have_defaults_that_do_not_stop_for_nothing() -> None:
    assert Costs() != COSTS
    hall = Hall(floor(rule(advice="on", costs=None), models=[Foreseer()])).practised()
    hall.start("r1")
    assert not hall.step("r1", "S1", 0.9).would_stop
