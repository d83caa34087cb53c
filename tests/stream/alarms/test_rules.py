"""Every alarm rule rings when it should, says what an operator needs, and returns."""

from pathlib import Path

import msgspec
import numpy as np
import pytest

from stream.alarms.rules import RULES
from stream.devices.health import Sense
from tests.stream.plant import LATE_LANE, OTHER_LANE, T0, Line, S, batch, core, frame, limits
from wire.config import Channel, DeviceRule, Limits
from wire.messages import (
    Action,
    ClockDoubted,
    Gap,
    Priority,
    SourceState,
    SourceStatus,
    Tick,
    Verb,
    Watched,
)

RISE_AND_FALL = ["unacknowledged", "returned-unacknowledged"]


def _steady(line: Line, seconds: int, start: int = 0, value: float = 20.0) -> None:
    line.run([value] * seconds, start=start)


def _limit(level: str, value: float) -> Limits:
    return msgspec.structs.replace(Limits(), **{level: value})


def _acknowledge(line: Line, rule: str, device: str = "pump-1", verb: Verb = Verb.ACKNOWLEDGE) -> None:
    line.put(Action(f"{rule}-{len(line.outcomes)}", "hall", device, rule, verb, "anna", "seen"))


@pytest.mark.parametrize(
    ("level", "value", "side"), [("HH", 86.2, "above"), ("H", 86.2, "above"), ("LL", 3.0, "below"), ("L", 3.0, "below")]
)
def test_a_limit_rings_and_returns(level: str, value: float, side: str) -> None:
    line = Line(core(limits(_limit(level, 85.0 if side == "above" else 5.0))))
    line.run([50, 50, value, value, 50, 50, 50])
    assert line.steps("limit") == RISE_AND_FALL
    first = line.alarms("limit")[0]
    bound = "85" if side == "above" else "5"
    assert first.summary == f"pump-1: temperature {value:g} °C is at or {side} {level} {bound} °C"
    assert first.priority is (Priority.CRITICAL if len(level) == 2 else Priority.HIGH)
    assert (first.onset_ns, first.value, first.limit) == (T0 + 2 * S, value, float(bound))


def test_texts_of_the_configuration_replace_those_of_the_rule() -> None:
    said = Limits(HH=85, cause="dry run", consequence="seal burns", response="Close the valve.")
    line = Line(core(DeviceRule(match="pump-*", channels={"temperature": Channel(limits=said)})))
    line.run([90])
    alarm = line.alarms("limit")[0]
    assert (alarm.cause, alarm.consequence, alarm.response) == ("dry run", "seal burns", "Close the valve.")


def test_an_anomaly_rings_names_its_channels_and_returns() -> None:
    rule = DeviceRule(match="pump-*", response="Call the night shift.")
    line = Line(core(rule))
    for second in range(140):
        odd = 40.0 if 50 <= second < 60 else 0.0
        line.beat(second, frame("pump-1", [second], [[20, 5 + odd]], ("temperature", "vibration")))
    assert line.steps("anomaly") == RISE_AND_FALL
    alarm, ended = line.alarms("anomaly")
    assert list(alarm.contributions) == ["vibration"]
    assert alarm.response == "Call the night shift."
    assert "most by vibration" in alarm.summary
    assert alarm.onset_ns == T0 + 52 * S
    assert ended.value is not None
    assert alarm.value is not None
    assert ended.value >= alarm.value > 1


def test_drift_rings_until_a_person_accepts_the_new_normal() -> None:
    line = Line(core())
    _steady(line, 40)
    _steady(line, 40, start=40, value=200)
    _steady(line, 100, start=80)
    assert line.steps("drift") == ["unacknowledged"]
    _acknowledge(line, "drift", verb=Verb.ACCEPT_NORMAL)
    assert line.steps("drift") == ["unacknowledged", "acknowledged", "normal"]
    assert line.alarms("drift")[-1].who == "anna"
    _steady(line, 40, start=200, value=20)
    assert len(line.steps("drift")) == 3


