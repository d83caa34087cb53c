import msgspec
import numpy as np
import pytest

from tests.console.fakes import Plant
from tocsin.keeping.spans import NOBODY, ODD, OUT, USUAL, held, painted, spans, used
from wire.messages import AlarmState, Label, Meaning, Origin

ORIGIN = Origin("edge-1", "labelled", 0)


def label(name: str, meaning: Meaning, begin: int, end: int, *, at: int = 0, alarm: str = "", gone: str = "") -> Label:
    return Label(
        name, ORIGIN, "edge-1", meaning, begin, end, "ana", at, device="pump-1", alarm=alarm, withdrawn_by=gone
    )


def taken(plant: Plant, *labels: Label, end: int = 100) -> list[int]:
    found = spans(plant.alarms(device="pump-1"), labels, end_ns=end, history=plant.history)
    return [int(each) for each in painted(np.arange(0, 100, 10), found)]


def test_rows_under_an_alarm_that_nobody_judged_are_left_out_until_its_condition_ended() -> None:
    plant = Plant(now_ns=20)
    plant.ring("pump-1", onset_ns=20)
    assert taken(plant) == [USUAL] * 2 + [OUT] * 8
    plant.now_ns = 50
    plant.ring("pump-1", state=AlarmState.RETURNED)
    plant.now_ns = 90
    plant.ring("pump-1", state=AlarmState.NORMAL)
    assert taken(plant) == [USUAL] * 2 + [OUT] * 4 + [USUAL] * 4


@pytest.mark.parametrize(("meaning", "expected"), [("anomaly", ODD), ("maintenance", OUT), ("normal", USUAL)], ids=str)
def test_a_verdict_decides_what_rows_of_its_alarm_are_taken_for(meaning: Meaning, expected: int) -> None:
    plant = Plant(now_ns=20)
    alarm = plant.ring("pump-1", onset_ns=20)
    plant.now_ns = 50
    plant.ring("pump-1", state=AlarmState.RETURNED)
    found = taken(plant, label("l1", meaning, 20, 50, alarm=alarm.id))
    assert found == [USUAL] * 2 + [expected] * 4 + [USUAL] * 4


def test_an_alarm_that_came_and_went_leaves_out_the_rows_in_which_it_stood() -> None:
    plant = Plant(now_ns=10)
    plant.ring("pump-1", onset_ns=10)
    for now_ns, state in ((30, AlarmState.RETURNED), (60, AlarmState.UNACKNOWLEDGED), (70, AlarmState.RETURNED)):
        plant.now_ns = now_ns
        alarm = plant.ring("pump-1", state=state)
    assert taken(plant) == [USUAL, OUT, OUT, OUT, USUAL, USUAL, OUT, OUT, USUAL, USUAL]
    judged = label("l1", "anomaly", 10, 65, alarm=alarm.id)
    assert taken(plant, judged) == [USUAL, ODD, ODD, ODD, USUAL, USUAL, ODD, ODD, USUAL, USUAL]


def test_a_verdict_on_an_alarm_that_stands_on_decides_until_somebody_says_something_else() -> None:
    plant = Plant(now_ns=20)
    alarm = plant.ring("pump-1", onset_ns=20)
    true = label("l1", "anomaly", 20, 30, at=1, alarm=alarm.id)
    assert taken(plant, true) == [USUAL] * 2 + [ODD] * 8
    repaired = label("l2", "normal", 60, 80, at=2)
    assert taken(plant, true, repaired) == [USUAL] * 2 + [ODD] * 4 + [USUAL] * 4


def test_the_newest_word_counts_and_a_withdrawn_one_does_not() -> None:
    old, new = label("l1", "anomaly", 0, 90, at=1), label("l2", "normal", 30, 60, at=2)
    assert taken(Plant(), new, old) == [ODD] * 3 + [USUAL] * 4 + [ODD] * 3
    assert taken(Plant(), label("l1", "anomaly", 0, 90, gone="bea")) == [USUAL] * 10


