from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import pytest
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # ships none

from models.contract import F64, Task
from models.fitting.training import train
from models.head import TrainingError
from models.imported.allowed import ALLOWED, VARIABLE, further
from models.recipe import Calibration, Recipe, RecipeError
from models.registry.folder import Registry
from models.registry.manifest import Facts
from models.scoring import score
from models.table import Stretch, Table
from models.trained import Trained

SECOND = 1_000_000_000
FACTS = Facts(made_at_ns=1)
EVERY = [(task, path) for task, paths in ALLOWED.items() for path in paths]
every_estimator = pytest.mark.parametrize(("task", "path"), EVERY, ids=[path for _, path in EVERY])


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """More of them wait for each other where the cores are taken."""
    with threadpool_limits(1):
        yield


def stretch(rows: F64, label: F64 | None = None, name: str = "a") -> Stretch:
    return Stretch(name=name, t_ns=np.arange(len(rows), dtype=np.int64) * SECOND, rows=rows, label=label)


def normal(rows: int = 300, seed: int = 0) -> Table:
    """A load, what follows it, and a channel of its own."""
    rng = np.random.default_rng(seed)
    load = rng.normal(size=rows)
    values = np.stack([load, 2 * load + 0.1 * rng.normal(size=rows), rng.normal(size=rows)], axis=1)
    return Table(channels=("load", "current", "humidity"), stretches=(stretch(values),))


def worn(units: int = 8) -> Table:
    """Units whose vibration grows until they fail."""
    rng = np.random.default_rng(1)
    parts = []
    for unit in range(units):
        life = 30 + 3 * unit
        left = np.arange(life - 1, -1, -1.0)
        rows = np.stack([50 - left + rng.normal(size=life), rng.normal(size=life), rng.normal(size=life)], axis=1)
        parts.append(stretch(rows, left, f"unit {unit}"))
    return Table(channels=("vibration", "humidity", "noise"), stretches=tuple(parts))


def pressed(rows: int = 400, classes: int = 2) -> Table:
    """Parts that fail when they were pressed too hard."""
    rng = np.random.default_rng(2)
    values = rng.normal(size=(rows, 3))
    label = np.digitize(values[:, 0] + 0.3 * rng.normal(size=rows), [0.8, 1.6][: classes - 1]).astype(np.float64)
    names = ("0", "1", "2")[:classes]
    return Table(channels=("force", "humidity", "noise"), stretches=(stretch(values, label),), classes=names)


TABLES = {Task.ANOMALY: normal(), Task.LIFE: worn(), Task.OUTCOME: pressed()}


def recipe(task: Task, path: str, **params: object) -> Recipe:
    return Recipe(task=task, seed=3, estimator={"kind": "imported", "path": path, "params": params}, horizon=10.0)


FEW_ROUNDS = {"sklearn.ensemble": "n_estimators", "lightgbm": "n_estimators", "sklearn.ensemble.Hist": "max_iter"}


def quick(task: Task, path: str) -> Recipe:
    """With few rounds where an estimator is made of many."""
    rounds = [name for start, name in FEW_ROUNDS.items() if path.startswith(start)]
    return recipe(task, path, **dict.fromkeys(rounds[-1:], 12))


def bits(model: Trained, table: Table) -> list[bytes]:
    """All that was said of its rows."""
    scored = [each.scored for each in score(model, table)]
    arrays = [(each.score, each.contributions, each.outlook) for each in scored]
    return [array.tobytes() for three in arrays for array in three if array is not None]


@every_estimator
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")  # so few rows settle nothing
def test_every_listed_estimator_trains_is_stored_and_scores_again_to_the_bit(
    tmp_path: Path, task: Task, path: str
) -> None:
    chosen, table = quick(task, path), TABLES[task]
    model = train(chosen, table).model
    registry = Registry.open(str(tmp_path))
    registry.save(model, chosen, FACTS)
    before = bits(model, table)
    assert bits(registry.load("model"), table) == before
    assert bits(train(chosen, table).model, table) == before
    (judged, *_) = score(model, table)
    assert np.isfinite(judged.scored.score).all()


