"""Whatever is irregular about a run is stored and named, and nothing is guessed over."""

import msgspec
import pytest

from stream.benches.run import MOST_COLUMNS, MOST_NAME, MOST_REMARKS, MOST_STEPS
from tests.stream.benches.bench import STEPS, Hall, at, floor, rows, rule
from tests.stream.plant import LATE_LANE, S, batch
from wire.config import HOUR_NS
from wire.messages import Event, Measured, RunEnded, RunStarted, Step, StepEnded

HOUR = 3600.0


def _hall(**said: object) -> Hall:
    return Hall(floor(rule(**said)))


def test_a_run_is_told_at_its_start_and_at_its_end_with_its_row_and_steps() -> None:
    hall = _hall()
    hall.whole("r1", 0.25, operator="anna", steps=STEPS)
    first, last = hall.runs()
    assert (first.state, first.change, first.row, first.operator) == ("running", 1, {}, "anna")
    assert (last.state, last.change, last.unit, last.station, last.version) == ("pass", 2, "unit of r1", "b1", "1")
    assert rows(last) == {f"{step}/{name}": 0.25 for step in STEPS for name in ("x", "x.margin")}
    assert {last.row[f"{step}/.seconds"] for step in STEPS} == {10.0}
    assert last.steps == tuple(Step(step, at(2 + number), 10.0, 1) for number, step in enumerate(STEPS))
    assert (last.started_ns, last.ended_ns, last.remarks) == (at(1), at(5), ())


def test_sensor_times_are_kept_where_a_bench_gives_them() -> None:
    hall = _hall()
    hall.say(RunStarted("r1", "u", "axle", "1", "b1", t_ns=at(-50)), StepEnded("r1", "S1", t_ns=at(-42)))
    hall.say(RunEnded("r1", "pass", t_ns=at(-40)))
    run = hall.runs()[-1]
    assert (run.started_ns, run.ended_ns) == (at(-50), at(-40))
    assert (run.steps[0].duration_s, run.row["S1/.seconds"]) == (8.0, 8.0)


def test_what_comes_before_the_start_is_kept_and_named() -> None:
    hall = _hall()
    hall.step("r1", "S1", 0.5)
    hall.start("r1")
    hall.end("r1")
    assert hall.remarks() == ("begins without its start: S1/x was measured came first",)
    assert hall.runs()[-1].unit == "unit of r1"
    assert rows(hall.runs()[-1])["S1/x"] == 0.5


def test_a_run_without_a_start_takes_its_station_from_what_comes_and_says_so_at_its_end() -> None:
    hall = _hall()
    hall.step("r1", "S1")
    hall.end("r1", "fail")
    run = hall.runs()[-1]
    assert (run.station, run.state, run.unit) == ("b1", "fail", "")
    assert "no start of it was heard" in run.remarks


def test_a_start_that_comes_after_the_end_is_named() -> None:
    hall = _hall()
    hall.step("r1", "S1")
    hall.end("r1")
    hall.start("r1")
    assert "its start came after its end" in hall.remarks()
    assert (hall.runs()[-1].state, hall.runs()[-1].unit) == ("pass", "unit of r1")


def test_what_comes_after_the_end_is_named_and_fills_only_what_is_empty() -> None:
    hall = _hall()
    hall.whole("r1", 0.25)
    hall.say(Measured("r1", "S1", "x", 9.0), Measured("r1", "S1", "y", 3.0))
    assert hall.step("r1", "S9", 0.5).withheld == "over"
    run = hall.runs()[-1]
    assert run.remarks[:2] == ("S1/x was measured after its end", "S1 was measured again")
    assert "S9 ended after its end" in run.remarks
    assert (run.state, run.row["S1/x"], run.row["S1/y"], run.row["S9/x"]) == ("pass", 0.25, 3.0, 0.5)


def test_the_end_of_a_run_of_which_nothing_is_known_is_a_dead_letter() -> None:
    hall = _hall()
    hall.end("r7")
    assert [letter.reason for letter in hall.letters()] == [
        "run r7 ends, but nothing is known of it: its start or a step has to come first"
    ]
    assert msgspec.json.decode(hall.letters()[0].body)["outcome"] == "pass"
    assert not hall.runs()


def test_a_second_start_changes_nothing_and_is_named() -> None:
    hall = _hall()
    hall.start("r1")
    hall.start("r1")
    assert hall.remarks() == ("started twice",)
    hall.end("r1")
    hall.say(RunStarted("r1", "unit of r1", "axle", "1", "b1", t_ns=at(1)))
    assert hall.remarks() == ("started twice", "started again after its end")
    assert hall.runs()[-1].state == "pass"


