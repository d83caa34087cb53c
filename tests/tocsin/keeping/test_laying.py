import numpy as np
import pytest

from stream.devices.grid import HOLD
from tocsin.keeping.laying import every_ns, laid
from wire.config import DeviceRule

S = 1_000_000_000
NAMES = ("heat", "current")
NAN = float("nan")


def rows(values: list[list[float]], *, step: int = S) -> tuple[np.ndarray, np.ndarray]:
    return np.arange(len(values), dtype=np.int64) * step + 1000 * S, np.array(values)


def test_whole_rows_come_as_they_were_sent_whatever_their_steps() -> None:
    t_ns, values = rows([[float(n), 1.0] for n in range(30)])
    t_ns[15:] += S // 3
    values[10:20, 0] = NAN
    found_ns, found = laid(t_ns, values, NAMES, DeviceRule(match="*"))
    assert found_ns.tolist() == t_ns.tolist()
    np.testing.assert_array_equal(found, values)


def test_on_a_grid_the_last_value_is_held_for_a_while() -> None:
    t_ns, values = rows([[float(n), 1.0] for n in range(30)])
    values[10:20, 0] = NAN
    t_ns, values = laid(t_ns, values, NAMES, DeviceRule(match="*", every_ns=S))
    assert np.diff(t_ns).tolist() == [S] * 29
    assert values[9 : 10 + HOLD, 0].tolist() == [9.0] * (HOLD + 1)
    assert np.isnan(values[10 + HOLD : 20, 0]).all()


def test_channels_that_speak_in_turn_come_together() -> None:
    t_ns = np.arange(60, dtype=np.int64) * (S // 2)
    values = np.where(np.arange(60)[:, None] % 2 == np.arange(2), np.arange(60.0)[:, None], NAN)
    assert every_ns(t_ns, values, DeviceRule(match="*")) == S
    t_ns, found = laid(t_ns, values, NAMES, DeviceRule(match="*"))
    assert len(found) == pytest.approx(30, abs=1)
    assert np.isfinite(found[1:]).all()


def test_a_configured_interval_asks_for_a_grid() -> None:
    t_ns, values = rows([[1.0, 1.0]] * 40)
    t_ns, _ = laid(t_ns, values, NAMES, DeviceRule(match="*", every_ns=4 * S))
    assert set(np.diff(t_ns).tolist()) == {4 * S}


def test_rows_of_a_machine_that_is_off_are_left_out() -> None:
    t_ns, values = rows([[float(n), float(n % 4 > 1)] for n in range(40)])
    _, found = laid(t_ns, values, NAMES, DeviceRule(match="*", running_when="current > 0.5"))
    assert set((found[:, 0] % 4).tolist()) == {2.0, 3.0}
    _, found = laid(t_ns, values, NAMES, DeviceRule(match="*", running_when="speed > 0.5"))
    assert len(found) == 40


def test_nothing_comes_of_no_rows() -> None:
    t_ns, values = laid(np.zeros(0, dtype=np.int64), np.zeros((0, 2)), NAMES, DeviceRule(match="*"))
    assert len(t_ns) == len(values) == 0
