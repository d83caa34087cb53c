"""What every trained model promises, as `test_contract` has it for detectors that learn by themselves."""

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.contract import F32, F64, Job, Scored
from models.fitting.training import train
from models.table import Stretch, Table
from models.trained import NEAR_LIMIT, Trained
from tests.models.made import NAMES, SECOND, TRAINED, fitted, recipe, recorded, rows

LENGTH = 240
every_model = pytest.mark.parametrize("name", TRAINED)
RAW = {"kind": "none"}
few = settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def job(model: Trained, shown: F64, **more: object) -> Job:
    made = Job(model.cold(len(NAMES)), np.arange(len(shown)) * SECOND, shown, np.ones(len(shown), dtype=np.bool_))
    return msgspec.structs.replace(made, **more)


def scored(model: Trained, shown: F64, **more: object) -> Scored:
    return model.advance([job(model, shown, **more)])[0]


def alike(model: Trained, one: Scored, other: Scored) -> None:
    """Features to the bit; scores as 32-bit numbers that are neighbours at most, since BLAS adds in its own order."""
    bank = model.bank.memory
    assert one.state[:bank].tobytes() == other.state[:bank].tobytes()
    np.testing.assert_allclose(one.state[bank:], other.state[bank:], rtol=1e-9, atol=1e-12)
    assert neighbours(one.score, other.score)
    far = np.abs(one.score - NEAR_LIMIT) > 1e-5
    np.testing.assert_allclose(one.contributions[far], other.contributions[far], rtol=1e-5, atol=1e-6)
    assert one.warm == other.warm
    assert (one.outlook is None) == (other.outlook is None)
    if one.outlook is not None and other.outlook is not None:
        np.testing.assert_allclose(one.outlook, other.outlook, rtol=1e-6)


def neighbours(one: np.ndarray, other: np.ndarray) -> bool:
    known = ~np.isnan(one)
    assert (known == ~np.isnan(other)).all()
    steps = np.abs(one[known].view(np.int32).astype(np.int64) - other[known].view(np.int32))
    return bool((steps <= 1).all())


def told(found: Scored) -> F32:
    """What is said of each row: a model of more than two outcomes has no score."""
    return found.score[:, None] if found.outlook is None else found.outlook


def joined(parts: list[Scored]) -> Scored:
    return Scored(
        state=parts[-1].state,
        score=np.concatenate([part.score for part in parts]),
        contributions=np.concatenate([part.contributions for part in parts]),
        warm=parts[-1].warm,
        drift=np.concatenate([part.drift for part in parts]),
        outlook=np.concatenate(outlooks) if (outlooks := [p.outlook for p in parts if p.outlook is not None]) else None,
    )


@every_model
@few
@given(seed=st.integers(0, 99), cuts=st.lists(st.integers(0, LENGTH), max_size=6), off=st.booleans())
def test_any_split_of_the_rows_gives_the_same_scores(name: str, seed: int, cuts: list[int], *, off: bool) -> None:
    model, shown = fitted(name), rows(LENGTH, seed=seed, missing=0.1)
    running = np.ones(LENGTH, dtype=np.bool_)
    running[100:130] = not off
    parts, state, begin = [], model.cold(len(NAMES)), 0
    for end in sorted({*cuts, LENGTH}):
        parts.append(scored(model, shown[begin:end], state=state, running=running[begin:end]))
        state, begin = np.frombuffer(parts[-1].state.tobytes()), end
    alike(model, joined(parts), scored(model, shown, running=running))


@every_model
def test_row_by_row_gives_the_same_scores_as_a_recording_of_thousands_at_once(name: str) -> None:
    model, shown = fitted(name), rows(5000, seed=7)
    parts: list[Scored] = []
    state = scored(model, shown[:4900]).state
    for row in range(4900, 5000):
        parts.append(scored(model, shown[row : row + 1], state=state))
        state = parts[-1].state
    at_once = scored(model, shown)
    assert neighbours(np.concatenate([part.score for part in parts]), at_once.score[4900:])


def test_where_rows_are_multiplied_by_the_same_many_at_a_time_the_bits_are_the_same() -> None:
    model, shown = fitted("mahalanobis"), rows(5000, seed=7)
    first = scored(model, shown[:3333])
    second = [scored(model, shown[3333:3334], state=first.state)]
    second.append(scored(model, shown[3334:], state=second[0].state))
    parts, whole = joined([first, *second]), scored(model, shown)
    for one, other in ((parts.score, whole.score), (parts.contributions, whole.contributions)):
        assert one.tobytes() == other.tobytes()


