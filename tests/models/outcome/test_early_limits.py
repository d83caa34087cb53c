import msgspec
import numpy as np

from models.contract import F64
from models.fitting.training import train
from models.outcome.early_call import EarlyCall
from models.outcome.early_limits import limits
from models.outcome.early_view import View
from models.table import Table
from tests.models.outcome.test_early import COLUMNS, STEPS, bench, called, fitted, recipe

CRITICAL, FORGIVEN = COLUMNS.index("S6/q1.margin"), COLUMNS.index("S6/q0.margin")
SOME = 0.03  # of units


def room() -> F64:
    """Of 300 units, the margins in three limits: 10 are beyond the first, 12 beyond the second, 2 beyond the third."""
    found = np.full((300, 3), 0.4)
    found[:10, 0] = found[10:22, 1] = found[22:24, 2] = -0.1
    return found


def test_a_limit_beyond_which_each_unit_failed_counts_for_more_than_one_beyond_which_most_passed() -> None:
    failed = np.isin(np.arange(300), [*range(10), 10, 22, 23])
    learnt = limits(room(), failed, np.array([1, 3, 5]))
    np.testing.assert_allclose(learnt.odds, [np.log(10.5 / 0.5), np.log(1.5 / 11.5), 0.0])
    units = np.array([[-0.1, 0.2, 0.2], [0.2, -0.1, 0.2], [-0.1, -0.1, 0.2], [0.2, 0.2, 0.2], [np.nan, 0.2, -0.1]])
    worst = learnt.worst(units, known=6)
    np.testing.assert_allclose(worst, [*learnt.odds[[0, 1, 0]], np.nan, 0.0])


def test_a_value_that_meets_its_limit_is_within() -> None:
    learnt = limits(room() + 0.1 - 1e-16, np.arange(300) < 12, np.array([1, 3, 5]))
    assert learnt.odds.tolist() == [0.0] * 3
    assert np.isnan(limits(room(), np.arange(300) < 12, np.array([1, 3, 5])).worst(np.full((1, 3), -1e-16), 6)).all()


def test_a_limit_of_a_step_to_come_is_not_told() -> None:
    learnt = limits(room(), np.arange(300) < 12, np.array([1, 3, 5]))
    broken = np.full((1, 3), -1.0)
    assert np.isnan(learnt.worst(broken, known=1)).all()
    assert learnt.worst(broken, known=2).tolist() == learnt.odds[:1].tolist()


def breaking(count: int, seed: int) -> Table:
    """Units of which some break a limit of step 6 and fail, as many another of it and pass; nothing else is odd."""
    rng = np.random.default_rng(seed)
    stretches = []
    for stretch in bench(count, seed).stretches:
        rows, label, lot = stretch.rows.copy(), stretch.label, rng.random(count)
        assert label is not None
        by = -rng.uniform(0.01, 0.1, count)
        rows[:, CRITICAL] = np.where(lot < SOME, by, rows[:, CRITICAL])
        rows[:, FORGIVEN] = np.where((lot >= SOME) & (lot < 2 * SOME), by, rows[:, FORGIVEN])
        ends = np.where(lot < SOME, 1.0, label)
        stretches.append(msgspec.structs.replace(stretch, rows=rows, label=ends))
    return msgspec.structs.replace(bench(count, seed), stretches=tuple(stretches))


def test_a_unit_beyond_a_limit_that_failed_all_is_stopped_at_once_and_one_beyond_another_goes_on() -> None:
    model, table = train(recipe(), breaking(500, 11)).model, breaking(300, 12)
    _, scores = called(model, table)
    rows, truth = table.stacked(), table.labels()
    doomed, spared = rows[:, CRITICAL] < 0, (rows[:, FORGIVEN] < 0) & (truth == 0)
    assert (scores[doomed, 5] >= 1.0).mean() > 0.9
    assert (scores[spared] >= 1.0).any(axis=1).mean() < 0.2


def checked(count: int, seed: int) -> Table:
    """Units with a check of yes or no in step 6, which all must meet and a few do not."""
    rng = np.random.default_rng(seed)
    stretches = []
    for stretch in bench(count, seed).stretches:
        rows, label, met = stretch.rows.copy(), stretch.label, rng.random(count) >= SOME
        assert label is not None
        rows[:, CRITICAL - 1], rows[:, CRITICAL] = met, np.where(met, 0.0, -1.0)
        stretches.append(msgspec.structs.replace(stretch, rows=rows, label=np.where(met, label, 1.0)))
    return msgspec.structs.replace(bench(count, seed), stretches=tuple(stretches))


def test_a_unit_that_misses_a_check_which_each_passing_unit_met_is_stopped_at_once() -> None:
    model, table = train(recipe(), checked(500, 11)).model, checked(300, 12)
    _, scores = called(model, table)
    doomed = table.stacked()[:, CRITICAL] < 0
    assert (scores[doomed, 5] >= 1.0).mean() > 0.9


def test_a_model_of_before_limits_were_told_is_asked_as_it_was_trained() -> None:
    call = fitted().head
    assert isinstance(call, EarlyCall)
    before = object.__new__(View)
    before.__dict__.update({name: value for name, value in vars(call.view).items() if name != "limits"})
    z = call.view.scaled(bench(10, 9).stretches[0].rows)
    shown = z, np.zeros_like(z), call.view.surprises(z, np.zeros_like(z)), STEPS - 1
    assert before.told(*shown).shape[1] == call.view.told(*shown).shape[1] - 1