def test_a_silent_device_rings_at_its_deadline_and_returns_with_its_next_row() -> None:
    line = Line(core())
    _steady(line, 30)
    for second in range(30, 60):
        line.beat(second)
    line.beat(60, frame("pump-1", [60], [20]))
    assert line.steps("silent") == RISE_AND_FALL
    rung, back = line.alarms("silent")
    assert (rung.onset_ns, rung.changed_ns) == (T0 + 29 * S, T0 + 39 * S)
    assert rung.summary == "pump-1 has sent nothing for 10 s"
    assert back.changed_ns == T0 + 60 * S
    assert [alive.health.value for alive in line.liveness() if alive.clock_ns in {T0 + 39 * S, T0 + 60 * S}] == [
        "silent",
        "running",
    ]


def test_a_deadline_from_the_configuration_holds_from_the_first_row() -> None:
    line = Line(core(DeviceRule(match="*", silent_after_ns=3 * S)))
    line.beat(0, frame("pump-1", [0], [1]))
    line.beat(2.9)
    assert not line.alarms("silent")
    line.beat(4)
    assert line.alarms("silent")[0].changed_ns == T0 + 3 * S


def test_what_an_edge_did_not_hear_while_it_was_away_is_not_held_against_its_devices() -> None:
    line = Line(core())
    line.run([20.0] * 30)
    line.beat(3630)
    line.beat(3631, frame("pump-1", [3631], [20]))
    line.idle(3632, 3640)
    assert not line.alarms("silent")
    line.idle(3640, 3645)
    assert line.alarms("silent")[0].changed_ns == T0 + 3641 * S


def test_an_edge_that_is_always_slow_hides_no_silence_for_ever() -> None:
    line = Line(core(DeviceRule(match="*", silent_after_ns=10 * S)))
    line.beat(0, frame("pump-1", [0], [1]))
    for second in range(5, 60, 5):
        line.beat(second)
    assert line.steps("silent") == ["unacknowledged"]


def test_a_device_that_may_be_silent_for_long_rings_once_and_not_for_each_of_its_channels() -> None:
    line = Line(core(DeviceRule(match="*", silent_after_ns=30 * S)))
    for second in range(60):
        line.beat(second, frame("pump-1", [second], [(1.0 * second, 2.0 * second)], ("flow", "head")))
    for second in range(60, 100):
        line.beat(second)
    assert [alarm.rule for alarm in line.alarms("silent")] == ["silent"]


def test_an_irregular_device_is_not_called_silent_unless_configured() -> None:
    line = Line(core())
    at = np.cumsum(np.random.default_rng(1).exponential(5.0, 40))
    for second in at.tolist():
        line.beat(second, frame("door", [second], [1.0]))
    line.beat(at[-1] + 4000)
    assert not line.alarms("silent")


def test_a_silent_channel_rings_alone_and_returns() -> None:
    line = Line(core())
    for second in range(60):
        values = [[20.0, float("nan") if 30 <= second < 50 else 5.0]]
        line.beat(second, frame("pump-1", [second], values, ("temperature", "flow")))
    assert line.steps("silent") == RISE_AND_FALL
    rung, back = line.alarms("silent")
    assert (rung.rule, rung.channel, rung.changed_ns) == ("silent:flow", "flow", T0 + 39 * S)
    assert back.changed_ns == T0 + 50 * S


def test_a_stuck_channel_rings_where_configured_and_returns() -> None:
    line = Line(core(DeviceRule(match="*", channels={"temperature": Channel(uom="°C", stuck_after_ns=8 * S)})))
    line.run([*range(10), *[10] * 20, 11, 12])
    assert line.steps("stuck") == RISE_AND_FALL
    rung, back = line.alarms("stuck")
    assert rung.summary == "pump-1: temperature has shown exactly 10 °C for 8 s"
    assert (rung.onset_ns, rung.changed_ns, back.changed_ns) == (T0 + 10 * S, T0 + 18 * S, T0 + 30 * S)


def test_a_machine_that_is_off_may_stand_still() -> None:
    said = Channel(stuck_after_ns=8 * S)
    line = Line(core(DeviceRule(match="*", every_ns=S, running_when="temperature > 5", channels={"temperature": said})))
    line.run([*range(10), *[0] * 40])
    assert not line.alarms("stuck")


def test_a_lively_sensor_that_freezes_beside_lively_ones_is_found_without_configuration() -> None:
    line, chance = Line(core()), np.random.default_rng(5)
    values = chance.normal(size=(1500, 3))
    values[1200:1400, 1] = values[1199, 1]
    values[:, 2] = np.round(values[:, 2])
    for start in range(0, 1500, 50):
        line.beat(start + 50, frame("pump-1", range(start, start + 50), values[start : start + 50], ("a", "b", "c")))
    assert [alarm.rule for alarm in line.alarms("stuck")] == ["stuck:b"] * 2
    assert line.steps("stuck") == RISE_AND_FALL


