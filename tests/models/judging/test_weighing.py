"""Figures of units that stand for others: as if all were there, and no surer than so few can be."""

from collections.abc import Callable

import numpy as np
import pytest

from benchmarks.stopped import RECIPE, SHARE, Hall, hall, side
from models.arrays import F64, Bools
from models.judging import metrics
from models.judging.evaluation import evaluation
from models.judging.gate import Check, Evidence, gate
from models.judging.pairing import Side, mean
from models.judging.weighing import effective, rarity, surely_more, uneven

TWO = ("pass", "fail")
Figure = Callable[[F64, F64, F64 | None], float | None]


def checks(new: Side, old: Side) -> dict[str, Check]:
    return {check.what: check for check in gate(Evidence(new, old)).checks}


def told(of: Hall, *, weighed: bool) -> tuple[Side, Side]:
    """Candidate and champion on what has an outcome."""
    failed, weight = of.failed[of.known], of.weight[of.known] if weighed else None
    return side(of.candidate[of.known], failed, weight), side(of.champion[of.known], failed, weight)


@pytest.mark.parametrize(
    "figure",
    [
        metrics.roc_auc,
        metrics.average_precision,
        lambda so, score, weight: metrics.confusion(so, score > 0.5, weight).f1,
        lambda so, score, weight: metrics.confusion(so, score > 0.5, weight).ber,
        lambda so, _, weight: metrics.all_ones_f1(so, weight),
        lambda so, score, weight: mean((score - so) ** 2, weight),
    ],
    ids=["roc_auc", "ap", "f1", "ber", "all_ones_f1", "brier"],
)
def test_a_unit_that_stands_for_others_counts_as_if_they_were_there(figure: Figure) -> None:
    for seed in range(30):
        rng = np.random.default_rng(seed)
        so, score = (rng.random(40) < 0.4).astype(np.float64), rng.integers(6, size=40) / 5.0
        times = rng.integers(1, 5, size=40)
        several = figure(np.repeat(so, times), np.repeat(score, times), None)
        assert figure(so, score, times.astype(np.float64)) == pytest.approx(several)


def test_where_all_weigh_the_same_a_ruling_and_an_evaluation_are_to_the_bit_as_without_weights() -> None:
    of = hall(1, 400)
    plain, ones = (
        (side(of.candidate, of.failed, weight), side(of.champion, of.failed, weight)) for weight in (None, np.ones(400))
    )
    assert gate(Evidence(*plain)) == gate(Evidence(*ones))
    assert evaluation(plain[0].judged, RECIPE, TWO) == evaluation(ones[0].judged, RECIPE, TWO)


def figures(value: F64, of: Hall, rows: Bools, *, weighed: bool) -> dict[str, float]:
    one = side(value[rows], of.failed[rows], of.weight[rows] if weighed else None)
    return {name: found or 0.0 for name, found in evaluation(one.judged, RECIPE, TWO, drawn=False).figures.items()}


def test_a_candidate_that_hears_less_is_told_as_worse_once_control_runs_count_and_as_better_before() -> None:
    found: dict[str, list[tuple[float, float]]] = {"of all": [], "weighed": [], "each once": []}
    for seed in range(12):
        of = hall(seed, apart=2.0)
        for way, gains in found.items():
            rows = np.ones_like(of.known) if way == "of all" else of.known
            new, old = (figures(each, of, rows, weighed=way == "weighed") for each in (of.candidate, of.champion))
            gains.append((new["ap"] - old["ap"], new["roc_auc"]))
    gain, auc = ({way: float(np.mean([each[at] for each in gains])) for way, gains in found.items()} for at in (0, 1))
    assert gain["of all"] < -0.15
    assert gain["weighed"] == pytest.approx(gain["of all"], abs=0.05)
    assert gain["each once"] > 0.0
    assert auc["weighed"] == pytest.approx(auc["of all"], abs=0.01)


def test_a_candidate_as_good_as_the_champion_is_let_in_once_control_runs_count_and_not_before() -> None:
    passed = {True: 0, False: 0}
    for seed in range(4):
        for weighed in passed:
            found = checks(*told(hall(seed), weighed=weighed))
            passed[weighed] += all(check.passed is not False for check in found.values())
            if not weighed:
                assert found["expected failures"].passed is False, "most that it expects to fail were stopped"
    assert passed == {True: 4, False: 0}


def test_what_is_told_of_units_that_weigh_says_so() -> None:
    of = hall(2)
    new, old = told(of, weighed=True)
    found = checks(new, old)
    units, sum_ = int(of.known.sum()), of.weight[of.known].sum()
    assert f"{units} labelled units that stand for {sum_:,.0f}" in found["roc_auc"].sentence
    assert "that stand for" in found["wrong stops"].sentence
    figured = evaluation(new.judged, RECIPE, TWO, drawn=False).figures
    assert figured["stands_for"] == pytest.approx(sum_)
    assert figured["effective"] == pytest.approx(effective(of.weight[of.known]))
    assert figured["failures"] == of.failed[of.known].sum()


def test_chances_that_are_true_are_found_far_off_as_seldom_as_is_said() -> None:
    far = 0
    for seed in range(120):
        rng = np.random.default_rng(seed)
        chance = np.concatenate([rng.beta(0.3, 6.0, size=300), rng.beta(8.0, 1.0, size=6)])
        weight = np.where(np.arange(306) < 300, 1.0, 1.0 / SHARE)
        far += abs(rarity(weight, chance, rng.random(306) < chance)) > 1.96
    assert 1 <= far <= 0.1 * 120


def test_chances_that_are_not_true_are_found_far_off_on_the_side_on_which_they_are() -> None:
    rng = np.random.default_rng(1)
    chance = np.concatenate([rng.beta(0.3, 6.0, size=300), np.full(12, 0.9)])
    weight = np.where(np.arange(312) < 300, 1.0, 1.0 / SHARE)
    failed = np.concatenate([rng.random(300) < chance[:300], np.zeros(12, dtype=np.bool_)])
    assert rarity(weight, chance, failed) < -3.5
    assert rarity(weight, 1.0 - chance, ~failed) > 3.5


def test_a_promise_that_is_kept_is_called_broken_once_in_a_hundred_gates_at_most_and_one_that_is_not_is_found() -> None:
    broken = {0.02: 0, 0.12: 0}
    for rate in broken:
        for seed in range(300):
            rng = np.random.default_rng(seed)
            stopped, control = rng.random(1500) < rate, rng.random(1500) < SHARE
            known = ~stopped | control
            weight = np.where(stopped, 1.0 / SHARE, 1.0)[known]
            broken[rate] += surely_more(stopped[known], weight, 0.02) < 0.01
    assert broken[0.02] <= 6
    assert broken[0.12] >= 250


def test_the_same_weight_for_all_is_none() -> None:
    assert uneven(np.full(5, 20.0)) is None
    assert uneven(np.zeros(0)) is None
