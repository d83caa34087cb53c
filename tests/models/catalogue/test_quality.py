import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models.catalogue.quality import SHOWN, quality
from store.port import Series

STEP = 1_000_000_000


def series(**columns: list[float | None]) -> Series:
    rows = len(next(iter(columns.values())))
    return Series([at * STEP for at in range(rows)], columns)


def moving(rows: int) -> list[float | None]:
    return [float(at % 7) for at in range(rows)]


def test_no_rows_have_no_quality() -> None:
    assert quality(Series([], {})) is None


def test_a_channel_that_moves_otherwise_and_then_repeats_itself_is_stuck() -> None:
    found = quality(series(flow=[*moving(100), *[3.0] * 40, *moving(100)]))
    assert found is not None
    (stuck,) = found.stuck
    assert stuck.channel == "flow"
    assert 100 * STEP <= stuck.from_ns <= 101 * STEP
    assert stuck.to_ns == 139 * STEP + (STEP if moving(1)[0] == 3.0 else 0)


def test_a_switch_and_a_constant_may_rest() -> None:
    found = quality(series(on=[*[0.0] * 100, *[1.0] * 100], level=[5.0] * 200, flow=moving(200)))
    assert found is not None
    assert found.stuck == ()


def test_missing_cells_neither_hide_nor_make_a_stuck_stretch() -> None:
    cells = [*moving(100), *[3.0] * 40]
    cells[::3] = [None] * len(cells[::3])
    found = quality(series(flow=cells))
    assert found is not None
    assert abs(found.missing["flow"] - 1 / 3) < 0.01
    assert found.stuck == ()
    assert quality(series(flow=[None] * 50, load=moving(50))).missing == {"flow": 1.0, "load": 0.0}  # type: ignore[union-attr]


def test_nothing_for_much_longer_than_usual_is_a_gap() -> None:
    times = [*range(50), *range(90, 120)]
    found = quality(Series([at * STEP for at in times], {"flow": moving(80)}), lost=2)
    assert found is not None
    assert [(each.from_ns, each.to_ns) for each in found.gaps] == [(49 * STEP, 90 * STEP)]
    assert found.lost == 2


@given(st.lists(st.one_of(st.none(), st.floats(-1e9, 1e9)), min_size=1, max_size=300), st.integers(1, 5))
def test_whatever_the_rows_are_shares_lie_in_0_to_1_and_stretches_inside_them(
    cells: list[float | None], step: int
) -> None:
    times = np.cumsum(np.where(np.arange(len(cells)) % step, 1, 50)).tolist()
    found = quality(Series(times, {"a": cells, "b": cells[::-1]}))
    assert found is not None
    assert 0.0 <= found.missing_share <= 1.0
    assert len(found.stuck) <= SHOWN
    for each in (*found.stuck, *found.gaps):
        assert found.from_ns <= each.from_ns < each.to_ns <= found.to_ns