def test_a_coarse_sensor_is_judged_by_its_longest_repetition_where_it_is_known_when_the_machine_runs() -> None:
    chance = np.random.default_rng(6)
    values = np.column_stack([np.ones(6500), np.round(chance.normal(size=6500)), np.round(chance.normal(size=6500))])
    values[2000:3000] = [0, 3, 3]
    values[6000:6300, 1] = values[5999, 1]
    for condition, expected in (("on > 0.5", ["stuck:b", "stuck:b"]), (None, [])):
        line = Line(core(DeviceRule(match="*", every_ns=S, model="off", running_when=condition)))
        for start in range(0, 6500, 25):
            rows = values[start : start + 25]
            line.beat(start + 25, frame("pump-1", range(start, start + 25), rows, ("on", "b", "c")))
        assert [alarm.rule for alarm in line.alarms("stuck") if alarm.channel != "on"] == expected


def test_a_stuck_sensor_is_not_taken_for_healed_because_the_machine_was_off() -> None:
    said = {"temperature": Channel(stuck_after_ns=8 * S)}
    line = Line(core(DeviceRule(match="*", every_ns=S, running_when="on > 0.5", channels=said)))
    for second in range(60):
        on = float(not 30 <= second < 40)
        line.beat(second, frame("pump-1", [second], [[on, 20.0]], ("on", "temperature")))
    assert line.steps("stuck") == ["unacknowledged"]
    line.beat(60, frame("pump-1", [60], [[1.0, 21.0]], ("on", "temperature")))
    assert line.steps("stuck") == RISE_AND_FALL


def test_a_value_out_of_physical_range_rings_counts_as_missing_and_returns() -> None:
    said = Channel(uom="°C", low=-50, high=200)
    line = Line(core(DeviceRule(match="*", every_ns=S, channels={"temperature": said})))
    line.run([*[20] * 30, 850, 850, *[20] * 30])
    assert line.steps("range") == RISE_AND_FALL
    rung = line.alarms("range")[0]
    assert rung.summary.startswith("pump-1: temperature reads 850 °C, which no healthy sensor shows")
    assert (rung.value, rung.limit) == (850, 200)
    assert not line.alarms("anomaly")
    assert max(float(np.nanmax(np.frombuffer(s.score, "<f4"))) for s in line.scores()[10:]) < 1


def test_an_alarm_about_range_ends_though_its_memory_was_lost() -> None:
    line = Line(core(DeviceRule(match="*", channels={"temperature": Channel(high=200)})))
    line.run([20, 850])
    device = line.state.devices["hall", "pump-1"].fork()
    device.sense = Sense.cold(1)
    line.state = msgspec.structs.replace(line.state, devices={("hall", "pump-1"): device})
    line.run([20, 20], start=2)
    assert line.steps("range") == RISE_AND_FALL


def test_infinity_is_no_reading() -> None:
    line = Line(core())
    line.run([20, float("inf"), 20])
    assert line.alarms("range")[0].value is None


def test_a_doubted_clock_rings_and_returns_when_it_has_been_quiet() -> None:
    line = Line(core())
    line.beat(0, frame("pump-1", [0], [1]), events=[ClockDoubted("pump-1", T0, 0)])
    line.run([1] * 100, start=1)
    assert line.steps("clock") == RISE_AND_FALL
    assert "it claimed 1970-01-01 00:00:00 UTC" in line.alarms("clock")[0].summary
    assert line.alarms("clock")[1].changed_ns == T0 + 60 * S


def test_a_gap_rings_low_and_returns_by_itself() -> None:
    line = Line(core())
    line.beat(0, events=[Gap("*", T0, T0 + S, 40, "outbox full")])
    line.beat(61)
    assert line.steps("gap") == RISE_AND_FALL
    alarm = line.alarms("gap")[0]
    assert (alarm.device, alarm.priority) == ("*", Priority.LOW)
    assert "40 rows lost" in alarm.summary


