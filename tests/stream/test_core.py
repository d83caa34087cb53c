import msgspec
import numpy as np
import pytest

from stream.devices.claims import MAX_DEVICES
from stream.devices.running import RunningError
from stream.inputs import Unreadable
from tests.stream.plant import (
    LANE,
    NAN,
    OTHER_LANE,
    T0,
    Distance,
    Line,
    S,
    batch,
    core,
    frame,
    limits,
    score_times,
)
from wire.config import DeviceRule, Limits
from wire.envelope import unpack_input
from wire.messages import (
    NEAR_LIMIT,
    Action,
    Backtested,
    Health,
    Label,
    Labelled,
    ModelChange,
    Origin,
    Refused,
    Scores,
    Text,
    Verb,
    Verdict,
)


def test_a_device_is_scored_on_its_grid_from_the_interval_it_showed() -> None:
    line = Line(core())
    line.run([20.0] * 40)
    times = score_times(line.scores())
    # The 17th row decides the interval; the detector begins five closed rows later.
    assert times == [float(second) for second in range(21, 39)]
    assert line.state.devices["hall", "pump-1"].pace.every_ns == S


def test_a_device_that_is_an_hour_off_is_scored_all_the_same() -> None:
    line = Line(core(DeviceRule(match="*", every_ns=S)))
    for second in range(30):
        line.beat(second, frame("pump-1", [second - 3600], [20]))
    assert score_times(line.scores()) == [float(second - 3600) for second in range(5, 29)]
    assert not line.alarms()


def test_the_last_row_closes_one_interval_later_on_the_input_clock() -> None:
    line = Line(core(DeviceRule(match="*", every_ns=S)))
    line.run([20.0] * 10)
    assert score_times(line.scores())[-1] == 8
    line.beat(9.9)
    assert score_times(line.scores())[-1] == 8
    line.beat(10.0)
    assert score_times(line.scores())[-1] == 9


def test_a_clock_set_back_by_an_hour_is_followed_after_a_while() -> None:
    line = Line(core(DeviceRule(match="*", every_ns=S), limits(Limits(H=70.0))))
    line.run([*[20.0] * 29, 99.0])
    for second in range(30, 180):
        line.beat(second, frame("pump-1", [second - 3600], [20]))
    assert score_times(line.scores())[-1] == 178 - 3600
    assert line.steps("limit") == ["unacknowledged", "returned-unacknowledged"]


def test_recorded_data_with_its_own_times_is_never_silent_and_jumps_ten_years() -> None:
    line = Line(core())
    years = 10 * 365 * 86_400
    line.beat(0, frame("skab", range(100), np.zeros((100, 1)), own=True))
    line.beat(1000)
    line.beat(1001, frame("skab", range(years, years + 100), np.zeros((100, 1)), own=True))
    assert not line.alarms()
    times = score_times(line.scores())
    assert len(times) == len(set(times)) < 210
    assert times[-1] == years + 98
    assert {alive.clock_ns for alive in line.liveness("skab")} == {T0 + 99 * S, T0 + (years + 99) * S}


def test_frames_of_one_channel_each_make_one_device_and_the_detector_waits_for_all() -> None:
    line = Line(core())
    for second in range(60):
        names = ("a", "b", "c") if second > 3 else ("a", "b")
        line.beat(second, *[frame("mqtt", [second + i / 10], [float(i)], (name,)) for i, name in enumerate(names)])
    assert {s.channels for s in line.scores()} == {("a", "b", "c")}


def test_contributions_are_told_where_a_score_comes_near_the_limit_and_nowhere_else() -> None:
    line = Line(core())
    quiet = np.random.default_rng(3).normal(50, 1, (300, 3))
    line.beat(0, frame("mqtt", range(300), quiet, ("a", "b", "c"), own=True))
    line.beat(1, frame("mqtt", range(300, 303), np.full((3, 3), [50.0, 900.0, 50.0]), ("a", "b", "c"), own=True))
    told = [(np.frombuffer(s.score, "<f4"), np.frombuffer(s.contributions, "<f4")) for s in line.scores()]
    assert {bool(parts.size) for _, parts in told} == {False, True}
    for score, parts in told:
        assert bool((score >= NEAR_LIMIT).any()) == bool(parts.size)
    score, parts = told[-1]
    assert parts.reshape(len(score), 3)[-1].argmax() == 1


