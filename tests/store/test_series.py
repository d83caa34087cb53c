import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from store.series import Columns, as_series, merged

CELLS = st.floats(allow_nan=True, width=32)


@st.composite
def parts(draw: st.DrawFn) -> list[Columns]:
    found = []
    for column in range(2):
        times = sorted(draw(st.sets(st.integers(-50, 50), max_size=20)))
        values = np.full((2, len(times)), np.nan)
        values[column] = draw(st.lists(CELLS, min_size=len(times), max_size=len(times)))
        found.append(Columns(np.array(times, np.int64), values))
    return found


@given(parts())
def test_merging_partial_rows_loses_no_time_and_no_value(given_parts: list[Columns]) -> None:
    rows = merged(given_parts, 2)
    times = sorted({t for part in given_parts for t in part.t_ns.tolist()})
    assert rows.t_ns.tolist() == times
    for column, part in enumerate(given_parts):
        wanted = dict(zip(part.t_ns.tolist(), part.values[column].tolist(), strict=True))
        np.testing.assert_array_equal(rows.values[column], [wanted.get(t, np.nan) for t in times])


def test_nothing_merged_is_nothing() -> None:
    assert as_series(merged([], 2), ["a", "b"]).columns == {"a": [], "b": []}


def test_missing_values_are_none() -> None:
    rows = Columns(np.array([1, 2]), np.array([[1.5, np.nan]]))
    assert as_series(rows, ["a"]).columns == {"a": [1.5, None]}
