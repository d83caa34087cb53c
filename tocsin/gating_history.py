"""What a store recorded between two times, as sheets that a gate judges by: rows of devices, and runs of procedures."""

from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import pandas as pd

from models.contract import Task
from models.reading.sheets import Sheet
from models.recipe import Recipe
from tocsin.access import Access
from tocsin.catalogue import accessed
from tocsin.export import EVER_NS, moment_ns
from tocsin.keeping.job import Job, Portion, Runs
from tocsin.keeping.judging import evidence_sheets
from tocsin.keeping.sheets import DEVICE, label_of
from tocsin.keeping.spans import SAID, Span
from tocsin.model_data import recipe_of
from tocsin.model_place import ModelError
from tocsin.row_labels import row_labels
from wire.config import DAY_NS, Config
from wire.settings import Loaded

GLOB = frozenset("*?[")


def recorded(loaded: Loaded, name: str, recipe: Recipe, *, start: str, end: str) -> tuple[list[Sheet], str]:
    """Rows of the devices and runs of the procedures whose rule names the model, and their column of labels.

    Labels are what people said and how tests ended. Raises WrongWordsError, ReachError, ModelError.
    """
    start_ns = moment_ns(start, "--from") if start else 0
    end_ns = moment_ns(end, "--to") if end else EVER_NS
    plan = _plan(recipe)
    with TemporaryDirectory(prefix="tocsin-gate-") as folder, accessed(loaded) as access:
        job = Job(
            kind="judge",
            name=name,
            recipe="",
            called="",
            registry="",
            memory=0,
            why="",
            at_ns=start_ns + DAY_NS,
            since_ns=start_ns,
            portions=_portions(loaded.config, name, access, Path(folder), (start_ns, end_ns)),
            runs=_runs(loaded.config, name, access, Path(folder)),
        )
        found = evidence_sheets(job, plan, Path(folder))
    if recipe.task is Task.OUTCOME:
        found = [_between(sheet, start_ns, end_ns) for sheet in found]
    if not any(len(sheet.frame) for sheet in found):
        msg = f"the store has nothing between these times that {name} could be judged on: name rows with --data"
        raise ModelError(msg)
    return found, "" if recipe.task is Task.OUTCOME else label_of(recipe)


def _plan(recipe: Recipe) -> Recipe:
    """With the columns that a store's rows have."""
    if recipe.task is Task.OUTCOME:
        return recipe
    group = recipe.columns.group if DEVICE in recipe.columns.group else (DEVICE, *recipe.columns.group)
    return recipe_of(recipe, label=label_of(recipe), group=group)


def _portions(config: Config, name: str, access: Access, folder: Path, between: tuple[int, int]) -> tuple[Portion, ...]:
    found = []
    for at, device in enumerate(access.devices()):
        rule = config.device(device.device)
        first, last = max(between[0], device.first_ns), min(between[1], device.last_ns + 1)
        if rule.model != name or first >= last:
            continue
        file = f"{at}.parquet"
        if access.export(device.device, folder / file, form="parquet", start_ns=first, end_ns=last, noted=False):
            labels = row_labels(access, device.device)
            said = [Span(s.from_ns, s.to_ns, SAID[s.meaning], s.id) for s in labels if s.meaning in SAID]
            found.append(Portion(device.device, (file,), rule, tuple(said)))
    return tuple(found)


def _runs(config: Config, name: str, access: Access, folder: Path) -> tuple[Runs, ...]:
    """Of procedures that are named whole: which ones a pattern means is not asked here."""
    found = []
    names = [rule.match for rule in config.procedures if rule.model == name and not GLOB.intersection(rule.match)]
    for at, procedure in enumerate(dict.fromkeys(names)):
        file = f"runs-{at}.csv"
        if access.export_runs(procedure, folder / file, form="csv"):
            found.append(Runs(procedure, file, ()))
    return tuple(found)


def _between(sheet: Sheet, start_ns: int, end_ns: int) -> Sheet:
    if "time" not in sheet.frame:
        return sheet
    t_ns = pd.to_datetime(sheet.frame["time"], utc=True).astype("datetime64[ns, UTC]").astype("int64")
    return msgspec.structs.replace(
        sheet, frame=sheet.frame[(t_ns >= start_ns) & (t_ns < end_ns)].reset_index(drop=True)
    )
