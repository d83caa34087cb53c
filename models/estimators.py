"""The estimators that a recipe may name with `[estimator] kind = ...`; a new one is one module and one row here."""

from collections.abc import Mapping
from importlib import import_module
from typing import cast

import msgspec

from models.contract import Task
from models.head import Estimator
from models.recipe import Recipe, RecipeError

TABLE: Mapping[Task, Mapping[str, str]] = {
    Task.ANOMALY: {
        "imported": "models.imported.estimator.Imported",
        "mahalanobis": "models.anomaly.mahalanobis.Mahalanobis",
        "mewma": "models.anomaly.mewma.Mewma",
        "twofold": "models.anomaly.twofold.Twofold",
    },
    Task.LIFE: {
        "imported": "models.imported.estimator.Imported",
        "wear": "models.life.wear.WearLife",
    },
    Task.OUTCOME: {
        "boosted": "models.outcome.boosted.Boosted",
        "early": "models.outcome.early.Early",
        "grades": "models.outcome.grades.Grades",
        "imported": "models.imported.estimator.Imported",
        "pairs": "models.outcome.pairs.Pairs",
    },
}


def estimator(recipe: Recipe) -> Estimator:
    """The recipe's estimator with its hyper-parameters; raises RecipeError."""
    known = TABLE.get(recipe.task, {})
    kind = recipe.estimator.get("kind")
    if kind not in known:
        msg = f"estimator.kind: expected one of {', '.join(known)} for task {recipe.task.value!r}, got {kind!r}"
        raise RecipeError(msg)
    module, _, name = known[str(kind)].rpartition(".")
    chosen = getattr(import_module(module), name)
    hyper = {key: value for key, value in recipe.estimator.items() if key != "kind"}
    try:
        return cast("Estimator", msgspec.convert(hyper, chosen))
    except msgspec.ValidationError as error:
        msg = f"estimator {kind}: {error}; `tocsin models kinds` lists its keys"
        raise RecipeError(msg) from error
