"""The files of a job as sheets that a training reads, and what a manifest says of where they come from."""

from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from pathlib import Path

import msgspec
import numpy as np
import pandas as pd
import pyarrow.parquet

from models.arrays import F64, I64
from models.contract import Task
from models.reading.sheets import Sheet, read
from models.recipe import Recipe
from models.registry.manifest import Data, Source
from tocsin.keeping.job import Job, Portion, Runs
from tocsin.keeping.laying import Laid, every_ns, laid
from tocsin.keeping.spans import USUAL, painted, used
from tocsin.modelling.recipes import recipe_of

LABEL = "label"  # where the recipe names no column of labels
DEVICE = "device"


class Sourced(msgspec.Struct, frozen=True):
    """A sheet, and what is known of it beyond its rows."""

    sheet: Sheet
    device: str = ""
    procedure: str = ""
    labels: tuple[str, ...] = ()


def recipe_for(job: Job) -> Recipe:
    """That of a job, for a store's rows; raises RecipeError."""
    return of_store(recipe_of(job.recipe))


def of_store(recipe: Recipe) -> Recipe:
    """With the columns that a store's rows have, beside those of its own."""
    if recipe.task is Task.OUTCOME:
        return recipe
    group = recipe.columns.group if DEVICE in recipe.columns.group else (DEVICE, *recipe.columns.group)
    return recipe_of(recipe, label=label_of(recipe), group=group)


def sheets(job: Job, recipe: Recipe, folder: Path) -> list[Sourced]:
    """Of each device that ran, of each procedure, of each file."""
    found = [_of_device(portion, recipe, folder) for portion in job.portions]
    found += [_of_runs(each, recipe, folder) for each in job.runs]
    found += [Sourced(read(Path(file), recipe.columns)) for file in job.files]
    return [each for each in found if len(each.sheet.frame)]


def sourced(known: Sequence[Sourced]) -> Callable[[Data], Data]:
    """What turns the lineage of plain sheets into that of devices, procedures and labels."""

    def told(data: Data) -> Data:
        sources = tuple(_source(source, each) for source, each in zip(data.sources, known, strict=True))
        labels = tuple(dict.fromkeys(label for each in known for label in each.labels))
        return msgspec.structs.replace(data, sources=sources, labels=labels)

    return told


def _source(source: Source, known: Sourced) -> Source:
    return msgspec.structs.replace(source, device=known.device, procedure=known.procedure)


def _of_device(portion: Portion, recipe: Recipe, folder: Path) -> Sourced:
    """Rows on the grid while it ran; 1 where they are odd or left out: neither is normal."""
    digest = sha256()
    for file in portion.files:
        digest.update((folder / file).read_bytes())
    parts: list[pd.DataFrame] = []
    labels: list[str] = []
    for rows in stretches(portion, folder):
        odd = (painted(rows.t_ns, portion.spans) != USUAL).astype(np.int64)
        parts.append(frame_of(recipe, portion.device, rows, odd))
        labels += used(rows.t_ns, portion.spans)
    sheet = Sheet(f"device:{portion.device}", pd.concat(parts, ignore_index=True), sha256=digest.hexdigest())
    return Sourced(sheet, device=portion.device, labels=tuple(dict.fromkeys(labels)))


def stretches(portion: Portion, folder: Path) -> Iterator[Laid]:
    """Of each file the rows on the device's grid in which it ran, and its channels."""
    step: int | None = None
    for file in portion.files:
        t_ns, values, channels = _rows(folder / file)
        step = every_ns(t_ns, values, portion.rule) if step is None else step
        yield Laid(*laid(t_ns, values, channels, portion.rule, every=step), channels)


def _of_runs(runs: Runs, recipe: Recipe, folder: Path) -> Sourced:
    sheet = msgspec.structs.replace(read(folder / runs.file, recipe.columns), name=f"runs:{runs.procedure}", path="")
    return Sourced(sheet, procedure=runs.procedure, labels=runs.labels)


def _rows(file: Path) -> tuple[I64, F64, tuple[str, ...]]:
    table = pyarrow.parquet.read_table(file)
    names = tuple(table.column_names[1:])
    columns = [table.column(name).to_numpy(zero_copy_only=False).astype(np.float64) for name in names]
    t_ns = table.column(0).to_numpy(zero_copy_only=False).astype("datetime64[ns]").astype(np.int64)
    return t_ns, np.stack(columns, axis=1) if columns else np.zeros((len(t_ns), 0)), names


def frame_of(recipe: Recipe, name: str, rows: Laid, label: I64 | F64) -> pd.DataFrame:
    """Rows as a training reads them."""
    time = recipe.columns.time[0] if recipe.columns.time else "time"
    frame = pd.DataFrame(rows.values, columns=list(rows.channels))
    frame.insert(0, time, pd.to_datetime(rows.t_ns, utc=True))
    frame.insert(1, DEVICE, name)
    return frame.assign(**{label_of(recipe): label})


def label_of(recipe: Recipe) -> str:
    """The column that says which rows are not normal."""
    return recipe.columns.labels[0] if recipe.columns.labels else LABEL
