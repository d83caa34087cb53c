"""The limit of passing units that are stopped in spells, as those of a station are that drifts."""

import numpy as np
import pytest
from scipy.stats import norm

from models.contract import F64
from models.outcome.early_odds import SPELL, independent, run_limit

RATE, APART = 0.02, 0.7  # spreads from spell to spell, of those within


def spells(rng: np.random.Generator, count: int = 100) -> F64:
    """Passing units, of which those of a spell say alike."""
    return np.asarray(rng.normal(size=count * SPELL) + np.repeat(APART * rng.normal(size=count), SPELL))


def chances(sure: float | None, *, shuffled: bool = False) -> F64:
    """How likely a passing unit truly exceeds a limit, for each of many that were set."""
    rng, found = np.random.default_rng(41), []
    for _ in range(400):
        highest = spells(rng)
        passed = rng.permutation(highest) if shuffled else highest
        limit = run_limit(passed[:, None], RATE, sure=sure)
        found.append(norm.sf(limit / np.hypot(1.0, APART)))
    return np.array(found)


def test_units_that_are_stopped_in_spells_are_stopped_as_rarely_as_was_allowed_on_average() -> None:
    assert chances(None).mean() == pytest.approx(RATE, abs=0.0015)


def test_as_many_trainings_keep_the_rate_as_was_asked_for() -> None:
    assert (chances(0.8) <= RATE).mean() == pytest.approx(0.8, abs=0.06)
    assert (chances(0.95) <= RATE).mean() > 0.9


def test_units_in_any_order_are_taken_for_independent_which_promises_too_much_of_spells() -> None:
    assert (chances(0.95, shuffled=True) <= RATE).mean() < 0.86


def test_units_that_come_as_they_like_count_each_for_itself_and_those_of_a_spell_for_few() -> None:
    rng = np.random.default_rng(42)
    alone, together = rng.normal(size=100 * SPELL) > 2.0, spells(rng) > 2.5
    ones = np.ones(100 * SPELL)
    assert independent(alone, ones) > 0.7 * len(alone)
    assert independent(together, ones) < 0.5 * len(together)
    assert independent(alone, np.where(np.arange(len(alone)) % 10 == 0, 20.0, 1.0)) < 0.3 * len(alone)


def test_more_units_are_needed_to_be_surer() -> None:
    rng = np.random.default_rng(43)
    assert run_limit(rng.normal(size=(60, 3)), RATE) < np.inf
    assert run_limit(rng.normal(size=(60, 3)), RATE, sure=0.9) == np.inf
    assert run_limit(rng.normal(size=(200, 3)), RATE, sure=0.9) < np.inf
    assert run_limit(rng.normal(size=(200, 3)), 0.0) == np.inf
