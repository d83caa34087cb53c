"""Tiny recipes of every kind of trained model, and made rows to fit and to score them on; a new model is one row."""

from collections.abc import Mapping
from functools import cache

import msgspec
import numpy as np

from models.contract import F64, Task
from models.fitting.training import train
from models.recipe import Recipe, parse
from models.table import Stretch, Table
from models.trained import Trained

SECOND = 1_000_000_000
NAMES = ("load", "heat", "flow", "hum")


class Row(msgspec.Struct, frozen=True):
    """A recipe, and how alike the scores of a copy are whose channels were renamed, shuffled and rescaled."""

    recipe: str
    alike: float | None = 1e-4  # relative; None: what is random in it falls differently on other channels


TRAINED: Mapping[str, Row] = {
    "boosted step by step": Row(
        """
        task = "outcome"
        features = [{ kind = "seen" }]
        estimator = { kind = "boosted", steps = 2, trees = 8, least = 5, turns = 1 }
        """,
        alike=None,
    ),
    "early call after each step": Row(
        """
        task = "outcome"
        normalise = { kind = "none" }
        features = [{ kind = "seen" }]
        estimator = { kind = "early", steps = 2, trees = 12, least = 5 }
        """,
        alike=None,
    ),
    "grades called at checkpoints": Row(
        """
        task = "outcome"
        features = [{ kind = "so_far" }, { kind = "count" }]
        estimator = { kind = "grades", at = [4, 9], trees = 12 }
        """,
        alike=None,
    ),
    "imported for what is normal": Row("""
        task = "anomaly"
        estimator = { kind = "imported", path = "sklearn.mixture.GaussianMixture" }
        """),
    "imported for lives": Row(
        """
        task = "life"
        features = [{ kind = "mean", rows = 3 }]
        estimator = { kind = "imported", path = "sklearn.linear_model.Ridge" }
        """,
    ),
    "imported for outcomes": Row(
        """
        task = "outcome"
        features = [{ kind = "mean", rows = 3 }]
        estimator = { kind = "imported", path = "lightgbm.LGBMClassifier", params = { n_estimators = 8 } }
        """,
        alike=None,
    ),
    "mahalanobis": Row("""
        task = "anomaly"
        features = [
          { kind = "mean", rows = 5 }, { kind = "deviation", rows = 7, floor = 0.1 }, { kind = "change", rows = 3 }
        ]
        estimator = { kind = "mahalanobis" }
        """),
    "mahalanobis of plain rows": Row("""
        task = "anomaly"
        normalise = { kind = "robust" }
        estimator = { kind = "mahalanobis" }
        """),
    "mahalanobis of fading means": Row("""
        task = "anomaly"
        features = [{ kind = "smooth", span = 6 }, { kind = "restless", span = 12 }, { kind = "lag", rows = 2 }]
        estimator = { kind = "mahalanobis" }
        """),
    "mewma": Row("""
        task = "anomaly"
        estimator = { kind = "mewma", span = 6, shrink = 0.05 }
        """),
    "mewma of each channel by itself": Row("""
        task = "anomaly"
        estimator = { kind = "mewma", shrink = 1.0 }
        """),
    "pairs": Row(
        """
        task = "outcome"
        normalise = { kind = "none" }
        estimator = { kind = "pairs", path = "lightgbm.LGBMClassifier", params = { n_estimators = 8 } }
        """,
        alike=None,
    ),
    "twofold": Row("""
        task = "anomaly"
        normalise = { kind = "standard", reach = 8.0 }
        features = [{ kind = "value" }, { kind = "departure", span = 3 }, { kind = "deviation", rows = 9, floor = 0.1 }]
        estimator = { kind = "twofold", fade = 10 }
        """),
    "twofold with a normal that follows": Row("""
        task = "anomaly"
        features = [{ kind = "value" }, { kind = "departure", span = 4 }]
        estimator = { kind = "twofold", alone = 0.0, smooth = 5, fade = 8, follow = 100, leash = 2.0 }
        """),
    "wear": Row(
        """
        task = "life"
        cap = 60.0
        normalise = { kind = "regimes" }
        features = [{ kind = "value" }, { kind = "trend", span = 12 }]
        estimator = { kind = "wear", hidden = [8], passes = 4, networks = 1, aged = true }
        """,
        alike=None,
    ),
}


@cache
def recipe(name: str) -> Recipe:
    """The recipe of a row."""
    return parse(TRAINED[name].recipe)


@cache
def fitted(name: str) -> Trained:
    """The model of a row, fitted on made rows."""
    return train(recipe(name), recorded(recipe(name).task), name=name).model


@cache
def recorded(task: Task) -> Table:
    """Made rows to fit on: a machine that is well; units that wear until they fail; units, every other one doomed."""
    if task is Task.ANOMALY:
        return Table(NAMES, (Stretch("pump", np.arange(500) * SECOND, rows(500, seed=0)),))
    stretches = []
    for unit in range(16):
        count = 40 + 3 * unit
        wear = np.arange(count)[:, None] / count
        ends = 3.0 * wear**2 if task is Task.LIFE else 2.0 * wear * (unit % 2)
        label: F64 = np.arange(count, dtype=np.float64)[::-1] if task is Task.LIFE else np.repeat([unit % 2.0], count)
        shown = rows(count, seed=unit) + ends * np.array([1.0, 2.0, -1.0, 0.5])
        stretches.append(Stretch(f"unit-{unit}", np.arange(count) * SECOND, shown, label))
    return Table(NAMES, tuple(stretches), classes=("0", "1") if task is Task.OUTCOME else ())


def rows(count: int, *, seed: int, missing: float = 0.01) -> F64:
    """Four channels that follow one load, noise, and a share of values that are missing."""
    rng = np.random.default_rng(seed)
    load = np.sin(np.arange(count) / 9.0 + seed)[:, None]
    values: F64 = load * np.array([1.0, 0.5, -0.7, 0.2]) + 0.3 * rng.normal(size=(count, len(NAMES)))
    values = values * np.array([1.0, 20.0, 0.01, 3.0]) + np.array([0.0, 300.0, 2.0, -7.0])
    values[rng.random(values.shape) < missing] = np.nan
    return values
