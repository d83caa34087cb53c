"""The gate on recorded rows: candidate and champion score them, and a ruling says whether one may follow the other."""

import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from models.contract import Task
from models.judging.faults import spoilt
from models.judging.gate import Evidence, Ruling, gate
from models.judging.pairing import Side
from models.judging.stops import stopped
from models.reading.records import records
from models.reading.sheets import Sheet
from models.recipe import Recipe
from models.registry.folder import CHAMPION, Registry
from models.scoring import Judged, by_unit, score
from models.table import Table
from models.trained import Trained
from tocsin.keeping.sheets import label_of
from tocsin.modelling.gating_history import recorded
from tocsin.modelling.place import Model, ModelError, stored
from tocsin.modelling.sheets import Data, sheets
from tocsin.modelling.shelf import tried_out, usual_of
from tocsin.reaching.reach import configured

LEAST_S = 0.01  # of work: less cannot be timed


def tried(name: str, version: int, where: Registry) -> None:
    """Load a version and let it speak; raises RegistryError, ModelError."""
    trouble = tried_out(where.load(name, version), usual_of(where, name, version))
    if trouble:
        msg = f"{name}@{version}: {trouble}"
        raise ModelError(msg)


def contenders(name: str, where: Registry) -> tuple[Model, Model | None]:
    """NAME@VERSION or NAME@ALIAS, and the champion that it shall follow. Raises RegistryError, ModelError."""
    new = stored(name, where)
    assert new.entry is not None
    champion = where.aliases(new.entry.name).get(CHAMPION)
    if champion == new.entry.version:
        msg = f"{new.title} is the champion already: there is nothing to rule on"
        raise ModelError(msg)
    return new, stored(f"{new.entry.name}@{champion}", where) if champion else None


def ruling(name: str, where: Registry, data: Data, *, label: str = "") -> Ruling:
    """Whether a version may be champion, judged beside the present one on the rows of some data.

    Raises RegistryError, ModelError, ReadingError.
    """
    new, old = contenders(name, where)
    return gate(evidence(new, old, sheets(data, new.recipe.columns), label=label))


def ruling_on_history(name: str, where: Registry, config: Path, *, start: str, end: str) -> Ruling:
    """The same on what a store recorded between two times. Raises also WrongWordsError, ReachError."""
    new, old = contenders(name, where)
    assert new.entry is not None
    return ruled(new, old, recorded(configured(config), new.entry.name, new.recipe, start=start, end=end))


def ruled(new: Model, old: Model | None, rows: Sequence[Sheet]) -> Ruling:
    """On what a store recorded, whoever asks. Raises ModelError, ReadingError."""
    label = "" if new.recipe.task is Task.OUTCOME else label_of(new.recipe)
    return gate(evidence(new, old, rows, label=label))


def evidence(new: Model, old: Model | None, rows: Sequence[Sheet], *, label: str = "") -> Evidence:
    """What both say of the same rows. Raises ModelError where they cannot be compared, ReadingError."""
    if old is not None and old.recipe.task is not new.recipe.task:
        msg = (
            f"{new.title} answers another question ({new.recipe.task.value}) than {old.title} ({old.recipe.task.value})"
        )
        raise ModelError(msg)
    table = _table(new, new.recipe, rows, label)
    beside = _table(old, new.recipe, rows, label) if old is not None else None
    if beside is not None and beside.classes != table.classes:
        msg = f"{new.title} knows {', '.join(table.classes)}, {old.title if old else ''} {', '.join(beside.classes)}"
        raise ModelError(msg)
    made = None
    if old is not None and beside is not None and new.recipe.task is Task.ANOMALY:
        made = (_side(new, spoilt(table)), _side(old, spoilt(beside)))
        made = made if made[0].judged and made[1].judged else None
    return Evidence(_with_stops(new, table), _side(old, beside) if old and beside else None, made)


def _table(model: Model, plan: Recipe, rows: Sequence[Sheet], label: str) -> Table:
    """Rows as a model knows them, with labels where a column holds them."""
    there = {column for sheet in rows for column in sheet.frame.columns}
    labelled = bool(label) or any(name in there for name in plan.columns.labels)
    fitted = model.detector if isinstance(model.detector, Trained) else None
    uncapped = msgspec.structs.replace(plan, cap=None)
    return records(rows, uncapped, label=label, model=fitted, labelled=labelled).table


def _side(model: Model, table: Table) -> Side:
    begun_s = time.thread_time()
    judged: list[Judged] = score(model.detector, table, decision=model.recipe.decision) if table.stretches else []
    took_s = time.thread_time() - begun_s
    units = by_unit(judged, model.recipe)
    scored = len(units) if model.recipe.task is Task.OUTCOME else table.rows
    rate = scored / took_s if took_s >= LEAST_S else None
    return Side(units, model.recipe, table.classes, rate)


def _with_stops(model: Model, table: Table) -> Side:
    """Also whom it would stop after any step, where it calls units step by step."""
    side = _side(model, table)
    if model.recipe.task is not Task.OUTCOME or not model.recipe.columns.unit_rows:
        return side
    stops = stopped(model.detector, table, threshold=model.recipe.decision.threshold)
    return msgspec.structs.replace(side, stops=stops)
