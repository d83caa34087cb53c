"""Training from data to a stored model: read, search, fit, judge, save."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec

from models.cards.card import card
from models.fitting.splits import splits
from models.fitting.tracking import Tracker, Untracked, tracking
from models.fitting.training import train
from models.fitting.trial import Found, Told, held_out, silent
from models.judging.evaluation import Evaluation, evaluation
from models.reading.lineage import lineage
from models.reading.records import Records, records
from models.reading.sheets import Sheet
from models.recipe import Recipe
from models.registry.folder import Registry
from models.registry.manifest import Data, Facts
from models.scoring import Judged
from models.table import Table
from models.trained import Trained
from models.watching.reference import FILE, NoReferenceError, encoded
from models.watching.training import of_training
from tocsin.modelling.place import Model


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What a person wants of a training."""

    recipe: Recipe
    name: str = ""  # empty: the model is not stored
    label: str = ""
    called: str = ""  # the recipe: a shipped one, or its file
    owner: str = ""
    at_ns: int = 0  # when it is; 0: now
    trials: int = 0  # of a search; 0: none
    validate: bool = False  # judge by rows that were held out in turn
    told: Told = silent  # of each trial
    said: Callable[[str], None] = lambda _: None  # what is begun
    sourced: Callable[[Data], Data] = lambda data: data  # what else is known of where its rows come from


class Made(msgspec.Struct, frozen=True):
    """What came of a training."""

    model: Model
    rows: Records
    found: Found | None
    judged: Evaluation | None  # on rows that were held out in turn


def make(wish: Wish, sheets: Sequence[Sheet], where: Registry) -> Made:
    """Train; raises ReadingError, RecipeError, TrainingError, RegistryError."""
    if not wish.name:
        return _made(wish, sheets, where, Untracked())
    where.aliases(wish.name)  # a name or a registry that cannot be is told of before hours of work
    with tracking() as there:
        return _made(wish, sheets, where, there)


def _made(wish: Wish, sheets: Sequence[Sheet], where: Registry, there: Tracker) -> Made:
    rows = records(sheets, wish.recipe, label=wish.label)
    recipe, found = wish.recipe, None
    if wish.trials:
        from models.fitting.search import search  # noqa: PLC0415 -- in a notebook, Optuna warns of bars that it cannot draw

        journal = _journal(where, wish.name)
        found = search(recipe, rows.table, trials=wish.trials, timed=rows.timed, journal=journal, told=wish.told)
        recipe = found.recipe
    wish.said(f"fitting on {rows.rows} rows, {len(rows.table.channels)} channels")
    fitted = train(recipe, rows.table, name=wish.name or "model")
    held = _held_out(recipe, rows, wish.said) if wish.validate or wish.trials else []
    judged = evaluation(held, recipe, rows.table.classes) if held else None
    model = Model(fitted.model, recipe, None, (*rows.warnings, *fitted.warnings))
    if wish.name:
        facts = Facts(
            made_at_ns=wish.at_ns or time.time_ns(),
            data=wish.sourced(lineage(sheets, rows, recipe)),
            metrics={} if judged is None else {f"held_out.{name}": each for name, each in judged.figures.items()},
            warnings=model.warnings,
            owner=wish.owner,
            recipe=wish.called,
        )
        usual = _usual(fitted.model, rows.table)
        entry = where.save(
            fitted.model,
            recipe,
            facts,
            files=lambda manifest: {**card(manifest, fitted.model, rows.table, held=held), **usual},
        )
        there.log(entry, where)
        model = Model(replace(fitted.model, version=entry.version), recipe, entry, model.warnings)
    return Made(model, rows, found, judged)


def _usual(model: Trained, table: Table) -> dict[str, bytes]:
    """What a watcher will compare with; nothing where the rows are too few, and then it says so."""
    try:
        return {FILE: encoded(of_training(model, table))}
    except NoReferenceError:
        return {}


def _held_out(recipe: Recipe, rows: Records, said: Callable[[str], None]) -> list[Judged]:
    parts = splits(rows.table, recipe.task, timed=rows.timed, unit_rows=recipe.columns.unit_rows)
    return held_out(recipe, parts, lambda done: said(f"part {done} of {len(parts)} held out and judged"))


def _journal(where: Registry, name: str) -> Path:
    """Beside the versions of the model, where the registry is a folder; else here."""
    folder = Path() if "://" in where.url else Path(where.url)
    return folder / (name or "model") / "search.log"