def test_a_new_channel_restarts_only_the_detector() -> None:
    line = Line(core(DeviceRule(match="*", every_ns=S)))
    line.run([20.0] * 40)
    before = line.state.devices["hall", "pump-1"]
    line.beat(40, frame("pump-1", [40], [[20, 1]], ("temperature", "flow")))
    after = line.state.devices["hall", "pump-1"]
    assert after.sense.rows.tolist() == [41, 1]
    assert after.grid is not None
    assert before.grid is not None
    assert after.grid.phase_ns == before.grid.phase_ns
    assert line.liveness()[-1].health is Health.LEARNING


def test_single_precision_and_missing_values_are_taken_as_they_come() -> None:
    line = Line(core(DeviceRule(match="*", every_ns=S)))
    line.beat(0, frame("pump-1", range(20), [[NAN, NAN]] * 20, ("a", "b"), single=True))
    assert not line.scores()
    line.beat(1, frame("pump-1", range(20, 40), [[1.5, NAN]] * 20, ("a", "b"), single=True))
    assert score_times(line.scores())[0] == 25


def test_a_machine_that_is_off_is_neither_learnt_nor_scored() -> None:
    line = Line(core(DeviceRule(match="*", every_ns=S, running_when="temperature > 5")))
    line.run([0.0] * 30)
    assert line.liveness()[-1].health is Health.OFF
    assert np.isnan(np.concatenate([np.frombuffer(s.score, "<f4") for s in line.scores()])).all()
    line.run([20.0] * 30, start=30)
    assert line.liveness()[-1].health is Health.RUNNING


def test_a_device_without_a_model_is_watched_by_limits_and_silence_only() -> None:
    line = Line(core(DeviceRule(match="*", every_ns=S, model="off")))
    line.run([20.0] * 40)
    line.idle(40, 60)
    assert not line.scores()
    assert [a.rule for a in line.alarms()] == ["silent"]
    assert line.liveness()[0].health is Health.RUNNING


