import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.stream.plant import NAN, OTHER_LANE, T0, Line, S, batch, core, frame, limits
from wire.config import Limits
from wire.messages import Action, Alarm, Verb


def _line(said: Limits) -> Line:
    return Line(core(limits(said)))


def _acknowledge(line: Line, rule: str) -> None:
    line.put(Action(rule, "hall", "pump-1", rule, Verb.ACKNOWLEDGE, "anna"))


def test_an_alarm_ends_a_deadband_inside_again() -> None:
    line = _line(Limits(H=70.0, deadband=2.0))
    line.run([69, 70, 69, 68.5, 68, 67.9, 60])
    assert [(a.state.value, a.changed_ns - T0) for a in line.alarms()] == [
        ("unacknowledged", S),
        ("returned-unacknowledged", 5 * S),
    ]


def test_a_noisy_value_on_the_limit_rings_once() -> None:
    line = _line(Limits(H=70.0))
    line.beat(10, frame("pump-1", [i / 100 for i in range(1000)], [70 + (-1) ** i for i in range(1000)]))
    assert line.steps("limit") == ["unacknowledged"]


def test_a_delay_is_counted_in_sensor_time_from_the_first_violation() -> None:
    line = _line(Limits(H=70.0, delay_ns=3 * S))
    line.run([71, 71, 60, 71, 71, 71, 71, 60, 60])
    rung, _ = line.alarms("limit")
    assert (rung.onset_ns, rung.changed_ns) == (T0 + 3 * S, T0 + 6 * S)


def test_a_delay_runs_out_on_the_clock_when_no_further_value_comes() -> None:
    line = _line(Limits(H=70.0, delay_ns=3 * S))
    line.beat(0, frame("pump-1", [-3600], [71]))
    line.beat(2)
    assert not line.alarms("limit")
    line.beat(5)
    rung = line.alarms("limit")[0]
    assert (rung.onset_ns, rung.changed_ns, rung.value) == (T0 - 3600 * S, T0 + 3 * S, 71)


def test_while_HH_stands_H_needs_no_answer_of_its_own() -> None:  # noqa: N802 - HH is the name of the limit
    line = _line(Limits(H=70.0, HH=85.0))
    line.run([60, 75, 90, 90, 75, 60, 60])
    assert line.steps("limit:temperature:HH") == ["unacknowledged", "returned-unacknowledged"]
    assert line.steps("limit:temperature:H") == ["unacknowledged", "acknowledged", "normal"]
    _acknowledge(line, "limit:temperature:HH")
    assert line.steps("limit:temperature:HH")[-1] == "normal"
    assert not line.state.devices["hall", "pump-1"].alarms


def test_a_jump_past_both_limits_asks_once() -> None:
    line = _line(Limits(L=10.0, LL=5.0))
    line.run([60, 1, 1, 7, 7])
    last = {a.rule: a.state.value for a in line.alarms()}
    assert last == {"limit:temperature:LL": "returned-unacknowledged", "limit:temperature:L": "acknowledged"}
    assert next(a for a in line.alarms() if a.state.value == "acknowledged").why == "answered with limit:temperature:LL"


def test_the_worst_value_is_told_when_the_alarm_ends() -> None:
    line = _line(Limits(L=10.0))
    line.run([60, 8, 2, 5, 60, 60])
    assert [a.value for a in line.alarms()] == [8, 2]


def test_rows_older_than_the_newest_do_not_ring() -> None:
    line = _line(Limits(H=70.0))
    line.run([20] * 10)
    line.beat(10, frame("pump-1", [5.5], [99]))
    assert not line.alarms()


def test_missing_values_change_nothing() -> None:
    line = _line(Limits(H=70.0))
    line.run([99, NAN, NAN, NAN])
    assert line.steps("limit") == ["unacknowledged"]


def test_one_bad_channel_among_a_thousand_rings_alone() -> None:
    line = Line(core(limits(Limits(H=70.0), "c*")))
    names = tuple(f"c{i}" for i in range(1000))
    values = [20.0] * 1000
    values[617] = 99.0
    line.beat(0, frame("pump-1", [0], values, names))
    assert [a.rule for a in line.alarms()] == ["limit:c617:H"]


def test_a_limit_taken_out_of_the_configuration_ends_its_alarm() -> None:
    line = _line(Limits(H=70.0))
    line.run([99])
    other = core()
    line.core, line.state = other, other.load(line.core.dump(line.state))
    line.beat(1, frame("pump-1", [1], [99]))
    assert line.steps("limit") == ["unacknowledged", "returned-unacknowledged"]


@given(
    st.lists(st.sampled_from([60.0, 68.0, 69.0, 71.0, 86.0, NAN]), min_size=1, max_size=40),
    st.sets(st.integers(1, 39)),
    st.integers(0, 3),
)
@settings(deadline=None)
def test_rows_in_any_frames_ring_alike(values: list[float], cuts: set[int], delay_s: int) -> None:
    said = limits(Limits(H=70.0, HH=85.0, deadband=1.5, delay_ns=delay_s * S))
    bounds = sorted({0, len(values), *(cut for cut in cuts if cut < len(values))})
    whole, pieces = Line(core(said)), Line(core(said))
    whole.put(batch(1, 0, [frame("pump-1", range(len(values)), values)], log=OTHER_LANE))
    for seq, (start, end) in enumerate(itertools.pairwise(bounds), 1):
        pieces.put(batch(seq, 0, [frame("pump-1", range(start, end), values[start:end])]))
    assert _story(whole) == _story(pieces)


def _story(line: Line) -> list[tuple[str, str, int, int, float | None]]:
    alarms = [outcome for outcome in line.outcomes if isinstance(outcome, Alarm)]
    return [(a.rule, a.state.value, a.onset_ns, a.changed_ns, a.value) for a in alarms if a.rule.startswith("limit")]