def test_events_of_a_device_ring_there_once_it_is_known_and_else_at_the_edge_by_name() -> None:
    line = Line(core())
    gap = Gap("pump-1", T0, T0 + S, -1, "cable unplugged")
    line.beat(0, events=[gap])
    line.beat(1, frame("pump-1", [1], [1]))
    line.beat(2, events=[gap])
    assert [alarm.device for alarm in line.alarms("gap")] == ["*", "pump-1"]
    assert all(alarm.summary.startswith("pump-1: an unknown number of rows lost") for alarm in line.alarms("gap"))


def test_a_failed_source_rings_and_returns_when_it_is_connected() -> None:
    line = Line(core())
    for second, status in enumerate(
        (SourceStatus.STARTING, SourceStatus.FAILED, SourceStatus.RETRYING, SourceStatus.CONNECTED)
    ):
        line.beat(second, events=[SourceState("serial-1", status, "no such port")])
    assert line.steps("source") == RISE_AND_FALL
    assert line.alarms("source")[0].summary == "source serial-1 of edge hall has failed: no such port"


def test_batches_that_never_came_are_noticed_and_may_still_come() -> None:
    line = Line(core())
    line.put(batch(1, 0))
    line.put(batch(4, 2))
    alarm = line.alarms("sequence")[0]
    assert "batches 2 to 3 of lane aaaaaaaa never came" in alarm.summary
    line.put(batch(3, 1, [frame("pump-1", [1], [1])]))
    assert line.duplicates == 0
    line.put(batch(3, 1))
    assert line.duplicates == 1
    line.put(batch(5, 100))
    assert line.steps("sequence") == RISE_AND_FALL


def test_a_log_put_back_to_an_older_copy_of_itself_is_heard_and_loses_nothing_new() -> None:
    line = Line(core())
    for seq in range(1, 9):
        line.put(batch(seq, seq, [frame("pump-1", [seq], [1])]))
    line.reload()
    line.put(batch(5, 5, [frame("pump-1", [5], [1])]))  # still waiting in the copy, and known
    assert line.duplicates == 1
    line.put(batch(6, 100, [frame("pump-1", [100], [1])]))
    line.put(batch(7, 101, [frame("pump-1", [101], [1])]))
    assert line.duplicates == 1
    assert line.alarms("set-back")[0].summary == "edge hall: lane aaaaaaaa goes on at batch 6, though 8 was seen"
    line.put(batch(8, 200))
    assert line.steps("set-back") == RISE_AND_FALL
    assert not line.alarms("sequence")


def test_a_silent_edge_rings_on_wall_time_and_returns_with_its_next_batch() -> None:
    line = Line(core())
    line.beat(0)
    for second in (5, 9, 15):
        line.put(Tick(at_ns=T0 + second * S))
    line.beat(16)
    assert line.steps("edge-silent") == RISE_AND_FALL
    assert line.alarms("edge-silent")[0].summary == "edge hall has not been heard for 15 s"


def test_an_edge_with_a_wrong_clock_is_not_called_silent_while_it_is_heard() -> None:
    line = Line(core())
    for second in range(0, 60, 5):
        line.beat(second)
        line.put(Tick(at_ns=T0 + (second + 7200) * S))
    assert not line.alarms("edge-silent")


def test_a_second_claimant_conflicts_and_is_stored_but_not_watched() -> None:
    line = Line(core(limits(Limits(H=10.0))))
    line.beat(0, frame("pump-1", [0], [1]))
    line.put(batch(1, 1, [frame("pump-1", [1], [99])], edge="yard", log=OTHER_LANE))
    line.put(batch(2, 70, edge="yard", log=OTHER_LANE))
    assert line.steps("conflict") == RISE_AND_FALL
    assert line.alarms("conflict")[0].summary == "pump-1 is sent by edge yard, but belongs to edge hall"
    assert not line.alarms("limit")


def test_a_device_that_fell_silent_may_move_to_another_edge() -> None:
    line = Line(core(DeviceRule(match="*", silent_after_ns=5 * S)))
    line.beat(0, frame("pump-1", [0], [1]))
    line.idle(1, 10)
    line.put(batch(1, 11, [frame("pump-1", [11], [1])], edge="yard", log=OTHER_LANE))
    line.reload()
    line.put(batch(2, 12, [frame("pump-1", [12], [1])], edge="yard", log=OTHER_LANE))
    assert not line.alarms("conflict")
    line.beat(13, frame("pump-1", [13], [1]))
    assert [alarm.edge for alarm in line.alarms("conflict")] == ["hall"]