def test_what_lies_off_the_normal_rings_and_the_channel_that_differs_is_blamed() -> None:
    chosen = recipe(Task.ANOMALY, "sklearn.mixture.GaussianMixture")
    model = train(chosen, normal()).model
    rows = normal(seed=9).stacked()
    rows[200:, 1] += 4.0
    table = msgspec.structs.replace(normal(), stretches=(stretch(rows),))
    (judged,) = score(model, table)
    assert (judged.scored.score[:200] >= 1.0).mean() < 0.05
    assert (judged.scored.score[200:] >= 1.0).all()
    assert (judged.scored.contributions[200:].argmax(axis=1) < 2).mean() > 0.95  # the load and what should follow it
    total = judged.scored.contributions[200:].sum(axis=1)
    np.testing.assert_allclose(total, judged.scored.score[200:], rtol=1e-5)


@pytest.mark.parametrize("rate", [0.05, 0.1])
@pytest.mark.parametrize("path", ["sklearn.ensemble.IsolationForest", "sklearn.neighbors.LocalOutlierFactor"])
def test_about_as_many_normal_rows_pass_the_limit_as_may(path: str, rate: float) -> None:
    calibration = Calibration(false_alarm_rate=rate)
    model = train(msgspec.structs.replace(quick(Task.ANOMALY, path), calibration=calibration), normal(600)).model
    (judged,) = score(model, normal(2000, seed=5))
    assert 0.2 * rate < (judged.scored.score >= 1.0).mean() < 3.0 * rate


def test_lives_come_with_an_interval_that_holds_most_of_them() -> None:
    chosen = recipe(Task.LIFE, "sklearn.ensemble.RandomForestRegressor", n_estimators=30, min_samples_leaf=3)
    model = train(msgspec.structs.replace(chosen, cap=40.0), worn()).model
    for judged in score(model, worn()):
        assert judged.scored.outlook is not None
        assert judged.stretch.label is not None
        expected, low, high = judged.scored.outlook.T
        left = np.minimum(judged.stretch.label, 40.0)
        assert (low <= expected).all()
        assert (expected <= high).all()
        assert high.max() <= 40.0
        assert ((low <= left) & (left <= high)).mean() > 0.7
        assert judged.scored.score[-1] > 1.0 > judged.scored.score[0]


def test_of_two_outcomes_the_second_rings_and_few_that_passed_do() -> None:
    chosen = recipe(Task.OUTCOME, "sklearn.linear_model.LogisticRegression")
    model = train(msgspec.structs.replace(chosen, calibration=Calibration(false_alarm_rate=0.05)), pressed()).model
    table = pressed()
    (judged,) = score(model, table)
    failed = table.labels() == 1
    assert judged.scored.outlook is not None
    np.testing.assert_allclose(judged.scored.outlook.sum(axis=1), 1.0, rtol=1e-6)
    assert (judged.scored.score[failed] >= 1.0).mean() > 0.5
    assert (judged.scored.score[~failed] >= 1.0).mean() < 0.08
    assert judged.scored.contributions[failed].sum(axis=0).argmax() == 0


def test_of_three_outcomes_none_is_the_failure_so_nothing_rings() -> None:
    table = pressed(classes=3)
    model = train(recipe(Task.OUTCOME, "sklearn.naive_bayes.GaussianNB"), table).model
    (judged,) = score(model, table)
    assert np.isnan(judged.scored.score).all()
    assert judged.scored.outlook is not None
    assert (judged.scored.outlook.argmax(axis=1) == table.labels()).mean() > 0.6


def test_probabilities_that_many_rows_share_do_not_all_ring() -> None:
    chosen = recipe(Task.OUTCOME, "sklearn.tree.DecisionTreeClassifier", max_depth=2)
    model = train(msgspec.structs.replace(chosen, calibration=Calibration(false_alarm_rate=0.05)), pressed()).model
    (judged,) = score(model, pressed())
    assert (judged.scored.score[pressed().labels() == 0] >= 1.0).mean() <= 0.06