@every_model
@few
@given(seed=st.integers(0, 99), sizes=st.lists(st.integers(0, 60), min_size=2, max_size=9))
def test_devices_together_give_the_same_scores_as_each_alone(name: str, seed: int, sizes: list[int]) -> None:
    model = fitted(name)
    jobs = []
    for at, count in enumerate(sizes):
        shown = rows(90 + count, seed=seed + at)
        state = scored(model, shown[:90]).state if at % 2 else model.cold(len(NAMES))
        jobs.append(job(model, shown[90:], state=state, learn=at % 3 != 2))
    for together, alone in zip(model.advance(jobs), [model.advance([each])[0] for each in jobs], strict=True):
        alike(model, together, alone)


@every_model
def test_nothing_handed_over_is_changed(name: str) -> None:
    model = fitted(name)
    handed = job(model, rows(LENGTH, seed=1), state=np.frombuffer(scored(model, rows(50, seed=2)).state.tobytes()))
    before = [part.tobytes() for part in (handed.state, handed.t_ns, handed.rows, handed.running)]
    model.advance([handed])
    model.accept(handed.state)
    assert [part.tobytes() for part in (handed.state, handed.t_ns, handed.rows, handed.running)] == before


@every_model
def test_it_says_nothing_until_warm_and_always_something_after(name: str) -> None:
    model = fitted(name)
    found = scored(model, rows(LENGTH, seed=3))
    said = np.isfinite(told(found)).all(axis=1).tolist()
    cold = model.bank.warm - 1
    assert said == [False] * cold + [True] * (LENGTH - cold)
    assert found.warm == 1.0
    if cold:
        assert scored(model, rows(cold, seed=3)).warm < 1.0


def _plain(shown: F64) -> None:
    shown[120:, 1] = np.nan


def _fifth(shown: F64) -> None:
    shown[np.random.default_rng(4).random(shown.shape) < 0.2] = np.nan


def _still(shown: F64) -> None:
    shown[100:] = shown[100]


def _none(shown: F64) -> None:
    shown[:50] = np.nan
    shown[150:] = np.nan


def _wild(shown: F64) -> None:
    strange = np.array([np.inf, -np.inf, 1.7e308, -1.7e308, 1e300, 5e-324, 0.0, np.nan])
    shown[60:100] = np.random.default_rng(5).choice(strange, size=(40, len(NAMES)))


@every_model
@pytest.mark.parametrize("spoil", [_plain, _fifth, _still, _none, _wild], ids=lambda f: f.__name__[1:])
def test_garbage_gives_numbers_all_the_same(name: str, spoil: object) -> None:
    model, shown = fitted(name), rows(LENGTH, seed=4)
    assert callable(spoil)
    spoil(shown)
    found = scored(model, shown)
    warm = slice(model.bank.warm - 1, None)
    assert np.isfinite(found.state).all()
    assert not np.isinf(found.score).any()
    assert np.isfinite(found.contributions).all()
    assert np.isfinite(told(found)[warm]).all()


@every_model
def test_what_has_been_absurd_is_forgotten(name: str) -> None:
    model, shown = fitted(name), rows(3 * LENGTH, seed=6)
    spoilt = shown.copy()
    spoilt[20] = 1e300
    one, other = scored(model, shown).score[-60:], scored(model, spoilt).score[-60:]
    np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-3)


@every_model
@few
@given(seed=st.integers(0, 99))
def test_contributions_are_not_negative_and_sum_to_a_score_near_its_limit(name: str, seed: int) -> None:
    shown = rows(LENGTH, seed=seed)
    shown[100:] += np.array([0.0, 80.0, 0.0, 0.0])
    found = scored(fitted(name), shown)
    near = found.score >= NEAR_LIMIT
    assert (found.contributions >= 0).all()
    np.testing.assert_allclose(found.contributions.sum(axis=1)[near], found.score[near], rtol=1e-5)


