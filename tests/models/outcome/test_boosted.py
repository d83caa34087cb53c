from functools import cache

import numpy as np
import pytest

from models.contract import F64
from models.fitting.training import train
from models.head import TrainingError
from models.judging.metrics import roc_auc
from models.recipe import Recipe, parse
from models.scoring import score
from models.table import Stretch, Table
from models.trained import Trained

SECOND = 1_000_000_000
CHANNELS = tuple(f"m{at}" for at in range(12))


def recipe(extra: str = "") -> Recipe:
    return parse(f"""
        task = "outcome"
        features = [{{ kind = "seen" }}]
        estimator = {{ kind = "boosted", steps = 4, trees = 30, least = 5, share = 1.0, turns = 1 }}
        calibration = {{ false_alarm_rate = 0.02 }}
        {extra}
        """)


def line(count: int, seed: int, *, missing: float = 0.02) -> Table:
    """Units of which those that fail are high in the second measurement of twelve, and lack the ninth."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(count, len(CHANNELS)))
    failed = rng.random(count) < 0.12
    rows[failed, 1] += 2.5
    rows[rng.random(rows.shape) < missing] = np.nan
    rows[failed & (rng.random(count) < 0.7), 8] = np.nan
    stretches = [
        Stretch(name=str(at), t_ns=np.array([at * SECOND]), rows=rows[at : at + 1], label=np.array([float(failed[at])]))
        for at in range(count)
    ]
    return Table(channels=CHANNELS, stretches=tuple(stretches), classes=("0", "1"))


def failing(model: Trained, table: Table) -> tuple[F64, F64]:
    """P(fail) and score of each unit."""
    said = score(model, table)
    outlook = [each.scored.outlook for each in said]
    return (
        np.array([each[-1, 1] for each in outlook if each is not None], dtype=np.float64),
        np.array([each.scored.score[-1] for each in said], dtype=np.float64),
    )


def cut(table: Table, known: int) -> Table:
    """The same units when only the first measurements have been made."""
    stretches = [
        Stretch(name=s.name, t_ns=s.t_ns, rows=s.rows[:, :known].copy(), label=s.label) for s in table.stretches
    ]
    return Table(channels=CHANNELS[:known], stretches=tuple(stretches), classes=table.classes)


@cache
def fitted() -> Trained:
    return train(recipe(), line(500, 1)).model


def test_units_that_will_fail_are_told_from_those_that_pass_and_most_after_the_first_step() -> None:
    fresh = line(400, 2)
    whole, _ = failing(fitted(), fresh)
    first, _ = failing(fitted(), cut(fresh, 3))
    truth = fresh.labels()
    assert (roc_auc(truth, whole) or 0) > 0.9
    assert 0.85 < (roc_auc(truth, first) or 0) < (roc_auc(truth, whole) or 0)


def test_a_missing_measurement_speaks_where_failing_units_lack_it() -> None:
    rows = np.zeros((2, len(CHANNELS)))
    rows[1, 8] = np.nan
    table = Table(
        channels=CHANNELS,
        stretches=tuple(Stretch(name=str(at), t_ns=np.array([at]), rows=rows[at : at + 1]) for at in range(2)),
        classes=("0", "1"),
    )
    chance, _ = failing(fitted(), table)
    assert chance[1] > 1.3 * chance[0]


def test_no_more_passing_units_are_stopped_over_all_steps_than_were_allowed() -> None:
    fresh = line(1500, 3)
    truth = fresh.labels()
    stopped = np.zeros(len(truth), dtype=bool)
    for known in (3, 6, 9, 12):
        stopped |= failing(fitted(), cut(fresh, known))[1] >= 1.0
    assert stopped[truth == 0].mean() < 0.045  # 2 % wanted, of 440 passing units in training
    assert stopped[truth == 1].mean() > 0.5


def test_chances_are_those_that_come_true() -> None:
    fresh = line(3000, 4)
    chance, _ = failing(fitted(), fresh)
    truth = fresh.labels()
    assert abs(chance.mean() - truth.mean()) < 0.03
    likely = chance > 0.6
    assert truth[likely].mean() > 0.6


def test_the_channel_that_tells_of_the_failure_leads_the_contributions() -> None:
    fresh = line(300, 5)
    failed = [s for s in score(fitted(), fresh) if s.stretch.label is not None and s.stretch.label[0] == 1]
    loud = [s.scored.contributions[0] for s in failed if s.scored.score[0] >= 1]
    assert loud
    assert np.mean([CHANNELS[int(each.argmax())] in {"m1", "m8"} for each in loud]) > 0.9


def test_a_unit_of_which_nothing_is_known_yet_fails_as_often_as_units_do() -> None:
    rows = np.full((1, len(CHANNELS)), np.nan)
    table = Table(
        channels=CHANNELS, stretches=(Stretch(name="new", t_ns=np.array([0]), rows=rows),), classes=("0", "1")
    )
    chance, score_of = failing(fitted(), table)
    assert 0.0 < chance[0] < 0.6
    assert np.isfinite(score_of[0])


def test_three_classes_and_failures_in_one_block_alone_are_refused_with_a_reason() -> None:
    table = line(60, 6)
    three = Table(channels=table.channels, stretches=table.stretches, classes=("0", "1", "2"))
    with pytest.raises(TrainingError, match="tells two classes apart"):
        train(recipe(), three)
    few = [
        Stretch(name=s.name, t_ns=s.t_ns, rows=s.rows, label=np.array([float(at == 0)]))
        for at, s in enumerate(table.stretches)
    ]
    one = Table(channels=table.channels, stretches=tuple(few), classes=table.classes)
    with pytest.raises(TrainingError, match="1 of 60 units fail, all in one block"):
        train(recipe(), one)
