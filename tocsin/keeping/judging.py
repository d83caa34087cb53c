"""What a candidate is judged on: rows of after its training, and the stretches that people said something of."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np

from models.arrays import F64, I64, Bools
from models.reading.sheets import Sheet
from models.recipe import Recipe
from tocsin.keeping.job import Job, Portion
from tocsin.keeping.sheets import frame_of, of_store, sheets, stretches
from tocsin.keeping.spans import NOBODY, ODD, USUAL, Span, held
from wire.config import DAY_NS

LEAD = 600  # rows before a labelled stretch, that a model needs to be warm and calm
UNKNOWN, DROPPED = 2.0, -1.0
NEWEST_NS = DAY_NS  # at least, also where a candidate is judged at once


def evidence_sheets(job: Job, recipe: Recipe, folder: Path) -> list[Sheet]:
    """A sheet a stretch, for the model of this recipe.

    Labels are 1 where somebody called it odd, 0 normal, and missing where nobody said anything. Rows of maintenance are
    left out. Rows under alarms that nobody judged stay in: a candidate may not ring there more.
    """
    recipe = of_store(recipe)
    found = [sheet for portion in job.portions for sheet in _of_device(portion, recipe, folder, job)]
    runs = sheets(msgspec.structs.replace(job, portions=()), recipe, folder)
    return found + [each.sheet for each in runs]


def _of_device(portion: Portion, recipe: Recipe, folder: Path, job: Job) -> Iterator[Sheet]:
    said = [span for span in portion.spans if span.label]
    since_ns = min(job.since_ns, job.at_ns - NEWEST_NS)
    for at, laid in enumerate(stretches(portion, folder)):
        label = _labels(laid.t_ns, said)
        kept = _kept(laid.t_ns, said, since_ns) & (label >= 0)
        for number, rows in enumerate(_runs_of(kept)):
            name = f"{portion.device}/{at}.{number}"
            known: F64 = np.where(label[rows] == UNKNOWN, np.nan, label[rows])
            yield Sheet(name, frame_of(recipe, name, laid.part(rows), known))


def _labels(t_ns: I64, said: list[Span]) -> F64:
    """0 normal, 1 odd, UNKNOWN, or DROPPED for maintenance."""
    taken = held(t_ns, said)
    label = np.select([taken == NOBODY, taken == USUAL, taken == ODD], [UNKNOWN, 0.0, 1.0], DROPPED)
    return np.asarray(label, dtype=np.float64)


def _kept(t_ns: I64, said: list[Span], since_ns: int) -> Bools:
    """Of after its training, or in or shortly before a labelled stretch."""
    kept = t_ns >= since_ns
    for span in said:
        first, end = np.searchsorted(t_ns, [span.from_ns, span.to_ns + 1])
        if end > first:
            kept[max(0, int(first) - LEAD) : int(end)] = True
    return kept


def _runs_of(kept: Bools) -> list[I64]:
    """The places of each contiguous stretch."""
    places = np.flatnonzero(kept)
    cuts = np.flatnonzero(np.diff(places) > 1) + 1
    return [rows for rows in np.split(places, cuts) if len(rows)]