def test_rows_that_miss_values_and_a_silent_channel_are_scored() -> None:
    model = train(quick(Task.ANOMALY, "sklearn.ensemble.IsolationForest"), normal()).model
    rows = normal().stacked()
    rows[::3, 0] = np.nan
    table = Table(channels=("load", "humidity"), stretches=(stretch(rows[:, [0, 2]]), stretch(rows[:0, [0, 2]])))
    judged = score(model, table)
    assert np.isfinite(judged[0].scored.score).all()
    assert len(judged[1].scored.score) == 0


@pytest.mark.parametrize(
    ("task", "path", "told"),
    [
        (Task.ANOMALY, "os.system", "not on the list for task 'anomaly': sklearn.covariance"),
        (Task.ANOMALY, "sklearn.linear_model.Ridge", "not on the list for task 'anomaly'"),
        (Task.LIFE, "sklearn.linear_model.LogisticRegression", "not on the list for task 'life'"),
        (Task.ANOMALY, "", "not on the list"),
    ],
)
def test_what_is_not_on_the_list_is_never_imported(task: Task, path: str, told: str) -> None:
    with pytest.raises(RecipeError, match=told):
        train(recipe(task, path), TABLES[task])


def test_a_hyper_parameter_that_it_lacks_or_cannot_use_is_told_of() -> None:
    with pytest.raises(RecipeError, match=r"IsolationForest: .*'trees'"):
        train(recipe(Task.ANOMALY, "sklearn.ensemble.IsolationForest", trees=3), normal())
    with pytest.raises(TrainingError, match=r"IsolationForest cannot be fitted on .*n_estimators"):
        train(recipe(Task.ANOMALY, "sklearn.ensemble.IsolationForest", n_estimators=-3), normal())


def test_one_kind_of_outcome_in_every_fold_but_one_is_enough_or_told_of() -> None:
    table = pressed()
    label = np.zeros(400)
    label[-30:] = 1.0
    late = msgspec.structs.replace(table, stretches=(stretch(table.stacked(), label),))
    model = train(recipe(Task.OUTCOME, "sklearn.naive_bayes.GaussianNB"), late).model
    (judged,) = score(model, late)
    assert np.isfinite(judged.scored.score).all()


def test_a_person_adds_to_the_list(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = "sklearn.ensemble.AdaBoostRegressor"
    with pytest.raises(RecipeError, match="the variable TOCSIN_ALLOW adds"):
        train(recipe(Task.LIFE, path), worn())
    monkeypatch.setenv(VARIABLE, f" {path}, nowhere.Nothing,")
    assert further() == (path, "nowhere.Nothing")
    chosen = recipe(Task.LIFE, path, n_estimators=5)
    model = train(chosen, worn()).model
    Registry.open(str(tmp_path), allow=further()).save(model, chosen, FACTS)
    assert bits(Registry.open(str(tmp_path), allow=further()).load("model"), worn()) == bits(model, worn())
    with pytest.raises(RecipeError, match=r"there is no 'nowhere\.Nothing'"):
        train(recipe(Task.LIFE, "nowhere.Nothing"), worn())


def test_an_estimator_without_the_verb_that_a_task_needs_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "sklearn.svm.LinearSVC,sklearn.cluster.KMeans,sklearn.utils.shuffle")
    with pytest.raises(TrainingError, match="LinearSVC has no predict_proba"):
        train(recipe(Task.OUTCOME, "sklearn.svm.LinearSVC"), pressed())
    with pytest.raises(TrainingError, match="KMeans has no score_samples or decision_function"):
        train(recipe(Task.ANOMALY, "sklearn.cluster.KMeans"), normal())
    with pytest.raises(RecipeError, match="is no class"):
        train(recipe(Task.ANOMALY, "sklearn.utils.shuffle"), normal())
