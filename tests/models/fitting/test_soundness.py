"""What is wrong with the rows of a training is told, and what drowns the rest is left out."""

import warnings

import numpy as np
import pytest

from models.contract import F64, Task
from models.fitting.soundness import sane
from models.fitting.training import Fitted, train
from models.head import TrainingError
from models.recipe import Recipe, RecipeError, parse
from models.scoring import score
from models.table import Stretch, Table

RECIPE = parse('task = "anomaly"\nestimator = { kind = "mewma", span = 8 }')


def made(rows: F64, label: F64 | None = None) -> Table:
    """One stretch."""
    t_ns = np.arange(len(rows), dtype=np.int64)
    return Table(tuple(f"c{at}" for at in range(rows.shape[1])), (Stretch("one", t_ns, rows, label),))


def normal(rows: int, channels: int = 3) -> F64:
    """Of one machine."""
    return np.random.default_rng(0).normal(5.0, 1.0, size=(rows, channels))


def said(rows: F64, label: F64 | None = None) -> Fitted:
    """Without a word of numpy."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return train(RECIPE, made(rows, label))


@pytest.mark.parametrize("wild", [1e308, -1e308, 1e12, 1e6])
def test_one_absurd_reading_in_training_does_not_blind_its_channel(wild: float) -> None:
    rows, later = normal(600), normal(200)
    rows[300, 0] = wild
    later[:, 0] += 3.0
    fitted = said(rows)
    assert any("c0: 1 values far beyond all others" in note for note in fitted.warnings)
    assert score(fitted.model, made(later))[0].alarm[-100:].all()


def test_a_channel_of_nothing_but_absurd_readings_is_as_if_it_never_moved() -> None:
    rows = normal(600)
    rows[:, 0] = np.where(np.arange(600) % 2, 1e308, -1e308)
    told = " ".join(said(rows).warnings)
    assert "600 values" in told
    assert "c0 never moved" in told


def test_rare_but_possible_readings_and_channels_that_hardly_ever_move_are_left_alone() -> None:
    rows = np.zeros((600, 2))
    rows[::97, 0] = 1e6
    rows[:, 1] = np.random.default_rng(1).lognormal(sigma=3.0, size=600)
    assert sane(made(rows), Task.ANOMALY)[1] == ()


def test_what_is_far_beyond_all_others_stays_in_a_test_for_it_may_be_the_failure() -> None:
    rows = normal(600)
    rows[300, 0] = 1e7
    assert sane(made(rows), Task.OUTCOME)[1] == ()
    rows[300, 0] = 1e300
    assert len(sane(made(rows), Task.OUTCOME)[1]) == 1


def test_few_normal_rows_are_told_of() -> None:
    assert any("60 normal rows are few" in note for note in said(normal(60)).warnings)
    assert not said(normal(600)).warnings


def test_labels_that_cut_the_normal_rows_to_pieces_are_told_of() -> None:
    fitted = said(normal(800), np.arange(800, dtype=np.float64) % 2)
    assert any("400 pieces of at most 1" in note for note in fitted.warnings)


def test_lives_that_are_all_the_same_teach_nothing() -> None:
    with pytest.raises(TrainingError, match="same life left, 7"):
        train(Recipe(task=Task.LIFE, estimator={"kind": "wear"}), made(normal(100), np.full(100, 7.0)))


def test_a_recipe_without_features_is_told_of() -> None:
    with pytest.raises(RecipeError, match="there is none"):
        train(parse('task = "anomaly"\nfeatures = []\nestimator = { kind = "mewma" }'), made(normal(100)))


def test_a_label_of_measurements_is_no_grade() -> None:
    many = tuple(map(str, range(100)))
    table = Table(("c0",), made(normal(100, 1), np.arange(100, dtype=np.float64)).stretches, classes=many)
    with pytest.raises(TrainingError, match="100 different things"):
        train(Recipe(task=Task.OUTCOME), table)


def test_a_class_of_which_no_unit_is_counts_for_none() -> None:
    rows = normal(60)
    table = Table(
        ("c0", "c1", "c2"),
        tuple(Stretch(str(at), np.array([at]), rows[at : at + 1], np.zeros(1)) for at in range(60)),
        ("0", "1"),
    )
    recipe = parse('task = "outcome"\nestimator = { kind = "imported", path = "lightgbm.LGBMClassifier" }')
    with pytest.raises(TrainingError, match="every label says '0'"):
        train(recipe, table)
