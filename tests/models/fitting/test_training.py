import msgspec
import numpy as np

from models.fitting.training import train
from models.recipe import parse
from models.table import Stretch, Table


def units(weight: float) -> Table:
    rng = np.random.default_rng(1)
    rows, failed = rng.normal(size=(120, 4)), rng.random(120) < 0.3
    rows[failed, 0] += 3.0
    stretch = Stretch("bench", np.arange(120), rows, failed.astype(np.float64), np.where(failed, weight, 1.0))
    single = tuple(msgspec.structs.replace(stretch.part(slice(at, at + 1)), name=str(at)) for at in range(120))
    return Table(("a", "b", "c", "d"), single, classes=("pass", "fail"))


BOOSTED = parse('task = "outcome"\nestimator = { kind = "boosted", trees = 5 }')


def test_an_estimator_that_counts_each_row_as_one_says_so_where_some_stand_for_more() -> None:
    said = [each for each in train(BOOSTED, units(20.0)).warnings if "counts each as one" in each]
    heavy = int((units(20.0).weights() > 1).sum())
    assert len(said) == 1
    assert said[0].startswith(f"{heavy} rows stand for more or fewer than themselves")


def test_rows_that_stand_for_themselves_are_not_spoken_of() -> None:
    assert not any("counts each as one" in each for each in train(BOOSTED, units(1.0)).warnings)
