from functools import cache

import numpy as np
import pytest

from models.contract import F32, F64
from models.fitting.training import train
from models.head import TrainingError
from models.recipe import Recipe, parse
from models.scoring import score
from models.table import Stretch, Table
from models.trained import Trained

SECOND = 1_000_000_000
CHANNELS = ("pressure", "flow", "heat")
SHOWS = 5  # rows after which the grade shows


def recipe(at: str = "[3, 6, 10]", last: str = '{ kind = "count" }') -> Recipe:
    return parse(f"""
        task = "outcome"
        features = [{{ kind = "so_far" }}, {last}]
        estimator = {{ kind = "grades", at = {at}, trees = 20 }}
        """)


def rig(count: int, seed: int, grades: int = 3, length: int = 12) -> Table:
    """Cycles whose pressure drops by their grade from the sixth row on."""
    rng = np.random.default_rng(seed)
    stretches = []
    for at in range(count):
        grade = int(rng.integers(grades))
        rows = rng.normal(scale=0.1, size=(length, len(CHANNELS)))
        rows[SHOWS:, 0] -= grade
        t_ns = np.arange(length) * SECOND
        stretches.append(Stretch(name=str(at), t_ns=t_ns, rows=rows, label=np.full(length, float(grade))))
    return Table(channels=CHANNELS, stretches=tuple(stretches), classes=tuple(map(str, range(grades))))


@cache
def fitted() -> Trained:
    return train(recipe(), rig(90, 1)).model


def outlooks(model: Trained, table: Table) -> list[F32]:
    return [each.scored.outlook for each in score(model, table) if each.scored.outlook is not None]


def right(table: Table, said: list[F32], row: int) -> float:
    truth = [float(stretch.label[0]) for stretch in table.stretches if stretch.label is not None]
    return float(np.mean([each[row].argmax() == label for each, label in zip(said, truth, strict=True)]))


def test_a_grade_is_known_from_the_row_on_in_which_it_shows_and_not_before() -> None:
    fresh = rig(60, 2)
    said = outlooks(fitted(), fresh)
    assert right(fresh, said, 2) < 0.7
    assert right(fresh, said, 5) > 0.95
    assert right(fresh, said, 9) > 0.95


def test_between_checkpoints_the_last_call_stands_and_before_the_first_what_units_are_like() -> None:
    (said,) = outlooks(fitted(), Table(CHANNELS, rig(1, 3).stretches, fitted().classes))
    assert (said[2] == said[4]).all()
    assert (said[9] == said[11]).all()
    assert (said[0] == said[1]).all()
    assert np.allclose(said.sum(axis=1), 1.0)
    assert said[0].max() < 0.6


def test_what_comes_later_changes_no_call_that_was_made() -> None:
    whole = rig(5, 4)
    cut = [Stretch(name=s.name, t_ns=s.t_ns[:7], rows=s.rows[:7]) for s in whole.stretches]
    for early, late in zip(outlooks(fitted(), Table(CHANNELS, tuple(cut))), outlooks(fitted(), whole), strict=True):
        assert (early == late[:7]).all()


def test_of_more_than_two_grades_none_rings_and_of_two_the_second_does() -> None:
    assert np.isnan(score(fitted(), rig(1, 5))[0].scored.score).all()
    two = train(recipe(), rig(90, 6, grades=2)).model
    fresh = rig(60, 7, grades=2)
    rings: list[bool] = [bool(each.scored.score[-1] >= 1.0) for each in score(two, fresh)]
    worn = [bool(s.label is not None and s.label[0] == 1) for s in fresh.stretches]
    assert np.mean(np.array(rings) == np.array(worn)) > 0.9
    loud: list[F64] = [
        each.scored.contributions[-1].astype(np.float64)
        for each, is_worn in zip(score(two, fresh), worn, strict=True)
        if is_worn and each.scored.score[-1] >= 1.0
    ]
    assert np.mean([each.argmax() == 0 for each in loud]) > 0.9


def test_without_a_count_or_with_checkpoints_that_no_unit_reaches_it_says_what_to_do() -> None:
    with pytest.raises(TrainingError, match='add \\[\\[features\\]\\] kind = "count"'):
        train(recipe(last='{ kind = "value" }'), rig(30, 8))
    with pytest.raises(TrainingError, match="name earlier ones"):
        train(recipe(at="[40]"), rig(30, 9))