@pytest.mark.parametrize("over", [True, False])
def test_a_name_that_is_given_to_another_unit_ends_the_run_and_what_comes_after_is_kept_apart(*, over: bool) -> None:
    hall = _hall()
    hall.start("1", unit="u1")
    hall.step("1", "S1", 0.25)
    if over:
        hall.end("1", "fail")
    hall.start("1", unit="u2")
    told = len(hall.advice())
    hall.say(Measured("1", "S2", "x", 9.0), StepEnded("1", "S2"), RunEnded("1", "pass"))
    run = hall.runs()[-1]
    assert (run.unit, run.state, rows(run)) == (
        "u1",
        "fail" if over else "broken-off",
        {"S1/x": 0.25, "S1/x.margin": 0.25},
    )
    assert run.remarks == ("its name was given again, to u2: what came after that is dead letters",)
    reason = "run 1 was started again as another: a run's name is given once"
    assert [letter.reason for letter in hall.letters()] == [reason] * 3
    assert len(hall.advice()) == told


def test_a_unit_that_is_tested_again_under_the_name_of_its_ended_run_is_another_run() -> None:
    hall = _hall()
    hall.whole("1", unit="u1", outcome="fail")
    hall.whole("1", unit="u1")
    assert hall.runs()[-1].state == "fail"
    assert len(hall.labels()) == 1
    assert len(hall.letters()) == 7


def test_a_second_end_changes_nothing_and_is_named() -> None:
    hall = _hall()
    hall.whole("r1")
    hall.end("r1")
    hall.end("r1", "fail")
    assert hall.remarks() == ("ended twice", "ended twice, as pass and then as fail: the first word stands")
    assert len(hall.labels()) == 1


def test_a_step_that_is_measured_again_or_ends_twice_is_named_and_the_last_value_stands() -> None:
    hall = _hall()
    hall.start("r1")
    hall.step("r1", "S1", 0.25)
    hall.step("r1", "S1", 0.75, seconds=4.0)
    hall.say(Measured("r1", "S1", "z", 1.0))
    hall.end("r1")
    assert hall.remarks() == ("S1 was measured again", "S1 ended twice", "S1/z was measured after that step ended")
    run = hall.runs()[-1]
    assert (run.row["S1/x"], run.row["S1/.seconds"], run.steps[0].measured) == (0.75, 4.0, 3)


@pytest.mark.parametrize("said", [{"steps": STEPS}, {}])
def test_steps_out_of_order_or_not_planned_are_named(said: dict[str, object]) -> None:
    hall = _hall(**({} if said else {"steps": STEPS}))
    hall.start("r1", **said)
    for step in ("S2", "S1", "S3", "S3X"):
        hall.step("r1", step)
    hall.end("r1")
    assert hall.remarks() == ("S1 ended out of the planned order, after S2", "S3X is a step that is not planned")


def test_planned_steps_that_a_pass_lacks_are_named() -> None:
    hall = _hall(steps=STEPS)
    hall.start("r1")
    hall.step("r1", "S2")
    hall.end("r1")
    assert hall.remarks() == ("planned steps are missing: S1, S3",)


def test_a_fail_may_end_a_test_early_but_not_leave_out_a_step_before() -> None:
    hall = _hall(steps=STEPS)
    hall.start("r1")
    hall.step("r1", "S2")
    hall.end("r1", "fail")
    assert hall.remarks() == ("planned steps are missing: S1",)


def test_where_no_one_says_the_steps_those_that_are_usual_are_missed_and_others_are_extra() -> None:
    hall = _hall().practised()
    hall.start("r1")
    for step in ("S1", "S2", "S2X"):
        hall.step("r1", step)
    hall.end("r1")
    assert hall.remarks() == ("S2X is a step that is not planned", "usual steps are missing: S3")


def test_another_version_of_the_procedure_on_a_station_is_named_once() -> None:
    hall = _hall()
    hall.whole("r1", version="1")
    hall.whole("r2", version="1")
    hall.whole("r3", version="2")
    hall.whole("r4", version="2")
    assert hall.remarks("r3") == ("version 2 of axle, after version 1 on this station",)
    assert hall.remarks("r2") == hall.remarks("r4") == ()


def test_a_retest_is_named_whether_it_is_said_or_not() -> None:
    hall = _hall()
    hall.whole("r1", unit="u1", outcome="fail")
    hall.whole("r2", unit="u1", retest_of="r1")
    hall.whole("r3", unit="u1")
    hall.whole("r4", unit="u9", retest_of="r1")
    assert hall.remarks("r2") == ("retest of r1",)
    assert hall.remarks("r3") == ("u1 was tested before, in run r2: this is not said to be a retest",)
    assert hall.remarks("r4")[1] == "said to be a retest of r1, which tested another unit: u1"


def test_two_runs_at_once_on_one_station_are_both_told() -> None:
    hall = _hall()
    hall.start("r1")
    hall.start("r2")
    hall.start("r3", station="b2")
    assert hall.remarks("r1") == ("on its station at the same time as run r2",)
    assert hall.remarks("r2") == ("on its station at the same time as run r1",)
    assert hall.remarks("r3") == ()