def test_liveness_is_told_at_changes_and_every_ten_seconds() -> None:
    line = Line(core())
    line.run([20.0] * 45)
    regular = [(alive.clock_ns - T0) // S for alive in line.liveness()]
    assert regular == [0, 10, 20, 30, 31, 40]
    assert [alive.warm for alive in line.liveness()] == [0, 0, 0, 0.9, 1, 1]


def test_a_model_change_takes_effect_where_it_stands_in_the_order() -> None:
    rule = DeviceRule(match="*", every_ns=S, model="wear")
    detectors = [Distance(), Distance("wear", 1), Distance("wear", 2)]
    line = Line(core(rule, detectors=detectors))
    line.put(ModelChange("m1", "wear", 1))
    line.run([20.0] * 20)
    line.put(ModelChange("m2", "wear", 2))
    line.run([20.0] * 20, start=20)
    assert [s.version for s in line.scores()] == [1] * 14 + [2] * 20
    line.put(ModelChange("m3", "wear", 9))
    assert [letter.reason for letter in line.letters()] == ["model 'wear' version 9 is not to be had"]


def test_an_answer_to_nothing_or_given_twice_is_kept_with_its_reason() -> None:
    line = Line(core())
    line.run([20.0] * 3)
    for name, device, rule, verb in (
        ("1", "nobody", "silent", Verb.ACKNOWLEDGE),
        ("2", "pump-1", "silent", Verb.ACKNOWLEDGE),
        ("2", "pump-1", "silent", Verb.ACKNOWLEDGE),
        ("3", "pump-1", "silent", Verb.SHELVE),
        ("4", "pump-1", "drift", Verb.ACCEPT_NORMAL),
    ):
        line.put(Action(name, "hall", device, rule, verb, "anna", at_ns=T0))
    line.put(Action("5", "nowhere", "pump-1", "silent", Verb.ACKNOWLEDGE, "anna"))
    assert [letter.reason for letter in line.letters()] == [
        "no device 'nobody' of edge 'hall' is known",
        "'silent' of 'pump-1' has nothing to acknowledge: it is normal, or someone knows already",
        "the same action came before",
        "shelve is nothing that can be done with 'silent' here",
        "'pump-1' has no learnt normal yet",
        "no device 'pump-1' of edge 'nowhere' is known",
    ]
    letter = line.letters()[0]
    kept = unpack_input(letter.body)
    assert isinstance(kept, Action)
    assert (kept.who, kept.rule, letter.size) == ("anna", "silent", len(letter.body))


def test_a_verdict_stays_with_its_alarm() -> None:
    line = Line(core(DeviceRule(match="*", silent_after_ns=5 * S)))
    line.beat(0, frame("pump-1", [0], [1]))
    line.idle(1, 9)
    alarm = line.alarms("silent")[0]
    line.put(Verdict("v1", "hall", "pump-1", alarm.id, "maintenance", "anna", "cable changed"))
    noted = line.alarms("silent")[-1]
    assert (noted.version, noted.why, noted.state) == (2, "maintenance: cable changed", alarm.state)


def test_a_verdict_is_a_label_of_the_rows_it_judges_also_when_the_alarm_is_over() -> None:
    line = Line(core())
    line.beat(0, frame("pump-1", [0], [1]))
    said = Verdict("v1", "hall", "pump-1", "over", "false-alarm", "anna", "a cleaner", 9 * S, "anomaly", S, 5 * S)
    (label,) = line.put(said)
    assert isinstance(label, Label)
    assert (label.id, label.meaning, label.from_ns, label.to_ns, label.alarm) == ("v1", "normal", S, 5 * S, "over")
    (withdrawn,) = line.put(Labelled("l1", "hall", msgspec.structs.replace(label, withdrawn_by="bo")))
    assert isinstance(withdrawn, Label)
    assert (withdrawn.id, withdrawn.withdrawn_by) == ("v1", "bo")


def test_scores_of_recorded_rows_go_through_as_such() -> None:
    line = Line(core())
    scores = Scores(Origin("", "", 0), "hall", "pump-1", "pump", 3, ("a",), bytes(8), bytes(4), b"")
    (told,) = line.put(Backtested("b1", "hall", scores))
    assert isinstance(told, Scores)
    assert (told.role, told.version, told.origin.log) == ("backtest", 3, "backtested")


def test_what_no_one_can_read_is_kept_with_its_bytes() -> None:
    line = Line(core())
    line.beat(0, events=[Refused("mqtt-1", "no number", b"abc", count=7, size=3, t_ns=5, device="pump-1")])
    line.put(Unreadable("checksum does not match", b"\x00\x01"))
    refused, unread = line.letters()
    assert (refused.source, refused.reason, refused.body, refused.count, refused.t_ns) == (
        "mqtt-1",
        "no number",
        b"abc",
        7,
        5,
    )
    assert (unread.body, unread.size, unread.reason) == (b"\x00\x01", 2, "checksum does not match")


@pytest.mark.parametrize(("seq", "second"), [(0, 0), (-3, 0), (1, -(10**10)), (1, 5 * 10**9)])
def test_a_batch_without_a_place_in_any_order_is_a_dead_letter(seq: int, second: int) -> None:
    line = Line(core())
    line.put(batch(seq, second, [frame("pump-1", [0], [1])]))
    assert len(line.letters()) == 1
    assert not line.state.devices


def test_times_that_no_clock_can_show_are_left_out_of_the_watch() -> None:
    line = Line(core(DeviceRule(match="*", every_ns=S)))
    line.beat(0, frame("pump-1", [-1_700_000_001, 0, 7 * 10**9], [1, 2, 3], own=True))
    assert line.state.devices["hall", "pump-1"].sense.rows.tolist() == [1]


def test_texts_change_nothing_here() -> None:
    assert Line(core()).beat(0, events=[Text("pump-1", "note", "hello")]) == []


def test_a_condition_that_cannot_be_read_stops_the_core_before_it_runs() -> None:
    with pytest.raises(RunningError):
        core(DeviceRule(match="pump-*", running_when="current >"))


def test_no_more_devices_are_watched_than_there_is_room_for() -> None:
    line = Line(core())
    for start in range(0, MAX_DEVICES + 100, 5_100):
        line.beat(
            start / 5100, *[frame(f"d{i}", [0], [1]) for i in range(start, min(start + 5_100, MAX_DEVICES + 100))]
        )
    assert len(line.state.devices) == MAX_DEVICES
    assert [(a.device, a.summary) for a in line.alarms()] == [("*", "edge hall: more than 20000 devices")]


def test_lanes_long_unheard_are_forgotten() -> None:
    line = Line(core())
    for index in range(70):
        line.put(batch(1, index, log=f"{index:032x}"))
    assert len(line.state.lanes) == 64
    assert ("hall", f"{69:032x}") in line.state.lanes


def test_a_heartbeat_moves_the_clock_and_never_back() -> None:
    line = Line(core())
    line.put(batch(1, 10, log=LANE))
    line.put(batch(1, 5, log=OTHER_LANE))
    assert line.core.clock_ns(line.state) == T0 + 10 * S
    assert line.core.overdue(line.state, T0 + 11 * S)
    assert not line.core.overdue(line.state, T0 + 10 * S)
