"""What a table was made from, for the manifest of a model that was trained on it."""

from collections.abc import Sequence
from hashlib import sha256

import numpy as np
import pandas as pd

from models.contract import I64, Task
from models.reading.records import Records
from models.reading.sheets import Sheet
from models.recipe import Recipe
from models.registry.manifest import Data, Source


def lineage(sheets: Sequence[Sheet], rows: Records, recipe: Recipe) -> Data:
    """Names, digests and times of the sheets, and how many rows or units bear which label."""
    t_ns = np.zeros(rows.rows, dtype=np.int64)
    for places, stretch in zip(rows.places, rows.table.stretches, strict=True):
        t_ns[places] = stretch.t_ns
    sources, start = [], 0
    for sheet in sheets:
        mine = t_ns[start : start + len(sheet.frame)]
        start += len(sheet.frame)
        sources.append(_source(sheet, mine if rows.timed else None))
    together = sha256("".join(source.sha256 for source in sources).encode()).hexdigest()
    return Data(sha256=together, rows=rows.rows, sources=tuple(sources), label=rows.label, counts=_counts(rows, recipe))


def _source(sheet: Sheet, t_ns: I64 | None) -> Source:
    return Source(
        name=sheet.path or sheet.name,
        sha256=sheet.sha256 or _digest(sheet.frame),
        rows=len(sheet.frame),
        from_ns=None if t_ns is None else int(t_ns.min()),
        to_ns=None if t_ns is None else int(t_ns.max()),
    )


def _digest(frame: pd.DataFrame) -> str:
    """Of names and values, whatever types hold them."""
    digest = sha256("\0".join(frame.columns).encode())
    digest.update(pd.util.hash_pandas_object(frame.reset_index(drop=True), index=False).to_numpy().tobytes())
    return digest.hexdigest()


def _counts(rows: Records, recipe: Recipe) -> dict[str, int]:
    stretches = [stretch for stretch in rows.table.stretches if stretch.label is not None]
    label = rows.table.labels()
    if recipe.task is Task.LIFE:
        return {"units": len(rows.table.stretches)}
    if recipe.task is Task.OUTCOME:
        if not recipe.columns.unit_rows:
            label = np.array([stretch.label[-1] for stretch in stretches if stretch.label is not None])
        return {name: int((label == at).sum()) for at, name in enumerate(rows.table.classes)}
    return {"0": int((label == 0).sum()), "1": int((label == 1).sum())} if stretches else {}
