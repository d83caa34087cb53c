"""Each filter against what its name says, computed plainly by numpy, and in any split to the bit."""

import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.contract import F64
from models.features.filters import Change, Deviation, Lag, Mean, Restless, Smooth, Value
from models.features.kind import Feature

Plain = Callable[[F64, int], float]
some = settings(max_examples=25, deadline=None)
WINDOWS = st.sampled_from([1, 2, 3, 4, 5, 7, 8, 12, 20, 31, 64, 100])


def window(x: F64, row: int, rows: int) -> F64:
    """The last rows up to this one; before the first, the first."""
    return x[np.maximum(np.arange(row - rows + 1, row + 1), 0)]


def fading(x: F64, row: int, span: float) -> tuple[float, float]:
    """Exponential mean and deviation, as if the first row had always stood there."""
    mean, square = x[0], x[0] ** 2
    for value in x[1 : row + 1]:
        mean += (value - mean) / span
        square += (value**2 - square) / span
    return mean, math.sqrt(max(square - mean**2, 0.0))


def made(feature: Feature, x: F64, cuts: Sequence[int] = ()) -> tuple[F64, F64]:
    """Outputs (k x w) and last memory over any split."""
    memory, parts, begin = feature.start(x[0]), [], 0
    for end in (*sorted(cuts), len(x)):
        age = np.repeat(np.arange(begin, end)[:, None], x.shape[1], axis=1)
        (out,), memory = feature.run(memory, x[begin:end], age)
        parts.append(out)
        begin = end
    return np.concatenate(parts), memory


def check(feature: Feature, plain: Plain, x: F64) -> None:
    found, _ = made(feature, x)
    for column in range(x.shape[1]):
        wanted = [plain(x[:, column], row) for row in range(len(x))]
        np.testing.assert_allclose(found[:, column], wanted, rtol=1e-9, atol=1e-9)


def walk(rows: int, seed: int) -> F64:
    values: F64 = np.random.default_rng(seed).normal(size=(rows, 3)).cumsum(axis=0) * np.array([1.0, 0.01, 30.0])
    return values


@some
@given(rows=WINDOWS, seed=st.integers(0, 99))
def test_a_mean_is_the_mean_of_the_last_rows(rows: int, seed: int) -> None:
    check(Mean(rows=rows), lambda x, row: float(window(x, row, rows).mean()), walk(150, seed))


@some
@given(rows=WINDOWS.filter(lambda rows: rows > 1), seed=st.integers(0, 99))
def test_a_deviation_is_that_of_the_last_rows(rows: int, seed: int) -> None:
    check(Deviation(rows=rows), lambda x, row: float(window(x, row, rows).std()), walk(150, seed))
    floored = Deviation(rows=rows, floor=0.2)
    check(floored, lambda x, row: math.log(float(window(x, row, rows).std()) + 0.2), walk(150, seed))


@some
@given(span=st.floats(1.0, 80.0), seed=st.integers(0, 99))
def test_smooth_and_restless_fade(span: float, seed: int) -> None:
    x = np.random.default_rng(seed).normal(size=(90, 2))
    check(Smooth(span=span), lambda x, row: fading(x, row, span)[0], x)
    found, _ = made(Restless(span=span, floor=0.1), x)
    wanted = [[math.log(fading(x[:, c], row, span)[1] + 0.1) for c in range(2)] for row in range(90)]
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5)  # of a difference of nearly equal squares


@some
@given(rows=WINDOWS, seed=st.integers(0, 99))
def test_lag_and_change_look_so_many_rows_back(rows: int, seed: int) -> None:
    x = walk(150, seed)
    check(Lag(rows=rows), lambda x, row: float(x[max(row - rows, 0)]), x)
    check(Change(rows=rows), lambda x, row: float(x[row] - x[max(row - rows, 0)]), x)
    check(Value(), lambda x, row: float(x[row]), x)


EVERY: Sequence[Feature] = [
    Value(),
    Mean(rows=1),
    Mean(rows=20),
    Mean(rows=33),
    Deviation(rows=2),
    Deviation(rows=20, floor=0.05),
    Smooth(span=1.0),
    Smooth(span=17.5),
    Restless(span=30.0, floor=0.01),
    Lag(rows=9),
    Change(rows=4),
]
every = pytest.mark.parametrize("feature", EVERY, ids=repr)


@every
@settings(max_examples=10, deadline=None)
@given(cuts=st.lists(st.integers(0, 120), max_size=12), seed=st.integers(0, 99))
def test_any_split_gives_the_same_bits(feature: Feature, cuts: list[int], seed: int) -> None:
    x = walk(120, seed) + 1e3
    out, memory = made(feature, x, cuts)
    whole, last = made(feature, x)
    assert out.tobytes() == whole.tobytes()
    assert memory.tobytes() == last.tobytes()
    one_by_one, _ = made(feature, x, range(1, 120))
    assert one_by_one.tobytes() == whole.tobytes()


@every
def test_it_says_how_much_it_keeps_and_when_it_is_warm(feature: Feature) -> None:
    x = walk(80, 1)
    out, memory = made(feature, x)
    assert feature.start(x[0]).shape == memory.shape == (feature.memory, 3)
    assert out.shape == (80, 3 * feature.outputs)
    assert 1 <= feature.warm <= 34


@every
def test_what_stands_still_is_exactly_still(feature: Feature) -> None:
    out, _ = made(feature, np.full((50, 2), 0.1 + 1e5))
    spread = 0.0 if isinstance(feature, (Smooth, Restless)) is False else 1e-4
    assert np.ptp(out, axis=0).max() <= spread
