"""A candidate is asked after each step beside the champion: it is kept, told to nobody, rings and changes nothing."""

import msgspec
import pytest

from models.contract import Detector
from tests.stream.benches.bench import STEPS, Broken, Foreseer, Hall, Silent, at, floor, rule
from tests.stream.benches.shift import benches, shift
from tests.stream.plant import LATE_LANE, batch, encoded
from wire.messages import (
    Action,
    Advice,
    Candidate,
    Measured,
    ModelChange,
    Outcome,
    Run,
    RunEnded,
    RunStarted,
    StepEnded,
    Verb,
)

REFUSED = "model-refused:fails:candidate"


def _hall(*models: Detector, **said: object) -> Hall:
    """Version 1 is in force, version 2 is tried."""
    hall = Hall(floor(rule(**said), models=models)).practised()
    _change(hall, 1, "champion")
    _change(hall, 2)
    return hall


def _change(hall: Hall, version: int, role: str = "candidate") -> None:
    hall.put(ModelChange(f"{role}-{version}-{len(hall.outcomes)}", "fails", version, role=role))  # type: ignore[arg-type] # one of two


def _words(hall: Hall, role: str = "candidate") -> list[Advice]:
    return [advice for advice in hall.advice() if advice.role == role]


def _without(outcomes: list[Outcome]) -> list[Outcome]:
    """What is left where the candidate's words are taken out."""
    said = [o for o in outcomes if not (isinstance(o, Advice) and o.role == "candidate")]
    return [msgspec.structs.replace(o, candidate=None) if isinstance(o, Run) else o for o in said]


def _played(tried: int) -> list[Outcome]:
    core = benches()
    items = shift(1, tried=bool(tried))
    return list(core.step(core.cold(), list(enumerate(items)))[1].outcomes)


def test_a_candidate_is_asked_after_each_step_and_its_word_follows_the_champions() -> None:
    hall = _hall(Foreseer(1, limit=0.95), Foreseer(2, limit=0.3), advice="on")
    hall.start("r1")
    for step in STEPS:
        hall.say(Measured("r1", step, "x", 0.9), StepEnded("r1", step, duration_s=10.0))
    assert [(a.step, a.role, a.model_version) for a in hall.advice()] == [
        (step, role, version) for step in STEPS for role, version in (("champion", 1), ("candidate", 2))
    ]
    first = _words(hall)[0]
    assert first.p_fail == pytest.approx(0.9)
    assert (first.would_stop, first.stop, first.withheld) == (True, False, "candidate")
    assert (first.mode, first.saved_s, first.because) == ("on", 20.0, {"S1": 1.0})
    assert not any(advice.would_stop for advice in _words(hall, "champion"))


def test_a_candidate_that_would_stop_rings_nothing_and_is_in_the_run_apart() -> None:
    hall = _hall(Foreseer(1, limit=0.95), Foreseer(2, limit=0.3), advice="on")
    hall.whole("r1", 0.9, outcome="fail")
    run = hall.runs("r1")[-1]
    assert (run.would_stop_at, run.stopped_at, run.saved_s, run.model_version) == ("", "", None, 1)
    assert run.candidate == Candidate(2, _words(hall)[-1].p_fail, "S1", 20.0, throughout=True)
    assert [label.model_version for label in hall.labels()] == [1]
    assert not hall.alarms()


def test_a_whole_shift_is_told_bit_for_bit_as_without_candidates() -> None:
    with_, without = _played(1), _played(0)
    assert sum(isinstance(each, Advice) and each.role == "candidate" for each in with_) > 100
    assert encoded(_without(with_)) == encoded(without)


def test_a_candidate_remembers_a_station_in_a_memory_of_its_own_also_over_a_restart_and_its_promotion() -> None:
    hall = Hall(floor(rule(), models=[Foreseer(1, drift=True), Foreseer(2, drift=True)]))
    _change(hall, 1, "champion")
    hall.whole("r1", 0.25)
    _change(hall, 2)
    hall.whole("r2", 0.75, outcome="fail")
    hall.reload()
    hall.start("r3")
    hall.step("r3", "S1", 0.0)
    assert [(a.role, a.p_fail) for a in hall.advice()[-2:]] == [("champion", 0.5), ("candidate", 0.5)]
    station = hall.state.benches["hall"].stations["b1"]
    assert (station.memories["axle"].version, station.tried["axle"].version) == (1, 2)
    _change(hall, 2, "champion")
    _change(hall, 0)
    assert hall.step("r3", "S2", 0.0).p_fail == 0.5
    hall.end("r3")
    station = hall.state.benches["hall"].stations["b1"]
    assert (station.memories["axle"].version, station.tried) == (2, {})


