import numpy as np
import pytest

from simulators.chance import Chance
from simulators.lag import Coloured, Lag
from simulators.rows import CHUNK, F64


@pytest.mark.parametrize("tau_s", [0.001, 0.7, 40.0, 100_000.0])
def test_a_lag_is_the_recursion_step_by_step(tau_s: float) -> None:
    target = np.random.default_rng(1).uniform(-3, 9, 2 * CHUNK)
    lag = Lag(tau_s, 1_000_000_000)
    course = np.concatenate([lag.follow(target[:CHUNK]), lag.follow(target[CHUNK:])])
    keep = np.exp(-1.0 / tau_s)
    expected, last = np.empty(len(target)), target[0]
    for i, value in enumerate(target):
        last = keep * last + (1.0 - keep) * value
        expected[i] = last
    assert np.allclose(course, expected, rtol=1e-9, atol=1e-9)


def test_a_lag_starts_where_it_is_told() -> None:
    assert Lag(1e9, 1_000_000_000, 5.0).follow(np.zeros(CHUNK))[0] == pytest.approx(5.0)


def test_coloured_noise_keeps_its_variance_and_its_memory() -> None:
    chance, colour = Chance(1), Coloured(10.0, 1_000_000_000)
    noise: F64 = np.concatenate([colour.of(chance.noise("x", chunk, 1)[:, 0]) for chunk in range(20)])
    assert noise.std() == pytest.approx(1.0, abs=0.1)
    assert np.corrcoef(noise[:-10], noise[10:])[0, 1] == pytest.approx(np.exp(-1), abs=0.08)


def test_chance_is_uniform_and_knows_its_place() -> None:
    chance = Chance(7)
    index = np.arange(100_000, dtype=np.int64)
    drawn = chance.uniform("a", index)
    assert 0.0 <= drawn.min() < drawn.max() < 1.0
    assert np.histogram(drawn, bins=10)[0].std() < 150
    assert np.array_equal(drawn[500:600], chance.uniform("a", index[500:600]))
    assert not np.array_equal(drawn, chance.uniform("b", index))
    assert not np.array_equal(drawn, Chance(8).uniform("a", index))


def test_levels_are_the_same_seen_from_near_and_from_far() -> None:
    chance = Chance(7)
    far = np.arange(0, 10_000, 100, dtype=np.int64)
    near = np.arange(0, 10_000, dtype=np.int64)
    assert np.array_equal(chance.level("x", far), chance.level("x", near)[far])


def test_a_wander_stays_within_one_and_does_not_jump() -> None:
    t_ns = np.arange(0, 100_000, dtype=np.int64)
    curve = Chance(3).wander("x", t_ns, 1000)
    assert np.abs(curve).max() <= 1.0
    assert np.abs(np.diff(curve)).max() < 0.005
