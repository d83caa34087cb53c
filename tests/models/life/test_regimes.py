import numpy as np
import pytest

from models.contract import F64, I64
from models.features.regimes import ByRegime, Regimes

PLACES = np.array([[0.0, 0.0, 500.0, 20.0, 3.0], [10.0, 1.0, 430.0, 35.0, 3.0], [42.0, 0.2, 610.0, -9.0, 3.0]])


def running(regimes: int, rows: int = 1500, *, seed: int = 0, wear: float = 2.0) -> tuple[F64, I64]:
    """Rows, and which regime each is of; the fifth channel knows only two values, whatever the regime."""
    rng = np.random.default_rng(seed)
    mine = rng.integers(0, regimes, rows)
    noise = rng.normal(size=(rows, 5)) * [0.01, 0.001, 1.0, 0.5, 0.0]
    drift = wear * np.linspace(0.0, 1.0, rows)[:, None] * [0.0, 0.0, 1.0, -0.5, 0.0]
    return PLACES[mine] + noise + drift + rng.integers(0, 2, (rows, 1)) * [0, 0, 0, 0, 0.02], mine


@pytest.mark.parametrize("regimes", [2, 3])
@pytest.mark.parametrize("seed", range(4))
def test_regimes_are_found(regimes: int, seed: int) -> None:
    rows, mine = running(regimes, seed=seed)
    found = Regimes().fit(rows)
    assert len(found.centers) == regimes
    pairs = {(int(a), int(b)) for a, b in zip(found.regime(rows), mine, strict=True)}
    assert len(pairs) == regimes


def test_each_row_is_compared_with_rows_of_its_own_regime() -> None:
    rows, mine = running(3)
    scaled = Regimes().fit(rows).apply(rows)
    for regime in range(3):
        np.testing.assert_allclose(scaled[mine == regime].mean(axis=0), 0.0, atol=1e-6)
        np.testing.assert_allclose(scaled[mine == regime].std(axis=0), 1.0, atol=1e-6)


def alone() -> F64:
    return running(1)[0]


def along_a_load() -> F64:
    load = np.random.default_rng(1).uniform(size=(1500, 1))
    return load * [1.0, -2.0, 5.0, 0.3] + 0.01 * np.random.default_rng(2).normal(size=(1500, 4))


def heaps_of_one_channel() -> F64:
    rng = np.random.default_rng(3)
    return np.concatenate([rng.integers(0, 4, (1500, 1)) * 10.0, rng.normal(size=(1500, 5))], axis=1)


@pytest.mark.parametrize("rows", [alone(), along_a_load(), heaps_of_one_channel(), running(3)[0][:40]])
def test_where_no_tight_heaps_tell_of_most_channels_there_is_one_regime(rows: F64) -> None:
    assert len(Regimes().fit(rows).centers) == 1


def test_regimes_are_found_and_told_with_a_fifth_of_the_values_missing() -> None:
    rows, mine = running(3)
    holes = np.where(np.random.default_rng(5).random(rows.shape) < 0.2, np.nan, rows)
    found = Regimes().fit(holes)
    assert len(found.centers) == 3
    some = (~np.isnan(holes[:, :4])).sum(axis=1) >= 2
    told = found.regime(holes)[some]
    agree = max((told == np.array(order)[mine[some]]).mean() for order in _orders())
    assert agree > 0.98


def _orders() -> list[tuple[int, int, int]]:
    return [(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)]


def test_units_of_measure_do_not_matter() -> None:
    rows, _ = running(3)
    factor, offset = np.array([-1e-3, 7.0, 1.0, -250.0, 3.0]), np.array([5.0, -1e4, 0.0, 1.0, 9.0])
    one, other = Regimes().fit(rows).apply(rows), Regimes().fit(rows * factor + offset).apply(rows * factor + offset)
    np.testing.assert_allclose(one, other * np.sign(factor), atol=1e-5)


def test_missing_stays_missing_what_never_moved_is_nothing_and_what_is_absurd_is_far() -> None:
    rows = np.concatenate([running(3)[0], np.full((1500, 1), 4.0)], axis=1)
    found = Regimes(far=6.0).fit(rows)
    assert isinstance(found, ByRegime)
    row = rows[:1].copy()
    row[0, 2], row[0, 3], row[0, 5] = np.nan, 1e300, 99.0
    scaled = found.apply(row)[0]
    assert np.isnan(scaled[2])
    assert abs(scaled[3]) == 6.0
    assert scaled[5] == 0.0
