from pathlib import Path

import numpy as np
import pytest

from models.contract import Task
from models.fitting.training import train
from models.recipe import Recipe
from models.registry.folder import Registry
from models.registry.manifest import Data, Facts, Source
from models.table import Stretch, Table
from models.trained import Trained

SECOND = 1_000_000_000


@pytest.fixture(scope="session")
def recipe() -> Recipe:
    return Recipe(
        task=Task.ANOMALY,
        note="pumps of hall 3",
        seed=7,
        features=({"kind": "value"}, {"kind": "mean", "rows": 3}),
        estimator={"kind": "mahalanobis"},
    )


@pytest.fixture(scope="session")
def facts() -> Facts:
    source = Source(name="pump.csv", sha256="cd", rows=400, from_ns=0, to_ns=399 * SECOND)
    return Facts(
        made_at_ns=1_700_000_000 * SECOND,
        data=Data(sha256="ab", rows=400, sources=(source,)),
        metrics={"f1": 0.9, "auc": None},
        warnings=("three channels never moved",),
    )


@pytest.fixture(scope="session")
def table() -> Table:
    values = np.random.default_rng(0).normal(size=(400, 2))
    stretch = Stretch(name="pump", t_ns=np.arange(400, dtype=np.int64) * SECOND, rows=values)
    return Table(channels=("temperature", "vibration"), stretches=(stretch,), words={"vibration": ("low", "high")})


@pytest.fixture(scope="session")
def model(recipe: Recipe, table: Table) -> Trained:
    return train(recipe, table, name="pump").model


@pytest.fixture(params=["local", "remote"])
def registry(request: pytest.FixtureRequest, tmp_path: Path) -> Registry:
    return Registry.open(f"folder:{tmp_path}/models" if request.param == "local" else f"memory:/{tmp_path}")
