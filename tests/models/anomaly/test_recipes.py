import numpy as np
import pytest

from models.fitting.training import train
from models.recipe import load
from models.scoring import score
from models.table import Stretch, Table


def table(seed: int, moved: float = 0.0) -> Table:
    rows = np.random.default_rng(seed).normal(size=(500, 6))
    rows[250:, 0] += moved
    return Table(tuple("abcdef"), (Stretch("pump", np.arange(500, dtype=np.int64) * 1_000_000_000, rows),))


@pytest.mark.parametrize("name", ["skab", "tep"])
def test_a_shipped_recipe_rings_for_a_fault_and_stays_quiet_without_one(name: str) -> None:
    model = train(load(name), table(1), name=name).model
    (well,) = score(model, table(2))
    (ill,) = score(model, table(3, moved=4.0))
    assert well.alarm.mean() < 0.03
    assert ill.alarm[280:].all()
    assert ill.scored.contributions[300].argmax() == 0