@every_model
def test_the_state_is_one_small_vector_that_survives_as_bytes(name: str) -> None:
    model = fitted(name)
    state = scored(model, rows(LENGTH, seed=8)).state
    assert state.dtype == np.float64
    assert state.shape == model.cold(len(NAMES)).shape
    assert state.nbytes <= 5_000


@every_model
def test_late_rows_are_scored_and_teach_nothing(name: str) -> None:
    model, shown = fitted(name), rows(5000, seed=9)
    state = scored(model, shown[:200]).state
    late, live = (scored(model, shown[200:], state=state, learn=learn) for learn in (False, True))
    assert late.state.tobytes() == state.tobytes()
    assert late.score.tobytes() == live.score.tobytes()


@every_model
def test_a_machine_that_is_off_is_neither_scored_nor_remembered(name: str) -> None:
    model, shown = fitted(name), rows(LENGTH, seed=10)
    running = np.ones(LENGTH, dtype=np.bool_)
    running[70:95] = False
    found, without = scored(model, shown, running=running), scored(model, shown[running])
    assert np.isnan(found.score[~running]).all()
    assert not found.contributions[~running].any()
    assert found.score[running].tobytes() == without.score.tobytes()
    assert found.state.tobytes() == without.state.tobytes()


@every_model
def test_a_machine_that_stays_off_changes_nothing_also_beside_one_that_runs(name: str) -> None:
    model, shown = fitted(name), rows(60, seed=10)
    before = scored(model, rows(90, seed=11)).state
    resting = job(model, shown, state=before, running=np.zeros(60, dtype=np.bool_))
    empty = job(model, shown[:0], state=before)
    for found in (*model.advance([resting, empty]), *model.advance([empty, job(model, shown), resting])[::2]):
        assert found.state.tobytes() == before.tobytes()
        assert np.isnan(told(found)).all()
        assert not found.contributions.any()


@every_model
def test_channels_go_by_name_in_any_order_among_others_and_absent_ones_are_missing(name: str) -> None:
    model, shown = fitted(name), rows(LENGTH, seed=11)
    own = scored(model, shown)
    order = [2, 0, 3, 1]
    names = (*[NAMES[at] for at in order], "humidity")
    other = scored(model, np.column_stack([shown[:, order], np.full(LENGTH, 1e6)]), channels=names)
    assert neighbours(own.score, other.score)
    np.testing.assert_allclose(other.contributions[:, :4], own.contributions[:, order], rtol=1e-5)
    assert not other.contributions[:, 4].any()
    gone = shown.copy()
    gone[:, 1] = np.nan
    absent = scored(model, shown[:, [0, 2, 3]], channels=("load", "flow", "hum"))
    assert neighbours(absent.score, scored(model, gone).score)


def test_rows_without_names_of_another_width_are_refused() -> None:
    with pytest.raises(ValueError, match="was fitted on 4 channels, these rows have 3"):
        scored(fitted("mahalanobis"), np.zeros((5, 3)))


@every_model
def test_the_same_recipe_and_rows_give_the_same_scores(name: str) -> None:
    again = train(recipe(name), recorded(recipe(name).task), name=name).model
    shown = rows(LENGTH, seed=12)
    assert scored(again, shown).score.tobytes() == scored(fitted(name), shown).score.tobytes()


# Of the others scores depend on the order or the units of channels, and their recipes say so.
@pytest.mark.parametrize("name", [name for name in TRAINED if TRAINED[name].alike and recipe(name).normalise != RAW])
def test_other_names_units_and_order_of_channels_and_another_clock_change_nothing(name: str) -> None:
    within = TRAINED[name].alike
    assert within is not None
    order, gain, shift = [3, 1, 0, 2], np.array([1.8, -0.01, 1000.0, 3.6]), np.array([32.0, 5.0, -1e4, 0.0])

    def other(shown: F64) -> F64:
        changed: F64 = shown[:, order] * gain + shift
        return changed

    table = recorded(recipe(name).task)
    copy = Table(
        ("a", "b", "c", "d"),
        tuple(Stretch(s.name, s.t_ns + 10**15, other(s.rows), s.label) for s in table.stretches),
        classes=table.classes,
    )
    shown = rows(LENGTH, seed=13)
    one, two = scored(fitted(name), shown), scored(train(recipe(name), copy).model, other(shown))
    np.testing.assert_allclose(one.score.tolist(), two.score.tolist(), rtol=within, atol=1e-6)
