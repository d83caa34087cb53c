"""After the last step there is nothing left to stop: the outcome that comes is the best evidence there is."""

from stream.benches.ending import TEST
from tests.stream.benches.bench import STEPS, Foreseer, Hall, floor, rule
from wire.config import Costs

COSTS = Costs(bench_hour=3600.0, scrap_good=1.0, pass_bad=1000.0, escape_share=0.5)


def test_no_stop_is_told_after_the_last_step_and_the_fail_that_follows_is_a_label() -> None:
    hall = Hall(floor(rule(advice="on", costs=COSTS), models=(Foreseer(limit=0.3),))).practised()
    hall.start("r1")
    said = [hall.step("r1", step, 0.0 if step != STEPS[-1] else 0.99) for step in STEPS]
    assert (said[-1].p_fail > 0.3, said[-1].saved_s) == (True, 0.0)
    assert not any(advice.stop or advice.would_stop for advice in said)
    hall.end("r1", "fail")
    assert [(label.run, label.meaning, label.who) for label in hall.labels()][-1] == ("r1", "fail", TEST)


def test_before_it_the_same_values_are_a_stop() -> None:
    hall = Hall(floor(rule(advice="on", costs=COSTS), models=(Foreseer(),))).practised()
    hall.start("r1")
    assert hall.step("r1", STEPS[0], 0.99).stop
