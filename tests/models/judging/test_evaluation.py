import numpy as np
import pytest

from models.contract import F64, Scored, Task
from models.judging.evaluation import Evaluation, EvaluationError, evaluation
from models.recipe import Columns, Recipe
from models.scoring import Judged
from models.table import Stretch


def judged(label: F64 | None, score: F64, *, outlook: F64 | None = None, name: str = "one") -> Judged:
    stretch = Stretch(
        name=name, t_ns=np.arange(len(score), dtype=np.int64), rows=np.zeros((len(score), 1)), label=label
    )
    scored = Scored(
        state=np.zeros(0),
        score=score.astype(np.float32),
        contributions=np.zeros((len(score), 1), dtype=np.float32),
        warm=1.0,
        drift=np.zeros(len(score), dtype=np.bool_),
        outlook=None if outlook is None else outlook.astype(np.float32),
    )
    return Judged(stretch=stretch, scored=scored, alarm=np.nan_to_num(score) >= 1.0)


def near(found: Evaluation, **expected: float) -> None:
    assert {name: found.figures[name] for name in expected} == pytest.approx(expected, rel=1e-6)


def test_rows_are_counted_by_themselves_and_events_beside_them() -> None:
    truth = np.array([0, 0, 1, 1, 0, 1, 0, np.nan])
    score = np.array([0.1, 1.5, 2.0, 0.5, 0.2, 0.9, np.nan, 9.0])
    found = evaluation([judged(truth, score)], Recipe(task=Task.ANOMALY))
    near(found, f1=0.4, far=0.25, mar=2 / 3, events=2.0, events_found=1.0, alarms=1.0, unscored=1.0)
    assert found.rows == 7
    assert found.beside["all_ones_f1"] == pytest.approx(0.6)
    assert found.beside["random_ap"] == pytest.approx(3 / 7)


def test_an_alarm_that_rings_on_into_the_next_stretch_is_two() -> None:
    one = judged(np.array([0.0, 1.0]), np.array([0.1, 2.0]))
    found = evaluation([one, one], Recipe(task=Task.ONLINE))
    near(found, events=2.0, events_found=2.0, alarms=2.0, f1=1.0)


def test_rows_that_nobody_labelled_cannot_be_judged() -> None:
    with pytest.raises(EvaluationError, match="no row has a label"):
        evaluation([judged(None, np.array([0.5, 2.0]))], Recipe(task=Task.ANOMALY))
    with pytest.raises(EvaluationError, match="no row has a label"):
        evaluation([judged(None, np.array([0.5]), outlook=np.array([[0.5, 0.5]]))], Recipe(task=Task.OUTCOME), "01")


def test_life_is_judged_with_the_cap_laid_on_both_sides_and_without() -> None:
    label = np.array([200.0, 100.0, 0.0, np.nan])
    outlook = np.array([[140.0, 100, 180], [110.0, 90, 130], [5.0, 1, 9], [1.0, 1, 1]])
    found = evaluation([judged(label, np.ones(4), outlook=outlook)], Recipe(task=Task.LIFE, cap=125.0))
    near(
        found,
        rmse=float(np.sqrt((0 + 100 + 25) / 3)),
        rmse_uncapped=float(np.sqrt((3600 + 100 + 25) / 3)),
        mae=5.0,
        s_score=float(np.expm1(1.0) + np.expm1(0.5)),
        coverage=2 / 3,
        units=1.0,
    )
    assert found.beside["constant_rmse"] == pytest.approx(np.array([125.0, 100.0, 0.0]).std())


def test_an_error_beyond_all_bounds_has_no_s_score() -> None:
    found = evaluation([judged(np.zeros(2), np.ones(2), outlook=np.full((2, 3), 1e5))], Recipe(task=Task.LIFE))
    assert (found.figures["s_score"], found.figures["s_mean"]) == (None, None)


def units(truth: list[float], p_fail: list[float], *, threshold: float = 0.5) -> list[Judged]:
    """Two rows a unit; only the last one counts."""
    return [
        judged(
            np.array([so, so]),
            np.array([9.0, p / threshold]),
            outlook=np.array([[0.0, 1.0], [1.0 - p, p]]),
            name=str(at),
        )
        for at, (so, p) in enumerate(zip(truth, p_fail, strict=True))
    ]


def test_a_unit_is_judged_by_what_was_called_after_its_last_row() -> None:
    found = evaluation(units([0, 0, 0, 1, 1], [0.1, 0.2, 0.7, 0.6, 0.8]), Recipe(task=Task.OUTCOME), ("0", "1"))
    near(found, f1=0.8, far=1 / 3, mar=0.0, ber=1 / 6, accuracy=0.8, failures=2.0, roc_auc=5 / 6, unscored=0.0)
    assert found.rows == 5
    assert found.beside["most_frequent_accuracy"] == 0.6
    assert found.beside["all_ones_f1"] == pytest.approx(4 / 7)


def test_figures_of_few_failures_come_with_their_interval() -> None:
    rng = np.random.default_rng(0)
    truth = (rng.random(300) < 0.1).astype(float)
    chance = np.clip(0.3 * truth + rng.random(300) * 0.7, 0, 1)
    found = evaluation(units(truth.tolist(), chance.tolist()), Recipe(task=Task.OUTCOME), ("0", "1"))
    again = evaluation(units(truth.tolist(), chance.tolist()), Recipe(task=Task.OUTCOME), ("0", "1"))
    assert found == again
    low, high = found.intervals["roc_auc"]
    auc = found.figures["roc_auc"]
    assert auc is not None
    assert low < auc < high
    assert not evaluation(units([0, 1], [0, 1]), Recipe(task=Task.OUTCOME), ("0", "1"), drawn=False).intervals


def test_grades_are_judged_by_how_often_they_are_right() -> None:
    said = [
        judged(np.array([so]), np.array([np.nan]), outlook=np.eye(3)[[called]])
        for so, called in [(0.0, 0), (0.0, 0), (1.0, 1), (2.0, 1)]
    ]
    found = evaluation(said, Recipe(task=Task.OUTCOME), ("3", "20", "100"))
    near(found, accuracy=0.75, balanced_accuracy=2 / 3, macro_f1=float(np.mean([1.0, 2 / 3, 0.0])))
    assert found.beside == {"most_frequent_accuracy": 0.5}


def test_where_a_row_is_a_unit_each_row_is_judged() -> None:
    said = np.array([[0.1, 0.9, 0.8, 1.0], [0.8, 0.2, 0.1, 0.3], [0.3, 0.7, 0.6, 0.9]])
    station = judged(np.array([1.0, 0.0, 1.0]), said[:, 1] / 0.5, outlook=said)
    rows = Recipe(task=Task.OUTCOME, columns=Columns(unit_rows=True))
    found = evaluation([station], rows, "01", drawn=False)
    assert found.rows == 3
    near(found, roc_auc=1.0, far=0.0, mar=0.0, accuracy=1.0)
    assert evaluation([station], Recipe(task=Task.OUTCOME), "01", drawn=False).rows == 1