def test_what_an_outage_held_back_is_shown_to_a_candidate_and_teaches_it_nothing() -> None:
    hall = _hall(Foreseer(1, drift=True), Foreseer(2, drift=True))
    events = (RunStarted("r1", "u", "axle", "1", "b1"), Measured("r1", "S1", "x", 0.75), StepEnded("r1", "S1"))
    hall.put(batch(1, -5000, events=(*events, RunEnded("r1", "fail")), log=LATE_LANE, late=True))
    assert [advice.p_fail for advice in _words(hall)] == [0.75]
    hall.start("r2")
    hall.step("r2", "S1", 0.0)
    assert _words(hall)[-1].p_fail == 0.0


def test_after_the_end_and_where_advice_is_off_no_candidate_is_asked() -> None:
    hall = _hall(Foreseer(1), Foreseer(2))
    hall.whole("r1")
    hall.outcomes.clear()
    hall.step("r1", "S3")
    assert _words(hall) == []
    off = _hall(Foreseer(1), Broken(2), advice="off")
    off.whole("r1")
    assert (_words(off), off.alarms()) == ([], [])


@pytest.mark.parametrize(
    ("candidate", "why"),
    [
        (Broken(2), "it fails: ValueError: no memory left"),
        (Silent(2), "it gives no number where it should"),
    ],
)
def test_a_candidate_that_fails_is_said_once_and_benches_go_on(candidate: Detector, why: str) -> None:
    hall = _hall(Foreseer(1), candidate, Foreseer(3), advice="on")
    for run in ("r1", "r2"):
        hall.start(run)
        assert hall.step(run, "S1", 0.9).stop
        hall.end(run, "aborted")
    assert (_words(hall), hall.steps(REFUSED)) == ([], ["unacknowledged"])
    assert hall.alarms(REFUSED)[0].summary == (
        f"edge hall: model fails version 2 (candidate) is not put to work, version 1 goes on: in run r1 after S1 {why}"
    )
    assert not hall.alarms("model:fails")
    _change(hall, 3)
    assert hall.steps(REFUSED) == ["unacknowledged", "returned-unacknowledged"]


def test_a_run_says_whether_the_candidate_was_asked_throughout() -> None:
    hall = _hall(Foreseer(1), Foreseer(2), Foreseer(3))
    hall.start("whole")
    hall.start("late")
    _change(hall, 0)
    hall.step("late", "S1")
    _change(hall, 2)
    hall.step("whole", "S1")
    hall.step("late", "S2")
    assert _told(hall) == {"whole": (2, True), "late": (2, False)}
    _change(hall, 3)
    hall.start("next")
    hall.step("next", "S1")
    hall.step("whole", "S2")
    assert _told(hall) == {"whole": (3, False), "late": (2, False), "next": (3, True)}
    _change(hall, 0)
    hall.step("next", "S2")
    assert _told(hall)["next"] == (3, False)


def test_a_candidate_that_was_heard_beside_two_champions_was_beside_neither_throughout() -> None:
    hall = _hall(Foreseer(1), Foreseer(2), Foreseer(3))
    hall.start("r1")
    hall.step("r1", "S1")
    _change(hall, 3, "champion")
    hall.step("r1", "S2")
    assert _told(hall) == {"r1": (2, False)}


def _told(hall: Hall) -> dict[str, tuple[int, bool]]:
    runs = {name: run.candidate for name, run in hall.state.benches["hall"].runs.items()}
    return {name: (known.version, known.throughout) for name, known in runs.items() if known and "before" not in name}


def test_a_candidate_says_the_same_whether_benches_are_told_or_not() -> None:
    shadow, told = (_hall(Foreseer(1), Foreseer(2, limit=0.3)) for _ in range(2))
    told.put(Action("a", "hall", "*", "advice:axle", Verb.ADVISE, "anna", at_ns=at(0)))
    for hall in (shadow, told):
        hall.start("r1")
        hall.step("r1", "S1", 0.9)
    assert [(a.p_fail, a.would_stop, a.stop) for a in _words(shadow)] == [
        (a.p_fail, a.would_stop, a.stop) for a in _words(told)
    ]
    assert (_words(shadow)[0].mode, _words(told)[0].mode) == ("shadow", "on")
