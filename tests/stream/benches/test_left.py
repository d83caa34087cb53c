"""A run that broke off is not beside the next one on its station, once it is known how long steps take."""

from stream.benches.habits import ENOUGH
from tests.stream.benches.bench import STEPS, Hall, floor, rule
from wire.messages import RunStarted, StepEnded

MINUTE = 60.0
BESIDE = "on its station at the same time as run r2"


def _practised(count: int = ENOUGH, pause: float = 30.0) -> Hall:
    """A hall whose steps take so long."""
    hall = Hall(floor(rule()))
    for number in range(count):
        hall.start(f"before-{number}")
        for step in STEPS:
            hall.say(StepEnded(f"before-{number}", step, station="b1"), after=pause)
        hall.end(f"before-{number}")
    return hall


def _next(hall: Hall, after: float) -> None:
    hall.say(RunStarted("r2", "another", "axle", "1", "b1"), after=after)


def test_a_run_that_was_left_is_given_up_when_its_station_begins_another() -> None:
    hall = _practised()
    hall.start("r1")
    _next(hall, 2 * MINUTE)
    left, begun = hall.runs("r1")[-1], hall.runs("r2")[-1]
    assert (left.state, begun.state, begun.remarks) == ("broken-off", "running", ())
    assert left.remarks == ("given up: nothing was heard of it for 2 min, and then of run r2 on its station",)
    assert left.ended_ns == begun.started_ns


def test_a_pause_that_its_steps_may_take_means_nothing_and_both_are_said_to_overlap() -> None:
    hall = _practised()
    hall.start("r1")
    _next(hall, 1.4 * MINUTE)
    assert (hall.runs("r1")[-1].state, hall.remarks("r1")) == ("running", (BESIDE,))
    slow = _practised(pause=10 * MINUTE)
    slow.start("r1")
    _next(slow, 20 * MINUTE)
    assert slow.remarks("r1") == (BESIDE,)


def test_one_long_break_lets_every_run_wait_as_long() -> None:
    hall = _practised()
    hall.start("long")
    hall.say(StepEnded("long", "S1", station="b1"), after=60 * MINUTE)
    hall.end("long")
    hall.start("r1")
    _next(hall, 50 * MINUTE)
    assert hall.remarks("r1") == (BESIDE,)


def test_nobody_knows_how_long_steps_take_before_enough_runs_ended() -> None:
    hall = _practised(ENOUGH - 1)
    hall.start("r1")
    _next(hall, 60 * MINUTE)
    assert hall.remarks("r1") == (BESIDE,)


def test_a_run_that_goes_on_after_all_is_beside_the_other_from_then_on() -> None:
    hall = _practised()
    hall.start("r1")
    _next(hall, 2 * MINUTE)
    hall.step("r1", "S1")
    gone_on = hall.runs("r1")[-1]
    assert gone_on.state == "running"
    assert gone_on.remarks[1].startswith("goes on though it was given up")
    assert gone_on.remarks[2:] == (BESIDE,)
    hall.end("r1")
    assert hall.runs("r1")[-1].state == "pass"


def test_the_end_of_a_run_that_was_left_says_nothing_of_the_one_that_is_tested_now() -> None:
    hall = _practised()
    hall.start("r1")
    _next(hall, 2 * MINUTE)
    hall.end("r1", "aborted")
    assert hall.runs("r1")[-1].state == "aborted"
    assert hall.remarks("r2") == ()
