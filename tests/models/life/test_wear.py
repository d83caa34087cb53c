import msgspec
import numpy as np
import pytest

from models.contract import F64, Scored
from models.fitting.training import train
from models.head import TrainingError
from models.judging.evaluation import evaluation
from models.life.wear import Wear
from models.recipe import changed, load, parse
from models.registry.payload import packed, unpacked
from models.scoring import score
from models.table import Stretch, Table
from models.trained import Trained

SECOND = 1_000_000_000
CHANNELS = ("speed", "pressure", "heat", "flow", "hum", "ambient")
LOADS = np.array([[0.0, 0, 0, 0, 0, 0], [40.0, 9, 200, -30, 5, 8], [90.0, -20, 90, 60, 9, -4]])
RECIPE = """
task = "life"
cap = 60.0
horizon = 20.0
normalise = { kind = "regimes" }
features = [{ kind = "value" }, { kind = "trend", span = 15 }]
estimator = { kind = "wear", hidden = [24], passes = 30, networks = 1 }
"""


def unit(seed: int, *, regimes: int = 1) -> Stretch:
    """Heat and flow tell of wear that grows ever faster; hum and ambient tell of nothing."""
    rng = np.random.default_rng(seed)
    count = int(rng.integers(80, 150))
    left = np.arange(count - 1.0, -1.0, -1.0)
    wear = 4.0 * np.exp(-left / 30.0)
    tells = np.stack([0.2 * wear, 0.0 * wear, wear, -0.7 * wear, 0.0 * wear, 0.0 * wear], axis=1)
    rows = 10.0 + 3.0 * LOADS[rng.integers(0, regimes, count)] + tells + 0.3 * rng.normal(size=(count, 6))
    return Stretch(f"unit-{seed}", np.arange(count) * SECOND, rows, left)


def fleet(first: int, count: int, *, regimes: int = 1, missing: float = 0.0) -> Table:
    made = [unit(seed, regimes=regimes) for seed in range(first, first + count)]
    lost = np.random.default_rng(first)
    for each in made:
        each.rows[lost.random(each.rows.shape) < missing] = np.nan
    return Table(CHANNELS, tuple(made))


def fitted(table: Table, recipe: str = RECIPE) -> Trained:
    return train(parse(recipe), table).model


def rmse(model: Trained, table: Table) -> float:
    found = evaluation(score(model, table), parse(RECIPE), drawn=False).figures["rmse"]
    assert found is not None
    return found


@pytest.fixture(scope="module")
def model() -> Trained:
    return fitted(fleet(0, 30))


def scored(model: Trained, table: Table) -> list[Scored]:
    return [one.scored for one in score(model, table)]


def outlook(scored: Scored) -> F64:
    assert scored.outlook is not None
    return scored.outlook.astype(np.float64)


def test_life_is_foretold_for_units_that_were_not_seen(model: Trained) -> None:
    assert rmse(model, fleet(100, 10)) < 9.0  # the best constant is off by 22


def test_the_score_is_the_horizon_in_expected_lives(model: Trained) -> None:
    (one, *_) = scored(model, fleet(100, 1))
    warm = ~np.isnan(one.score)
    np.testing.assert_allclose(one.score[warm], 20.0 / np.maximum(outlook(one)[warm, 0], 0.02), rtol=1e-5)
    assert one.score[-1] > 1.0


def test_the_interval_encloses_the_expected_life_and_holds_about_as_often_as_asked(model: Trained) -> None:
    found = fleet(200, 12)
    rows = np.concatenate([outlook(each) for each in scored(model, found)])
    true = np.minimum(found.labels(), 60.0)
    warm = ~np.isnan(rows[:, 0])
    life, low, high = rows[warm].T
    assert ((low >= 0.0) & (low <= life) & (life <= high) & (high <= 60.0)).all()
    assert 0.8 <= ((low <= true[warm]) & (true[warm] <= high)).mean() <= 0.99


def test_channels_that_wear_moves_speak_for_the_end(model: Trained) -> None:
    shares = np.mean([one.contributions[-1] / one.score[-1] for one in scored(model, fleet(100, 10))], axis=0)
    np.testing.assert_allclose(shares.sum(), 1.0, rtol=1e-5)
    told = dict(zip(CHANNELS, shares.tolist(), strict=True))
    assert told["heat"] + told["flow"] > 0.7
    assert told["hum"] + told["ambient"] < 0.15