def test_late_rows_ring_once_a_device_learn_nothing_and_the_alarm_returns() -> None:
    line = Line(core(limits(Limits(H=70.0))))
    _steady(line, 60)
    before = line.state.devices["hall", "pump-1"]
    for seq in range(1, 6):
        at = -1000 + 10 * seq
        rows = [20.0] * 5 + [90.0] * 5
        late = batch(seq, at + 10, [frame("pump-1", range(at, at + 10), rows)], log=LATE_LANE, late=True)
        line.put(late)
    after = line.state.devices["hall", "pump-1"]
    assert np.array_equal(after.watch.state, before.watch.state)
    assert (after.sense, after.grid, after.life.newest_ns) == (before.sense, before.grid, before.life.newest_ns)
    assert line.steps("late") == ["unacknowledged"]
    assert "during the outage: temperature 90 °C beyond H 70 °C" in line.alarms("late")[0].summary
    assert not line.alarms("limit")
    assert sum(len(s.t_ns) // 8 for s in line.scores() if s.late) == 49
    _steady(line, 70, start=60)
    assert line.steps("late") == RISE_AND_FALL


def test_a_model_that_is_not_there_is_named_and_the_self_learning_one_watches() -> None:
    line = Line(core(DeviceRule(match="*", model="pump-anomaly")))
    _steady(line, 30)
    assert line.steps("model") == ["unacknowledged"]
    said = line.alarms("model")[0].summary
    assert said.startswith("pump-1: model pump-anomaly does not watch, the self-learning detector does instead: ")
    assert {s.model for s in line.scores()} == {"online"}


def test_a_damaged_record_starts_that_device_cold_and_says_so() -> None:
    line = Line(core())
    for second in range(40):
        line.beat(second, frame("pump-1", [second], [20]), frame("pump-2", [second], [20]))
    records = line.core.dump(line.state)
    damaged = bytearray(records["device/hall/pump-1"])
    damaged[len(damaged) // 2] ^= 1
    line.state = line.core.load({**records, "device/hall/pump-1": bytes(damaged)})
    line.beat(41)
    line.beat(102)
    assert line.steps("state-lost") == RISE_AND_FALL
    alarm = line.alarms("state-lost")[0]
    assert (alarm.device, alarm.summary) == (
        "pump-1",
        "pump-1: its stored state could not be read and starts anew: its checksum does not match",
    )
    assert line.state.devices["hall", "pump-2"].watch.state.size


def test_a_damaged_record_of_an_edge_or_a_lane_says_so_at_the_edge() -> None:
    for kind in ("edge/hall", "lane/hall/" + "a" * 32):
        line = Line(core())
        line.beat(0)
        line.state = line.core.load({**line.core.dump(line.state), kind: b"\x00" * 20})
        line.beat(1)
        assert [(a.device, a.rule) for a in line.alarms("state-lost")] == [("*", "state-lost")], kind


def test_more_channels_than_are_watched_are_named() -> None:
    line = Line(core())
    names = tuple(f"c{i}" for i in range(2100))
    line.beat(0, frame("pump-1", [0], [[1.0] * 2100], names))
    line.beat(4000)
    assert line.steps("crowded") == RISE_AND_FALL
    assert line.alarms("crowded")[0].summary == "pump-1: 52 channels beyond 2048"


def test_a_model_that_meets_what_it_was_not_trained_on_rings_until_it_does_no_more() -> None:
    line = Line(core())
    line.beat(0, frame("pump-1", [0], [1]))
    line.put(Watched("w1", "hall", "pump-1", "pump", 2, stands=True, detail="temperature moved", at_ns=S))
    assert line.alarms("model-drift:pump")[0].summary == (
        "pump-1: model pump version 2 meets what it was not trained on: temperature moved"
    )
    line.put(Watched("w2", "hall", "pump-1", "pump", 2, stands=False, at_ns=2 * S))
    assert line.steps("model-drift:pump") == RISE_AND_FALL


def test_every_rule_of_the_table_is_tried_here_or_beside() -> None:
    tried = "".join(path.read_text() for path in sorted(Path(__file__).parents[1].glob("**/test_*.py")))
    for rule in RULES:
        name = rule.partition(":")[0].removesuffix("-channel")
        assert f'"{name}"' in tried or f'alarms("{name}' in tried, rule
