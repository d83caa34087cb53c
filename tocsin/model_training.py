"""Training from data to a stored model: read, search, fit, judge, save."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec

from models.contract import Task
from models.evaluation import Evaluation
from models.head import TrainingError
from models.reading.lineage import lineage
from models.reading.records import Records, records
from models.reading.sheets import Sheet
from models.recipe import Recipe
from models.registry.folder import Registry
from models.registry.manifest import Facts
from models.search import Found, Told, search, silent, validated
from models.splits import splits
from models.training import train
from tocsin.model_place import Model

FOLDER = "folder:"


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What a person wants of a training."""

    recipe: Recipe
    name: str = ""  # empty: the model is not stored
    label: str = ""
    owner: str = ""
    trials: int = 0  # of a search; 0: none
    validate: bool = False  # judge by rows that were held out in turn
    told: Told = silent


class Made(msgspec.Struct, frozen=True):
    """What came of a training."""

    model: Model
    rows: Records
    found: Found | None
    judged: Evaluation | None  # on rows that were held out in turn


def make(wish: Wish, sheets: Sequence[Sheet], where: Registry) -> Made:
    """Train; raises ReadingError, RecipeError, TrainingError, RegistryError."""
    rows = records(sheets, wish.recipe, label=wish.label)
    recipe, found = wish.recipe, None
    if wish.trials:
        found = search(
            recipe, rows.table, trials=wish.trials, timed=rows.timed, journal=_journal(where, wish.name), told=wish.told
        )
        recipe = found.recipe
    fitted = train(recipe, rows.table, name=wish.name or "model")
    judged = _judged(recipe, rows) if wish.validate or wish.trials else None
    warnings = (*rows.warnings, *fitted.warnings)
    model = Model(fitted.model, recipe, None, warnings)
    if wish.name:
        facts = Facts(
            made_at_ns=time.time_ns(),
            data=lineage(sheets, rows, recipe.task),
            metrics=_metrics(judged),
            warnings=warnings,
            owner=wish.owner,
        )
        entry = where.save(fitted.model, recipe, facts)
        model = Model(replace(fitted.model, version=entry.version), recipe, entry, warnings)
    return Made(model, rows, found, judged)


def _judged(recipe: Recipe, rows: Records) -> Evaluation:
    parts = splits(rows.table, recipe.task, timed=rows.timed)
    if recipe.task is Task.ANOMALY and not any((part.judge.labels() == 1).any() for part in parts):
        msg = "nothing to judge by: no held-out row is labelled as anomalous; name the column with --label"
        raise TrainingError(msg)
    return validated(recipe, parts)


def _metrics(judged: Evaluation | None) -> Mapping[str, float | None]:
    return {} if judged is None else {f"held_out.{name}": value for name, value in judged.figures.items()}


def _journal(where: Registry, name: str) -> Path:
    """Beside the versions of the model, where the registry is a folder; else here."""
    folder = Path() if "://" in where.url else Path(where.url)
    return folder / (name or "model") / "search.log"
