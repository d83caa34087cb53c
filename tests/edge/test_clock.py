from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from edge.clock import BUILD_NS, PATIENCE_NS, ClockWatch, HandClock, LaneClock, SystemClock, offset_ns
from wire.messages import NS_PER_S

NOW = BUILD_NS + 1000 * NS_PER_S


def watch(last_ns: int = 0) -> ClockWatch:
    return ClockWatch(last_ns=last_ns, slack_ns=300 * NS_PER_S, started_mono_ns=0)


def test_a_clock_before_the_build_was_never_set() -> None:
    clock = HandClock(0)
    watching = watch()
    assert not watching.is_set(clock)
    clock.step_to(NOW)
    assert watching.is_set(clock)
    clock.step_to(5)
    assert not watching.is_set(clock)


def test_a_clock_far_behind_the_last_commit_is_waited_for_but_not_for_ever() -> None:
    clock = HandClock(NOW)
    watching = watch(last_ns=NOW + 3600 * NS_PER_S)
    assert not watching.is_set(clock)
    clock.pass_ns(PATIENCE_NS - 1)
    assert not watching.is_set(clock)
    clock.pass_ns(1)
    assert watching.is_set(clock)


def test_a_clock_a_little_behind_the_last_commit_is_believed_at_once() -> None:
    assert watch(last_ns=NOW + 10 * NS_PER_S).is_set(HandClock(NOW))


def test_a_clock_that_is_set_back_while_running_is_still_believed() -> None:
    clock = HandClock(NOW + 10_000 * NS_PER_S)
    watching = watch(last_ns=NOW)
    assert watching.is_set(clock)
    clock.step_to(NOW - 3600 * NS_PER_S + 3000 * NS_PER_S)
    assert watching.is_set(clock)


@given(st.lists(st.tuples(st.integers(0, 10**10), st.integers(-(10**12), 10**12)), max_size=30))
def test_the_clock_of_the_lane_never_goes_back_nor_stands_still(moves: Sequence[tuple[int, int]]) -> None:
    lane = LaneClock(last_ns=NOW, mono_ns=0)
    mono, last = 0, NOW
    for passed, error in moves:
        mono += passed
        at = lane.at(utc_ns=NOW + mono + error, mono_ns=mono)
        assert at >= last + passed * 9 // 10
        assert at >= NOW + mono + error
        last = at


def test_the_clock_of_the_lane_comes_back_to_the_truth_after_a_step() -> None:
    lane = LaneClock(last_ns=NOW + 3600 * NS_PER_S, mono_ns=0)
    truth = [lane.at(utc_ns=NOW + s * NS_PER_S, mono_ns=s * NS_PER_S) for s in (1, 36_001)]
    assert truth[0] > NOW + 3600 * NS_PER_S
    assert truth[1] == NOW + 36_001 * NS_PER_S


def test_both_clocks_of_this_machine_agree_on_its_offset() -> None:
    clock = SystemClock()
    assert abs(clock.now_ns() - clock.monotonic_ns() - offset_ns(clock)) < NS_PER_S
    assert offset_ns(HandClock(NOW, monotonic_ns=7)) == NOW - 7
