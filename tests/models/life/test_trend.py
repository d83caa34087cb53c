import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.contract import F64
from models.features.trend import STEADY, Trend

SPAN = 10.0


def run(x: F64, span: float = SPAN) -> tuple[F64, F64]:
    kind = Trend(span=span)
    (level, change), _ = kind.run(
        kind.start(x[0]), x, np.arange(len(x))[:, None] + np.zeros(x.shape[1], dtype=np.int64)
    )
    return level, change


def line(x: F64, span: float = SPAN) -> tuple[float, float]:
    """The same by weighted least squares in one go."""
    back = np.arange(len(x))[::-1].astype(np.float64)
    share = (1.0 - 2.0 / (span + 1.0)) ** back
    design = np.stack([np.ones(len(x)), -back], axis=1)
    normal = design.T @ (design * share[:, None]) + np.diag([0.0, STEADY * span])
    level, slope = np.linalg.solve(normal, design.T @ (share * x))
    return float(level), float(slope * span)


@given(seed=st.integers(0, 99), rows=st.integers(1, 400))
def test_it_is_the_discounted_least_squares_line_through_all_rows_so_far(seed: int, rows: int) -> None:
    x = np.random.default_rng(seed).normal(size=(rows, 1)).cumsum(axis=0)
    level, change = run(x)
    assert (level[-1, 0], change[-1, 0]) == pytest.approx(line(x[:, 0]), rel=1e-6, abs=1e-6)


def test_a_constant_has_its_level_from_the_first_row_on_and_no_change() -> None:
    level, change = run(np.full((300, 2), 5.0))
    np.testing.assert_allclose(level, 5.0)
    np.testing.assert_allclose(change, 0.0, atol=1e-9)


def test_a_long_straight_rise_is_followed_with_little_lag_and_a_cautious_slope() -> None:
    level, change = run(0.5 * np.arange(2000.0)[:, None])
    assert level[-1, 0] == pytest.approx(0.5 * 1999, abs=1.0)
    assert 0.8 * 0.5 * SPAN < change[-1, 0] < 0.5 * SPAN


def test_columns_of_different_age_each_have_their_own_line() -> None:
    kind, x = Trend(span=SPAN), np.random.default_rng(1).normal(size=(30, 2))
    memory = kind.start(x[0])
    (alone, _), after = kind.run(memory, x, np.arange(30)[:, None] + np.zeros(2, dtype=np.int64))
    ages = np.array([[30, 0]]) + np.arange(30)[:, None]
    both = np.stack([after[:, 0], memory[:, 1]], axis=1)
    (level, _), _ = kind.run(both, x, ages)
    np.testing.assert_array_equal(level[:, 1], alone[:, 1])


def test_a_device_that_runs_for_years_keeps_its_line() -> None:
    kind, x = Trend(span=2.0), np.ones((5, 1))
    (level, _), _ = kind.run(np.array([[2.0], [-1.5], [0.75]]) * 0.0, x, np.arange(10**9, 10**9 + 5)[:, None])
    assert np.isfinite(level).all()
