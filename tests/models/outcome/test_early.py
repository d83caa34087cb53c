"""Benches whose units fail by a jump of one quantity, or by a station that drifts; made here, to be small."""

import math
from functools import cache

import msgspec
import numpy as np
import pytest

from models.contract import F64, Bools, Job
from models.fitting.training import train
from models.head import TrainingError
from models.judging.metrics import roc_auc
from models.outcome.early_call import EarlyCall
from models.recipe import Recipe, load, parse
from models.scoring import score
from models.table import Stretch, Table
from models.trained import Trained

SECOND = 1_000_000_000
STEPS, QUANTITIES = 8, 2
COLUMNS = tuple(
    f"S{step}/{name}"
    for step in range(1, STEPS + 1)
    for name in (*(f"q{at}{end}" for at in range(QUANTITIES) for end in ("", ".margin")), ".seconds")
)
STEP = np.repeat(np.arange(STEPS), len(COLUMNS) // STEPS)


def recipe(estimator: str = "trees = 60, least = 10") -> Recipe:
    return parse(f"""
        task = "outcome"
        columns = {{ unit_rows = true, group = ["station"] }}
        normalise = {{ kind = "none" }}
        features = [{{ kind = "seen" }}]
        estimator = {{ kind = "early", {estimator} }}
        calibration = {{ false_alarm_rate = 0.02 }}
        """)


def bench(count: int, seed: int, *, drifts: bool = False, bad: float = 0.12) -> Table:
    """Units in which q0 jumps in step 3 (or drifts on the station), which the last step finds."""
    rng = np.random.default_rng(seed)
    stretches = []
    for station in range(2):
        own = rng.normal(size=(count, 1, QUANTITIES))
        z = 0.8 * own + 0.6 * rng.normal(size=(count, STEPS, QUANTITIES))
        failed: Bools = rng.random(count) < bad
        z[failed, 2:, 0] += 4.0
        if drifts:
            wear = np.maximum(np.arange(count) % 60 - 30, 0) * 0.2
            z[:, :, 1] += wear[:, None]
            failed = failed | (wear > 4.0)
        limit = 9.0
        margin = (limit - np.abs(z)) / (2 * limit)
        seconds = 20.0 + rng.normal(size=(count, STEPS, 1))
        pairs = np.stack([100.0 + z, margin], axis=3).reshape(count, STEPS, -1)
        rows = np.concatenate([pairs, seconds], axis=2).reshape(count, -1)
        times = (np.arange(count) * 2 + station) * SECOND
        stretches.append(Stretch(f"bench-{station}", times, rows, failed.astype(np.float64)))
    return Table(COLUMNS, tuple(stretches), classes=("pass", "fail"))


@cache
def fitted() -> Trained:
    return train(recipe(), bench(500, 1)).model


def called(model: Trained, table: Table) -> tuple[F64, F64]:
    """P(fail), low and high (n x steps x 3) and the score (n x steps) after each step, as a live bench asks."""
    jobs = []
    for stretch in table.stretches:
        state = model.cold(len(COLUMNS))
        for at, row in enumerate(stretch.rows):
            jobs += [asked(stretch, at, state, np.where(step < STEP, np.nan, row)) for step in range(STEPS)]
            state = model.advance([msgspec.structs.replace(asked(stretch, at, state, row), learn=True)])[0].state
    found = model.advance(jobs)
    chances = np.array([each.outlook[0, 1:] for each in found if each.outlook is not None], dtype=np.float64)
    return chances.reshape(-1, STEPS, 3), np.array([each.score[0] for each in found], dtype=np.float64).reshape(
        -1, STEPS
    )


def asked(stretch: Stretch, at: int, state: F64, row: F64) -> Job:
    return Job(state, stretch.t_ns[at : at + 1], row[None], np.ones(1, dtype=np.bool_), learn=False)


@cache
def fresh() -> tuple[Table, F64, F64]:
    table = bench(300, 2)
    return (table, *called(fitted(), table))


def test_units_that_will_fail_are_told_right_after_the_step_in_which_they_were_harmed() -> None:
    table, chances, _ = fresh()
    truth = table.labels()
    before, after = (roc_auc(truth, chances[:, step, 0]) or 0.0 for step in (1, 3))
    assert before < 0.65
    assert after > 0.97


def test_no_more_passing_units_are_stopped_after_any_step_than_were_allowed() -> None:
    table, _, scores = fresh()
    truth = table.labels()
    stopped: Bools = np.any(scores >= 1.0, axis=1)
    assert stopped[truth == 0].mean() < 0.045  # 2 % wanted, of 880 passing units in training
    assert stopped[truth == 1].mean() > 0.9
    assert np.median(scores[truth == 1].argmax(axis=1)) >= 2


def test_chances_come_true_and_lie_within_their_intervals() -> None:
    table, chances, _ = fresh()
    truth = table.labels()
    for step in (2, 4, 7):
        p, low, high = chances[:, step].T
        assert ((low <= p) & (p <= high)).all()
        likely = p > 0.5
        assert truth[likely].mean() == pytest.approx(p[likely].mean(), abs=0.12)
        order = np.argsort(p)[-len(p) // 4 :]
        assert low[order].mean() - 0.05 < truth[order].mean() < high[order].mean() + 0.05


def test_the_step_that_harmed_the_unit_speaks_most() -> None:
    table, _, _ = fresh()
    found = [one.scored.contributions[one.scored.score >= 1.0] for one in score(fitted(), table)]
    by_step = np.concatenate(found).reshape(-1, STEPS, len(COLUMNS) // STEPS).sum(axis=2)
    assert len(by_step) > 50
    assert by_step.mean(axis=0).argmax() == 2


def test_a_station_that_drifts_is_remembered_before_its_next_unit_is_measured() -> None:
    model = train(recipe(), bench(500, 3, drifts=True, bad=0.03)).model
    table = bench(120, 4, drifts=True, bad=0.0)
    chances, _ = called(model, table)
    truth = table.labels()
    assert (roc_auc(truth, chances[:, 0, 0]) or 0.0) > 0.9
    stretch, nothing = table.stretches[0], model.cold(len(COLUMNS))
    jobs = [asked(stretch, at, nothing, np.where(STEP > 0, np.nan, row)) for at, row in enumerate(stretch.rows)]
    alone = np.array([each.outlook[0, 1] for each in model.advance(jobs) if each.outlook is not None], dtype=np.float64)
    assert (roc_auc(truth[:120], alone) or 0.0) < (roc_auc(truth[:120], chances[:120, 0, 0]) or 0.0)


def test_a_unit_that_has_not_begun_has_a_chance_of_failing_and_is_never_stopped() -> None:
    nothing = np.full((1, len(COLUMNS)), np.nan)
    begun = Job(fitted().cold(0), np.zeros(1, dtype=np.int64), nothing, np.ones(1, dtype=np.bool_))
    found = fitted().advance([begun])[0]
    assert found.outlook is not None
    assert 0.0 < found.outlook[0, 1] < 0.5
    assert found.score[0] < 1.0


def test_of_few_passing_units_no_limit_is_promised() -> None:
    few = bench(20, 5, bad=0.3)
    model = train(recipe("trees = 5, least = 2"), few).model
    assert max(float(one.scored.score.max()) for one in score(model, few)) < 1e-6


def test_a_table_of_other_names_is_cut_into_steps() -> None:
    table = bench(200, 6)
    plain = Table(tuple(f"s{at:03d}" for at in range(len(COLUMNS))), table.stretches, table.classes)
    model = train(recipe("steps = 4, trees = 20"), plain).model
    said = [one.scored.outlook[:, 1] for one in score(model, plain) if one.scored.outlook is not None]
    assert (roc_auc(table.labels(), np.concatenate(said)) or 0.0) > 0.95


def test_scoring_what_is_known_gives_the_same_bits_as_a_longer_row_cut_off() -> None:
    table, chances, _ = fresh()
    stretch = table.stretches[0]
    state = fitted().cold(0)
    cut = stretch.rows[:1, : len(COLUMNS) // STEPS]
    job = Job(state, stretch.t_ns[:1], cut, np.ones(1, dtype=np.bool_), channels=COLUMNS[: cut.shape[1]])
    found = fitted().advance([job])[0]
    assert found.outlook is not None
    assert found.outlook[0, 1:].tolist() == chances[0, 0].astype(np.float32).tolist()


def test_three_outcomes_and_units_that_hardly_ever_pass_are_refused_with_a_reason() -> None:
    table = bench(60, 7)
    with pytest.raises(TrainingError, match="tells two classes apart"):
        train(recipe(), msgspec.structs.replace(table, classes=("0", "1", "2")))
    failing = [Stretch(s.name, s.t_ns, s.rows, np.where(np.arange(60) < 4, 0.0, 1.0)) for s in table.stretches]
    with pytest.raises(TrainingError, match="8 units pass"):
        train(recipe(), msgspec.structs.replace(table, stretches=tuple(failing)))


def test_rows_that_were_normalised_are_refused() -> None:
    spoilt = parse('task = "outcome"\nestimator = { kind = "early" }')
    with pytest.raises(TrainingError, match="wants rows as they are"):
        train(spoilt, bench(60, 8))


def test_the_shipped_recipe_is_this_estimator() -> None:
    shipped = load("bench")
    assert shipped.estimator["kind"] == "early"
    assert math.isclose(shipped.calibration.false_alarm_rate, 0.02)


def test_nothing_that_is_still_to_be_measured_is_shown_to_trees() -> None:
    call = fitted().head
    assert isinstance(call, EarlyCall)
    z = call.view.scaled(bench(10, 9).stretches[0].rows)
    drift = call.view.remembered(z, np.zeros(len(COLUMNS)))[0]
    for step in range(-1, STEPS):
        cut: F64 = np.where(step < STEP, np.nan, z)
        whole = call.view.told(z, drift, call.view.surprises(z, drift), step)
        assert whole.tobytes() == call.view.told(cut, drift, call.view.surprises(cut, drift), step).tobytes()
        assert (
            whole[3:4].tobytes()
            == call.view.told(cut[3:4], drift[3:4], call.view.surprises(cut[3:4], drift[3:4]), step).tobytes()
        )