def test_the_gate_holds_to_the_first_word_until_its_author_takes_it_back() -> None:
    def said(*labels: Label) -> list[int]:
        found = spans([], labels, end_ns=100, history=lambda _: [])
        return [int(each) for each in held(np.arange(0, 100, 10), found)]

    first = label("l1", "anomaly", 0, 40, at=1)
    turned = msgspec.structs.replace(label("l2", "normal", 0, 60, at=2), who="bea")
    assert said(first, turned) == [ODD] * 5 + [USUAL] * 2 + [NOBODY] * 3
    gone = msgspec.structs.replace(first, withdrawn_by="bea")
    assert said(gone, turned) == [ODD] * 5 + [USUAL] * 2 + [NOBODY] * 3
    assert taken(Plant(), gone, turned) == [USUAL] * 10
    by_herself = msgspec.structs.replace(first, withdrawn_by="ana")
    assert said(by_herself, turned) == [USUAL] * 7 + [NOBODY] * 3
    assert said(first, label("l3", "normal", 20, 40, at=3)) == [ODD] * 2 + [USUAL] * 3 + [NOBODY] * 5


def test_alarms_of_other_rules_and_labels_of_runs_say_nothing_of_rows() -> None:
    plant = Plant(now_ns=20)
    plant.ring("pump-1", "silent", onset_ns=20)
    assert taken(plant, label("l1", "pass", 0, 90)) == [USUAL] * 10


@pytest.mark.parametrize("rule", ["model-drift:pump", "model", "silent", "conflict"])
def test_a_verdict_on_an_alarm_that_speaks_of_no_machine_says_nothing_of_rows(rule: str) -> None:
    plant = Plant(now_ns=20)
    alarm = plant.ring("pump-1", rule, onset_ns=20)
    assert taken(plant, label("l1", "anomaly", 20, 90, alarm=alarm.id)) == [USUAL] * 10
    assert taken(plant, label("l1", "normal", 20, 90, alarm=alarm.id)) == [USUAL] * 10
    assert taken(plant, label("l1", "maintenance", 20, 90, alarm=alarm.id)) == [USUAL] * 2 + [OUT] * 8


@pytest.mark.parametrize("rule", ["limit:HH:temperature", "drift", "life"])
def test_a_verdict_on_any_alarm_that_speaks_of_the_machine_does(rule: str) -> None:
    plant = Plant(now_ns=20)
    alarm = plant.ring("pump-1", rule, onset_ns=20)
    assert taken(plant, label("l1", "anomaly", 20, 90, alarm=alarm.id)) == [USUAL] * 2 + [ODD] * 8


def test_of_thousands_of_verdicts_each_holds_to_the_next_one() -> None:
    plant = Plant(now_ns=0)
    alarm = plant.ring("pump-1", onset_ns=0)
    many = 3_000
    said = [
        label(f"l{at}", "anomaly" if at % 2 else "normal", 10 * at, 10 * at + 1, at=at, alarm=alarm.id)
        for at in range(many)
    ]
    found = spans([], said, end_ns=10 * many, history=plant.history)
    assert [(span.from_ns, span.to_ns) for span in found] == [(10 * at, 10 * at + 9) for at in range(many - 1)] + [
        (10 * (many - 1), 10 * many)
    ]
    t_ns = np.arange(0, 10 * many, dtype=np.int64)
    expected = np.where(t_ns // 10 % 2, ODD, USUAL)
    assert (painted(t_ns, found) == expected).all()
    assert (held(t_ns, found) == expected).all()


def test_only_labels_that_say_something_of_the_rows_are_named() -> None:
    found = spans([], [label("l1", "anomaly", 0, 9), label("l2", "normal", 50, 60)], end_ns=100, history=lambda _: [])
    assert used(np.array([10, 20, 55]), found) == ("l2",)
    assert used(np.zeros(0, dtype=np.int64), found) == ()
