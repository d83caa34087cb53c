"""Units that stand for others, because those were stopped and nobody saw how they would have ended."""

from functools import cache

import msgspec
import numpy as np
import pytest

from benchmarks.bench import Tested as Units
from benchmarks.spared import SHARE, Second, seconds
from models.contract import F64
from models.fitting.training import train
from models.outcome.early_call import EarlyCall
from models.outcome.early_odds import odds, run_limit
from models.table import Table
from tests.models.outcome.test_early import bench, recipe

SHADOW, AFTER, FRESH = 400, 1200, 1000


def units(count: int, seed: int) -> Units:
    table = bench(count // 2, seed)
    order = np.argsort(np.concatenate([stretch.t_ns for stretch in table.stretches]))
    return Units(
        columns=table.channels,
        rows=table.stacked()[order],
        station=np.repeat(np.arange(2), count // 2)[order],
        t_ns=np.concatenate([stretch.t_ns for stretch in table.stretches])[order],
        failed=table.labels()[order] == 1,
        doomed=np.full(count, -1),
        seconds=np.ones((count, 1)),
    )


@cache
def second() -> dict[str, Second]:
    control = np.random.default_rng(5).random(SHADOW + AFTER) < SHARE
    return seconds(recipe("trees = 20, least = 10"), units(SHADOW + AFTER, 31), SHADOW, control, units(FRESH, 32))


def test_without_weights_a_second_training_thinks_that_few_units_fail_and_with_them_that_as_many_do() -> None:
    assert second()["whole"].begun == pytest.approx(1.0, abs=0.2)
    assert second()["unweighed"].begun < 0.75
    assert second()["weighed"].begun == pytest.approx(1.0, abs=0.2)


def test_without_weights_a_second_training_stops_many_passing_units_and_with_them_as_few_as_was_promised() -> None:
    assert second()["unweighed"].wrongly > 0.05
    assert second()["weighed"].wrongly < 0.03
    assert second()["weighed"].rightly > 0.8


def weighed(table: Table, weight: float) -> Table:
    """Units with a sign of failure stand for so many."""
    heavy = [np.where(s.rows[:, 0] > 0, weight, 1.0) for s in table.stretches]
    stretches = [msgspec.structs.replace(s, weight=w) for s, w in zip(table.stretches, heavy, strict=True)]
    return msgspec.structs.replace(table, stretches=tuple(stretches))


def test_units_that_stand_for_themselves_alone_give_the_bits_of_a_table_without_weights() -> None:
    plain, ones = (head(table) for table in (bench(100, 33), weighed(bench(100, 33), 1.0)))
    assert ones.odds.limit == plain.odds.limit
    assert ones.odds.slope == plain.odds.slope
    assert (ones.odds.low == plain.odds.low).all()
    assert (ones.odds.high == plain.odds.high).all()
    assert [tree.model_to_string() for tree in ones.trees] == [tree.model_to_string() for tree in plain.trees]


def test_units_that_stand_for_others_change_the_trees_too() -> None:
    plain, heavy = (head(table) for table in (bench(100, 33), weighed(bench(100, 33), 5.0)))
    assert [tree.model_to_string() for tree in heavy.trees] != [tree.model_to_string() for tree in plain.trees]


def head(table: Table) -> EarlyCall:
    found = train(recipe("trees = 5, least = 2"), table).model.head
    assert isinstance(found, EarlyCall)
    return found


def test_the_limit_of_units_that_stand_for_many_is_nearly_that_of_so_many_units() -> None:
    rng = np.random.default_rng(34)
    passed, weight = rng.normal(size=(500, 3)), rng.integers(1, 5, 500)
    limit = run_limit(passed, 0.05, weight.astype(np.float64))
    many = np.repeat(passed.max(axis=1), weight)
    assert 0.035 < (many >= limit).mean() <= 0.05
    assert 0.035 < (many >= run_limit(many[:, None], 0.05)).mean() <= 0.05


def test_passing_units_are_stopped_as_rarely_as_was_promised_though_most_that_were_called_are_missing() -> None:
    rng, wrong = np.random.default_rng(35), []
    for _ in range(300):
        seen, weight = survivors(rng.normal(size=1500), rng)
        wrong.append([(rng.normal(size=1000) >= run_limit(seen[:, None], 0.05, w)).mean() for w in (weight, None)])
    assert np.mean(wrong, axis=0)[0] == pytest.approx(0.04, abs=0.01)
    assert np.mean(wrong, axis=0)[0] <= 0.05
    assert np.mean(wrong, axis=0)[1] > 0.07


def survivors(said: F64, rng: np.random.Generator) -> tuple[F64, F64]:
    """Of passing units those that have an outcome: of the tenth that was called a fifth, each for five."""
    called = said > 1.2816
    seen = ~called | (rng.random(len(said)) < 0.2)
    return said[seen], np.where(called, 5.0, 1.0)[seen]


def test_an_interval_that_rests_on_units_of_uneven_weight_is_wider() -> None:
    rng = np.random.default_rng(36)
    told, failed = rng.normal(size=(400, 2)), rng.random(400) < 0.5
    uneven = np.where(rng.random(400) < 0.1, 20.0, 1.0)
    widths = [
        odds(told, failed, rate=0.02, multiple=1.0, coverage=0.9, weight=weight).high.mean()
        - odds(told, failed, rate=0.02, multiple=1.0, coverage=0.9, weight=weight).low.mean()
        for weight in (None, np.full(400, 20.0), uneven)
    ]
    assert widths[0] == pytest.approx(widths[1])
    assert widths[2] > 1.5 * widths[0]


def test_a_chance_counts_units_as_many_times_as_they_stand_for() -> None:
    told, failed = np.zeros((300, 2)), np.arange(300) < 30
    found = odds(told, failed, rate=0.02, multiple=1.0, coverage=0.9, weight=np.where(failed, 9.0, 1.0))
    assert found.outlook(found.of(np.zeros(1)), np.zeros(1, dtype=np.int64))[0, 1] == pytest.approx(0.5, abs=0.01)


def test_of_too_few_passing_units_it_is_said_that_no_one_will_be_stopped() -> None:
    few = bench(20, 5, bad=0.3)
    for sure, need in (("", "49"), (", sure = 0.9", "114")):
        warnings = train(recipe(f"trees = 5, least = 2{sure}"), few).warnings
        assert any("never says stop" in warning and f"it takes {need}" in warning for warning in warnings)
    assert not any("never says stop" in warning for warning in train(recipe("trees = 5"), bench(100, 6)).warnings)