def test_what_another_station_says_under_the_name_of_a_run_is_kept_apart() -> None:
    hall = _hall()
    hall.start("1", station="b1", unit="u1")
    hall.step("1", "S1", 0.25)
    hall.start("1", station="b2", unit="u2")
    hall.say(Measured("1", "S1", "x", 9.0, station="b2"), Measured("1", "S2", "x", 9.0, station="b2"))
    hall.say(StepEnded("1", "S2", station="b2"), RunEnded("1", "fail", station="b2"))
    hall.end("1")
    hall.say(Measured("1", "S3", "x", 9.0, station="b2"))
    assert hall.remarks("1") == ("something under its name came from station b2: it is a dead letter, and not in here",)
    run = hall.runs()[-1]
    assert (run.state, run.unit, rows(run)) == ("pass", "u1", {"S1/x": 0.25, "S1/x.margin": 0.25})
    assert {letter.reason for letter in hall.letters()} == {
        "run 1 is on station b1, this came from b2: a run's name is given once"
    }
    assert len(hall.letters()) == 6


def test_a_pass_with_a_value_out_of_its_limits_is_named() -> None:
    hall = _hall()
    hall.whole("r1", 1.5)
    assert hall.remarks() == ("passed although out of limits: S1/x, S2/x, S3/x",)


def test_a_step_cannot_take_less_than_no_time() -> None:
    hall = _hall()
    hall.start("r1")
    hall.step("r1", "S1", seconds=-3.0)
    hall.end("r1")
    assert hall.remarks() == ("S1 is said to have taken -3 s",)
    assert "S1/.seconds" not in hall.runs()[-1].row


def test_a_run_of_which_nothing_is_heard_is_broken_off_on_the_input_clock() -> None:
    hall = _hall(broken_off_after_ns=HOUR_NS)
    hall.start("r1")
    hall.step("r1", "S1")
    hall.say(after=HOUR - 1)
    assert hall.runs()[-1].state == "running"
    hall.say(after=1)
    run = hall.runs()[-1]
    assert (run.state, run.ended_ns) == ("broken-off", at(2 + HOUR))
    assert run.remarks == ("nothing was heard of it for 1 h",)
    assert (rows(run)["S1/x"], hall.labels()) == (0.0, [])


def test_a_run_that_was_given_up_may_go_on_and_says_so() -> None:
    hall = _hall(broken_off_after_ns=HOUR_NS)
    hall.start("r1")
    hall.say(after=HOUR)
    hall.step("r1", "S1")
    hall.end("r1", "fail")
    assert [run.state for run in hall.runs()] == ["running", "broken-off", "running", "fail"]
    assert hall.remarks()[1].startswith("goes on though it was given up at 2023-11-14 23:13:21")


def test_text_is_counted_and_not_in_the_row() -> None:
    hall = _hall()
    hall.start("r1")
    hall.say(Measured("r1", "S1", "firmware", "4.2"), Measured("r1", "S1", "ok", value=True))
    hall.end("r1")
    run = hall.runs()[-1]
    assert (run.row, run.steps) == ({"S1/ok": 1.0}, (Step("S1", measured=2),))


def test_a_row_and_steps_and_remarks_have_bounds_that_are_said() -> None:
    hall = _hall()
    hall.start("r1")
    hall.say(*(Measured("r1", f"S{n}", "x", 1.0) for n in range(MOST_STEPS + 9)))
    hall.say(*(Measured("r1", "S1", f"y{n}", 1.0) for n in range(MOST_COLUMNS)))
    run = hall.runs()[-1]
    assert len(run.remarks) == 2
    assert "steps" in run.remarks[0]
    assert "more was measured" in run.remarks[1]
    hall.say(*(StepEnded("r1", f"S{n}", duration_s=-1.0) for n in range(MOST_REMARKS + 9)))
    hall.end("r1")
    run = hall.runs()[-1]
    assert (len(run.steps), len(run.row), len(run.remarks)) == (MOST_STEPS, MOST_COLUMNS, MOST_REMARKS)
    assert run.remarks[-1].startswith("more was irregular")


@pytest.mark.parametrize(
    "event",
    [
        RunStarted("r" * (MOST_NAME + 1), "u", "p", "1", "b"),
        RunStarted("r", "u", "p", "1", "b", steps=("S" * (MOST_NAME + 1),)),
        Measured("r", "", "x", 1.0),
        StepEnded("", "S1"),
        StepEnded("r", "S1\x1b[2J"),
        Measured("r", "S1", "  ", 1.0),
        RunStarted("r", "u", "p", "1", "b", steps=("S\n1",)),
    ],
)
def test_names_that_no_one_would_give_are_dead_letters(event: RunStarted | Measured | StepEnded) -> None:
    hall = _hall()
    hall.say(event)
    assert len(hall.letters()) == 1
    assert not hall.runs()


def test_a_backlog_is_taken_into_its_runs_beside_those_of_now() -> None:
    hall = _hall()
    hall.start("r2")
    events: list[Event] = [RunStarted("r1", "u", "axle", "0", "b1"), StepEnded("r1", "S1"), RunEnded("r1", "pass")]
    hall.put(batch(1, -5000, events=events, log=LATE_LANE, late=True))
    assert hall.remarks("r1") == hall.remarks("r2") == ()
    run = hall.runs("r1")[-1]
    assert (run.state, run.started_ns) == ("pass", at(-5000))
    assert hall.state.edges["hall"].clock_ns == at(0) + S
    assert len(hall.labels()) == 1
