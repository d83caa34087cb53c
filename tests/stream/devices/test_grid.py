import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models.contract import F64, I64
from stream.devices.grid import HOLD, Grid
from tests.stream.plant import NAN, S


def _lay(
    grid: Grid, seconds: list[float], values: list[list[float]], clock: float = 0
) -> tuple[Grid, list[float], F64, int]:
    rows = np.array(values, dtype=np.float64).reshape(len(seconds), -1)
    times: I64 = np.array([round(s * S) for s in seconds], dtype=np.int64)
    whole = not np.isnan(rows).any()
    grid, closed, old = grid.lay(times, rows, round(clock * S), whole=whole)
    return grid, [float(t) / S for t in closed.t_ns], closed.values, old


def test_a_regular_device_gets_one_grid_row_a_row_at_the_row_s_own_time() -> None:
    grid, times, values, _ = _lay(Grid.cold(S, 100 * S, 1), [100, 101, 102, 103], [[1], [2], [3], [4]])
    assert times == [100, 101, 102]
    assert values.tolist() == [[1], [2], [3]]
    assert grid.open > grid.closed


def test_jitter_of_less_than_half_an_interval_changes_nothing() -> None:
    _, times, values, _ = _lay(Grid.cold(S, 100 * S, 1), [100, 101.4, 101.7, 103.3, 104], [[1], [2], [3], [4], [5]])
    assert times == [100, 101, 102, 103]
    assert values.tolist() == [[1], [2], [3], [4]]


def test_a_value_is_held_three_intervals_and_a_long_gap_is_left_out() -> None:
    year = 365 * 86_400
    _, times, values, _ = _lay(Grid.cold(S, 0, 1), [0, 10 * year, 10 * year + 1], [[1], [2], [3]])
    assert times == [0, 1, 2, 3, 10 * year]
    assert values[:, 0].tolist() == [1, 1, 1, 1, 2]


def test_a_slow_channel_is_held_then_missing() -> None:
    rows = [[1.0, 7.0]] + [[float(i), NAN] for i in range(2, 8)]
    _, times, values, _ = _lay(Grid.cold(S, 0, 2), [0, 1, 2, 3, 4, 5, 6], rows)
    assert times == [0, 1, 2, 3, 4, 5]
    assert np.nan_to_num(values[:, 1], nan=-1).tolist() == [7, 7, 7, 7, -1, -1]


def test_what_is_older_than_the_last_closed_row_is_counted_and_left() -> None:
    grid, *_ = _lay(Grid.cold(S, 100 * S, 1), [100, 101, 102], [[1], [2], [3]])
    grid, times, values, old = _lay(grid, [99, 100, 101, 102.2, 103], [[9], [9], [9], [4], [5]])
    assert (times, values.tolist(), old) == ([102], [[4]], 3)
    same, times, _, old = _lay(grid, [100], [[9]])
    assert (same, times, old) == (grid, [], 1)


def test_the_open_row_closes_when_its_time_is_up_and_is_then_too_old() -> None:
    grid, *_ = _lay(Grid.cold(S, 100 * S, 2), [100], [[1, NAN]], clock=7)
    assert grid.due_ns == 8 * S
    grid, closed = grid.close()
    assert closed.t_ns.tolist() == [100 * S]
    assert np.nan_to_num(closed.values, nan=-1).tolist() == [[1, -1]]
    _, times, _, old = _lay(grid, [100.2], [[5, 5]])
    assert (times, old) == ([], 1)


def test_rows_in_which_nothing_is_known_are_left_out() -> None:
    _, times, _, _ = _lay(Grid.cold(S, 0, 1), [0, 1, 2, 3], [[NAN], [NAN], [5], [6]])
    assert times == [2]


@given(
    st.lists(st.tuples(st.integers(0, 60), st.floats(-5, 5) | st.just(NAN)), min_size=1, max_size=40),
    st.lists(st.integers(1, 39), max_size=6),
)
def test_rows_laid_in_any_pieces_close_the_same_rows(pairs: list[tuple[int, float]], cuts: list[int]) -> None:
    tenths = sorted(dict(pairs).items())
    seconds = [at / 4 for at, _ in tenths]
    values = [[value, float(i)] for i, (_, value) in enumerate(tenths)]
    start = Grid.cold(S, round(seconds[0] * S), 2)
    _, times, rows, _ = _lay(start, seconds, values)
    grid, pieces, piece_rows = start, [], []
    bounds = sorted({0, len(seconds), *(cut for cut in cuts if cut < len(seconds))})
    for begin, end in itertools.pairwise(bounds):
        grid, more, more_rows, _ = _lay(grid, seconds[begin:end], values[begin:end])
        pieces += more
        piece_rows += more_rows.tolist()
    assert pieces == times
    assert np.array_equal(np.array(piece_rows).reshape(-1, 2), rows, equal_nan=True)
    assert all(b > a for a, b in itertools.pairwise(times))
    assert len(times) <= len(seconds) * (HOLD + 1)
