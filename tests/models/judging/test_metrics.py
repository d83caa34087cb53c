import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, balanced_accuracy_score, f1_score, roc_auc_score

from models.judging import metrics

calls = st.lists(st.tuples(st.booleans(), st.booleans(), st.sampled_from([0.0, 0.1, 0.5, 0.5, 2.0])), min_size=2)


@given(calls)
def test_figures_are_those_of_scikit_learn(rows: list[tuple[bool, bool, float]]) -> None:
    truth, flagged, score = (np.array(column) for column in zip(*rows, strict=True))
    found = metrics.confusion(truth, flagged)
    assert found.f1 == pytest.approx(f1_score(truth, flagged, zero_division=0))
    if truth.any():
        assert metrics.average_precision(truth, score) == pytest.approx(average_precision_score(truth, score))
    if truth.any() and not truth.all():
        assert metrics.roc_auc(truth, score) == pytest.approx(roc_auc_score(truth, score))
        assert found.ber == pytest.approx(1 - balanced_accuracy_score(truth, flagged))


def test_a_figure_that_cannot_be_told_is_none() -> None:
    none_failed = metrics.confusion([0, 0], [0, 1])
    assert (none_failed.mar, none_failed.fdr, none_failed.ber) == (None, None, None)
    assert metrics.roc_auc([0, 0], [1, 2]) is None
    assert metrics.average_precision([0, 0], [1, 2]) is None
    assert metrics.confusion([0, 0], [0, 0]).f1 == 0.0


def test_a_row_without_a_score_ranks_below_all_others() -> None:
    assert metrics.roc_auc([0, 1], [np.nan, -5.0]) == 1.0
    assert metrics.average_precision([1, 0], [np.nan, -5.0]) == 0.5


def test_late_estimates_of_life_cost_more_than_early_ones() -> None:
    assert metrics.s_score([50], [60]) > metrics.s_score([50], [40])
    assert metrics.s_score([50], [50]) == 0.0


def test_an_interval_holds_the_figure_and_is_the_same_for_a_seed() -> None:
    rng = np.random.default_rng(1)
    truth, groups = rng.random(400) < 0.1, np.arange(400) // 4
    score = truth + rng.normal(size=400)
    auc = metrics.roc_auc(truth, score)
    found = metrics.interval(lambda rows: metrics.roc_auc(truth[rows], score[rows]), groups, seed=3, rounds=200)
    again = metrics.interval(lambda rows: metrics.roc_auc(truth[rows], score[rows]), groups, seed=3, rounds=200)
    assert found is not None
    assert auc is not None
    assert found == again
    assert found[0] < auc < found[1]


def test_too_few_groups_give_no_interval() -> None:
    assert metrics.interval(lambda rows: float(len(rows)), [1, 1, 2, 2, 3]) is None
    assert metrics.interval(lambda _: None, np.arange(9)) is None