def test_operating_regimes_cost_little_where_they_are_found() -> None:
    train_on, judge = fleet(0, 30, regimes=3), fleet(100, 10, regimes=3)
    blind = RECIPE.replace("regimes", "standard")
    assert rmse(fitted(train_on), judge) < min(9.0, rmse(fitted(train_on, blind), judge) - 1.0)


def test_a_fifth_of_the_values_missing_still_makes_a_useful_model() -> None:
    holes = fleet(0, 30, regimes=3, missing=0.2)
    judged = fleet(100, 10, regimes=3, missing=0.2)
    found = fitted(holes)
    assert rmse(found, judged) < 12.0
    assert not np.isnan(np.concatenate([one.score[8:] for one in scored(found, judged)])).any()


def test_other_names_order_units_and_clock_change_nothing_much(model: Trained) -> None:
    def other(table: Table) -> Table:
        order, factor = np.array([3, 0, 5, 4, 1, 2]), np.array([-2.0, 0.01, 300.0, -0.5, 1.0, 7.0])
        stretches = [
            msgspec.structs.replace(each, rows=each.rows[:, order] * factor - 5.0, t_ns=each.t_ns + 77 * SECOND)
            for each in table.stretches
        ]
        return Table(("a", "b", "c", "d", "e", "f"), tuple(stretches))

    judged = fleet(100, 10)
    assert abs(rmse(fitted(other(fleet(0, 30))), other(judged)) - rmse(model, judged)) < 1.0


def test_the_number_of_axes_is_that_of_the_ways_to_wear(model: Trained) -> None:
    assert isinstance(model.head, Wear)
    assert model.head.onto.shape == (6, 1)


def test_the_same_recipe_rows_and_seed_give_the_same_scores(model: Trained) -> None:
    again = fitted(fleet(0, 30))
    judged = fleet(100, 2)
    assert all(
        a.score.tobytes() == b.score.tobytes()
        for a, b in zip(*(scored(each, judged) for each in (model, again)), strict=True)
    )


def test_it_is_stored_and_loaded_under_the_types_that_are_allowed(model: Trained) -> None:
    content = packed(model.normaliser, model.head)
    assert len(content) < 1_000_000
    normaliser, head = unpacked(content, "here")
    loaded = Trained(**{**vars(model), "normaliser": normaliser, "head": head})
    judged = fleet(100, 2)
    assert all(
        a.score.tobytes() == b.score.tobytes()
        for a, b in zip(*(scored(each, judged) for each in (model, loaded)), strict=True)
    )


def test_its_memory_of_a_device_with_eight_channels_is_small() -> None:
    rows = np.random.default_rng(0).normal(size=(60, 8))
    units = [Stretch(str(at), np.arange(60) * SECOND, rows + at, np.arange(59.0, -1.0, -1.0)) for at in range(6)]
    made = train(changed(load("cmapss"), {"estimator.passes": 1}), Table(tuple("abcdefgh"), tuple(units))).model
    assert made.cold(8).nbytes < 10_000


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"features": [{"kind": "trend", "span": 9}]}, "the first of the features"),
        ({"features": [{"kind": "value"}]}, "add \\{ kind = 'trend'"),
    ],
)
def test_features_that_do_not_suit_it_are_refused(change: dict[str, object], words: str) -> None:
    with pytest.raises(TrainingError, match=words):
        train(changed(parse(RECIPE), change), fleet(0, 5))


def test_too_few_units_are_refused_and_three_rows_each_are_too() -> None:
    with pytest.raises(TrainingError, match="3 units with known life are too few"):
        fitted(fleet(0, 3))
    short = Table(CHANNELS, tuple(Stretch(s.name, s.t_ns[:3], s.rows[:3], s.label) for s in fleet(0, 9).stretches))
    with pytest.raises(TrainingError, match="need 8 before they mean anything"):
        fitted(short)


def test_constant_and_copied_channels_do_no_harm() -> None:
    def spoilt(table: Table) -> Table:
        made = []
        for each in table.stretches:
            rows = np.concatenate([each.rows, each.rows[:, 2:3], np.full((len(each.rows), 1), 7.0)], axis=1)
            made.append(msgspec.structs.replace(each, rows=rows))
        return Table((*CHANNELS, "copy", "still"), tuple(made))

    assert rmse(fitted(spoilt(fleet(0, 30))), spoilt(fleet(100, 10))) < 9.0
