"""What is kept of a training on units that stand for others."""

import msgspec
import numpy as np
import pytest

from models.arrays import F64
from models.fitting.training import train
from models.recipe import parse
from models.table import Stretch, Table
from models.watching.training import of_training

RECIPE = parse("""
task = "outcome"
estimator = { kind = "imported", path = "sklearn.linear_model.LogisticRegression" }
[columns]
unit_rows = true
""")


def units(weight: F64 | None) -> Table:
    """Units of one station, every tenth of which fails."""
    rng = np.random.default_rng(1)
    label = (np.arange(400) % 10 == 0).astype(np.float64)
    rows = rng.normal(size=(400, 2)) + label[:, None]
    return Table(("a", "b"), (Stretch("bench-1", np.arange(400), rows, label, weight),), classes=("pass", "fail"))


@pytest.mark.filterwarnings("ignore")  # that this estimator counts no weights
def test_the_share_of_units_that_fail_is_that_of_all_for_which_those_that_were_tested_stand() -> None:
    heavy = np.where(np.arange(400) % 20 == 0, 20.0, 1.0)
    model = train(RECIPE, units(None), name="bench").model
    assert of_training(model, units(None)).fails == of_training(model, units(np.ones(400))).fails == 0.1
    weighed = of_training(model, units(heavy))
    assert weighed.fails == pytest.approx((20 * 20.0 + 20) / heavy.sum())
    assert msgspec.structs.replace(weighed, fails=0.1) == of_training(model, units(None))
