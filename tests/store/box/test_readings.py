from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from store.box.box import DuckStore
from tests.store.plant import EVER, NAN, START_NS, commit, frame

ROWS = 3000
SPAN_NS = ROWS * 10**9
NAMES = ("a", "b", "c")


def shown() -> tuple[np.ndarray[tuple[int], np.dtype[np.int64]], np.ndarray[tuple[int, int], np.dtype[np.float64]]]:
    rng = np.random.default_rng(3)
    t_ns = START_NS + np.sort(rng.choice(SPAN_NS, ROWS, replace=False)).astype(np.int64)
    values = rng.normal(size=(ROWS, 3)).cumsum(axis=0)
    values[rng.random((ROWS, 3)) < 0.1] = NAN
    return t_ns, values


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DuckStore]:
    """Rows out of order and in two sets of channels: "a" and "b" together, "c" alone."""
    t_ns, values = shown()
    order = np.random.default_rng(5).permutation(ROWS)
    path = tmp_path_factory.mktemp("readings") / "box.duckdb"
    with DuckStore(path=path) as opened:
        for number, chosen in enumerate(np.array_split(order, 10), 1):
            both = frame("pump", NAMES[:2], {int(t_ns[i]): values[i, :2].tolist() for i in chosen})
            alone = frame("pump", NAMES[2:], {int(t_ns[i]): values[i, 2:].tolist() for i in chosen})
            opened.write(commit(number, both, alone))
        yield opened


def test_rows_land_where_their_time_says(store: DuckStore) -> None:
    t_ns, values = shown()
    series = store.readings("pump", **EVER)
    assert series.t_ns == t_ns.tolist()
    for column, name in enumerate(NAMES):
        np.testing.assert_array_equal(np.array(series.columns[name], float), values[:, column])


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    edges=st.tuples(st.integers(-10, SPAN_NS + 10), st.integers(-10, SPAN_NS + 10)),
    points=st.integers(1, 400),
    names=st.lists(st.sampled_from(NAMES), min_size=1, unique=True),
)
def test_thinning_keeps_every_minimum_and_maximum_of_every_bucket(
    store: DuckStore, edges: tuple[int, int], points: int, names: list[str]
) -> None:
    t_ns, values = shown()
    start, end = START_NS + min(edges), START_NS + max(edges)
    inside = (t_ns >= start) & (t_ns < end)
    series = store.readings("pump", start_ns=start, end_ns=end, channels=names, points=points)
    t_in, wanted = t_ns[inside], values[inside][:, [NAMES.index(name) for name in names]]
    assert len(series.t_ns) <= max(points, 2)
    assert series.t_ns == sorted(set(series.t_ns))
    assert set(series.t_ns) <= set(t_in.tolist())
    if not len(t_in):
        return
    # Each answered row stands for its bucket: the buckets are cut again here, from the times alone.
    width = (t_in[-1] - t_in[0]) // max(points // 2, 1) + 1
    if len(t_in) * len({name == "c" for name in names}) <= points:  # a time in two sets counts twice
        width = 1
    bucket, answered = (t_in - t_in[0]) // width, (np.array(series.t_ns) - t_in[0]) // width
    for column, name in enumerate(names):
        got = np.array(series.columns[name], float)
        for b in np.unique(bucket):
            true, kept = wanted[bucket == b, column], got[answered == b]
            if np.isnan(true).all():
                assert np.isnan(kept).all()
            else:
                assert np.nanmin(kept) == np.nanmin(true)
                assert np.nanmax(kept) == np.nanmax(true)
                if len(kept) == 2:
                    assert (kept[0] > kept[1]) == (np.nanargmax(true) < np.nanargmin(true))


def test_a_single_spike_survives_a_month_in_a_hundred_points(tmp_path: Path) -> None:
    rows = 200_000
    t_ns = START_NS + np.arange(rows, dtype="<i8") * 10**9
    values = np.full(rows, 20.0)
    values[123_456] = 99.0
    with DuckStore(path=tmp_path / "box.duckdb") as opened:
        spiky = frame("pump", ("heat",), {})
        spiky = type(spiky)("pump", ("heat",), t_ns.tobytes(), values.tobytes())
        opened.write(commit(1, spiky))
        series = opened.readings("pump", **EVER, points=100)
        assert len(series.t_ns) == 100
        assert series.columns["heat"].count(99.0) == 1
        at = series.columns["heat"].index(99.0)
        assert abs(series.t_ns[at] - int(t_ns[123_456])) <= rows // 50 * 10**9
