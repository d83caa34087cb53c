import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.contract import F64
from stream.devices.pace import INTERVALS, Pace, channels_silent_after_ns, learn, silent_after_ns
from stream.devices.plan import NEVER, Plan, plan
from tests.stream.plant import NAN, S
from wire.config import Config, DeviceRule

MS = S // 1000


def _plan(channels: int = 1, rule: DeviceRule | None = None) -> Plan:
    rules = (rule,) if rule else ()
    return plan(Config(devices=rules), "pump-1", tuple(f"c{i}" for i in range(channels)))


def _learnt(steps_ns: list[int]) -> Pace:
    times = np.cumsum([S, *steps_ns])
    return learn(Pace.cold(1), times, np.zeros((times.size, 1)))


def test_an_interval_is_decided_by_the_median_and_rounded_to_three_digits() -> None:
    jitter = [100_312_000, 99_988_000] * (INTERVALS // 2)
    jitter[3] = 500 * MS
    pace = _learnt(jitter)
    assert (pace.every_ns, pace.regular, pace.learns) == (100 * MS, True, False)


def test_it_is_decided_once() -> None:
    pace = _learnt([S] * INTERVALS)
    assert pace.every_ns == S
    assert not pace.learns


def test_the_fastest_channel_decides_for_the_device() -> None:
    values: F64 = np.zeros((100, 2))
    values[np.arange(100) % 5 != 0, 0] = NAN
    pace = learn(Pace.cold(2), np.arange(100) * S, values)
    assert pace.every_ns == S
    assert pace.interval_ns.tolist() == [5 * S, S]


def test_rows_that_arrived_together_count_as_one_moment() -> None:
    pace = _learnt([1, 1, 1, 50 * MS] * INTERVALS)
    assert (pace.every_ns, pace.regular) == (50 * MS, True)


def test_bursts_of_one_rhythm_are_regular() -> None:
    pace = _learnt([2 * MS, 2 * MS, 46 * MS] * INTERVALS)
    assert (pace.every_ns, pace.regular) == (46 * MS, True)


def test_a_device_that_speaks_when_it_likes_is_irregular() -> None:
    pace = _learnt([int(s * S) for s in np.random.default_rng(3).exponential(5.0, INTERVALS)])
    assert not pace.regular
    assert silent_after_ns(pace, _plan()) == NEVER
    assert channels_silent_after_ns(pace, _plan()).tolist() == [NEVER]


@pytest.mark.parametrize(
    ("steps", "rule", "after_s"),
    [
        ([], None, None),
        ([S] * 2, None, None),
        ([S] * 4, None, 60),
        ([S, S, S, 20 * S], None, 200),
        ([S] * INTERVALS, None, 10),
        ([20 * S] * INTERVALS, None, 200),
        ([], DeviceRule(match="*", every_ns=3 * S), 30),
        ([S] * INTERVALS, DeviceRule(match="*", silent_after_ns=4 * S), 4),
    ],
)
def test_how_long_a_device_may_be_silent(steps: list[int], rule: DeviceRule | None, after_s: int | None) -> None:
    after = silent_after_ns(_learnt(steps), _plan(rule=rule))
    assert after == (NEVER if after_s is None else after_s * S)


@given(st.lists(st.integers(1, 10 * S), min_size=1, max_size=60), st.sets(st.integers(1, 59)))
@settings(deadline=None)
def test_rows_in_any_pieces_teach_the_same(steps: list[int], cuts: set[int]) -> None:
    times = np.cumsum([S, *steps])
    whole = learn(Pace.cold(1), times, np.zeros((times.size, 1)))
    pieces = Pace.cold(1)
    for part in np.split(times, sorted(cut for cut in cuts if cut < times.size)):
        if pieces.learns:
            pieces = learn(pieces, part, np.zeros((part.size, 1)))
    assert (pieces.every_ns, pieces.regular, pieces.interval_ns.tolist()) == (
        whole.every_ns,
        whole.regular,
        whole.interval_ns.tolist(),
    )
