import msgspec
import numpy as np
import pytest

from models.contract import Task
from models.fitting.training import train
from models.outcome.pairs import with_pairs
from models.recipe import Recipe, RecipeError, load
from models.scoring import score
from models.table import Stretch, Table

NAMES = ("kind", "torque", "speed", "room")


def parts(count: int = 1500, seed: int = 0) -> Table:
    """Parts that fail where torque times speed is too much for their kind, whatever each is by itself."""
    rng = np.random.default_rng(seed)
    kind = rng.integers(0, 2, count).astype(np.float64)
    rows = np.stack([kind, rng.uniform(10, 100, count), rng.uniform(10, 100, count), rng.normal(300, 2, count)], axis=1)
    failed = (rows[:, 1] * rows[:, 2] > 5500 + 1000 * kind).astype(np.float64)
    stretches = tuple(
        Stretch(str(at), np.zeros(1, dtype=np.int64), rows[at : at + 1], failed[at : at + 1]) for at in range(count)
    )
    return Table(NAMES, stretches, classes=("0", "1"))


def recipe(kind: str = "pairs", **more: object) -> Recipe:
    estimator = {
        "kind": kind,
        "path": "sklearn.tree.DecisionTreeClassifier",
        "params": {"max_leaf_nodes": 6},
        "limit": 0.5,
        **more,
    }
    return Recipe(task=Task.OUTCOME, normalise={"kind": "none"}, estimator=estimator)


def wrong(chosen: Recipe) -> float:
    """Share of parts that it calls wrongly."""
    judged = parts(seed=1)
    said = score(train(chosen, parts()).model, judged)
    rings = np.array([float(each.scored.score[0] >= 1.0) for each in said])
    return float((rings != judged.labels()).mean())


def test_a_limit_on_a_product_is_learnt_by_few_cuts() -> None:
    assert wrong(recipe()) < 0.02
    assert wrong(recipe()) < wrong(recipe("imported")) / 3


def test_what_takes_few_values_is_a_category_and_makes_no_pairs() -> None:
    head = train(recipe(), parts()).model.head
    assert getattr(head, "measured").tolist() == [1, 2, 3]  # noqa: B009 -- typed as any head


def test_every_two_are_paired_once() -> None:
    rows = np.array([[5.0, 2.0, 3.0], [1.0, np.nan, 4.0]])
    np.testing.assert_array_equal(
        with_pairs(rows, np.arange(3)),
        [[5, 2, 3, 10, 15, 6, 3, 2, -1], [1, np.nan, 4, np.nan, 4, np.nan, np.nan, -3, np.nan]],
    )
    assert with_pairs(rows, np.arange(1)).tolist()[0] == [5.0, 2.0, 3.0]


def test_the_channels_of_the_pair_are_blamed_and_no_other() -> None:
    said = score(train(recipe(), parts()).model, parts(seed=1))
    shares = np.stack([each.scored.contributions[0] for each in said if each.scored.score[0] >= 1.0])
    torque, speed, room = shares[:, 1].mean(), shares[:, 2].mean(), shares[:, 3].mean()
    assert min(torque, speed) > 10 * room
    assert max(torque, speed) < 2 * min(torque, speed)


def test_a_limit_that_is_not_named_comes_from_held_out_rows() -> None:
    model = train(recipe(limit=None, params={"max_leaf_nodes": 30, "min_samples_leaf": 20}), parts()).model
    threshold: float = getattr(model.head, "threshold")  # noqa: B009 -- typed as any head
    assert 0.0 < threshold <= 1.0
    assert threshold != pytest.approx(0.5)


def test_a_limit_is_refused_where_nothing_says_how_likely_a_failure_is() -> None:
    named = {"kind": "imported", "path": "sklearn.mixture.GaussianMixture", "limit": 0.5}
    with pytest.raises(RecipeError, match="limit"):
        train(Recipe(task=Task.ANOMALY, estimator=named), parts(100))


def test_the_shipped_recipe_learns_a_limit_for_each_kind() -> None:
    shipped = load("ai4i")
    params = {**msgspec.convert(shipped.estimator["params"], dict[str, object]), "n_estimators": 60}
    chosen = msgspec.structs.replace(shipped, estimator={**shipped.estimator, "params": params})
    assert wrong(chosen) < 0.03


def test_an_unknown_key_is_refused() -> None:
    with pytest.raises(RecipeError, match="estimator"):
        train(recipe(ratios=True), parts(100))
