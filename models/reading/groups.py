"""Which rows belong together: those with equal keys, else those of one file; each group in the order of its times."""

from collections.abc import Sequence

import msgspec
import numpy as np
import pandas as pd

from models.contract import I64
from models.reading.channels import said
from models.reading.roles import Roles

REPEATED = 0.05  # of the rows that belong together


class Group(msgspec.Struct, frozen=True):
    """Rows that belong together, by their places, in order."""

    name: str
    rows: I64


class Filed(msgspec.Struct, frozen=True):
    """Rows of several sheets below each other."""

    frame: pd.DataFrame
    sheet: I64  # which one each row is of
    names: tuple[str, ...]  # of the sheets


def groups(filed: Filed, what: Roles, t_ns: I64 | None, *, units: bool) -> tuple[list[Group], list[str]]:
    """The groups and what to know of them; `t_ns` None: rows stay in order. `units`: rows without keys stand alone."""
    if what.groups:
        code, names = _keyed(filed, what, t_ns)
    elif units and not what.index:
        code = np.arange(len(filed.frame))
        names = [f"row {at + 1}" for at in range(len(code))]
    else:
        code, names = filed.sheet, list(filed.names)
    notes = []
    if t_ns is not None:
        back = (np.diff(t_ns) < 0) & (np.diff(code) == 0)
        if back.any():
            notes.append(f"rows were not in the order of {what.order!r} ({int(back.sum())} steps back) and were sorted")
        order = np.lexsort((t_ns, code))
        notes += _repeated(t_ns[order], code[order], what.order)
    else:
        order = np.argsort(code, kind="stable")
    cuts = np.flatnonzero(np.diff(code[order])) + 1
    found = [Group(names[int(code[rows[0]])], rows) for rows in np.split(order, cuts)]
    if what.groups and what.time and not what.index and t_ns is not None:
        found.sort(key=lambda group: int(t_ns[group.rows[0]]))  # so that blocks of units are blocks of time
    return found, notes


def _repeated(t_ns: I64, code: I64, called: str) -> list[str]:
    """Where rows that belong together are often of the same time: a key may have been forgotten."""
    together = np.diff(code) == 0
    same = int((together & (np.diff(t_ns) == 0)).sum())
    if same <= REPEATED * together.sum():
        return []
    return [f"{same} rows have the same {called!r} as the row before: if they are of several devices, name the column"]


def _keyed(filed: Filed, what: Roles, t_ns: I64 | None) -> tuple[I64, list[str]]:
    """Codes and names of equal keys; of different files only where their times follow on each other."""
    texts = [[text if text is not None else "?" for text in said(filed.frame[column])] for column in what.groups]
    keys = pd.Series(["/".join(key) for key in zip(*texts, strict=True)])
    code, found = pd.factorize(keys)
    names = [str(name) for name in found]
    if len(filed.names) > 1 and _overlap(code, filed.sheet, t_ns):
        pairs = pd.Series(code * len(filed.names) + filed.sheet)
        code, both = pd.factorize(pairs)
        names = [f"{filed.names[pair % len(filed.names)]}/{names[pair // len(filed.names)]}" for pair in both]
    return code.astype(np.int64), names


def _overlap(code: I64, sheet: I64, t_ns: I64 | None) -> bool:
    """Whether some key stands in several files with times that do not follow on each other."""
    parts = pd.DataFrame({"key": code, "sheet": sheet, "t": 0 if t_ns is None else t_ns})
    spans = parts.groupby(["key", "sheet"])["t"].agg(["min", "max"]).reset_index().sort_values(["key", "min"])
    same = spans["key"].to_numpy()[1:] == spans["key"].to_numpy()[:-1]
    return bool((same & (spans["min"].to_numpy()[1:] <= spans["max"].to_numpy()[:-1])).any())


def joined(names: Sequence[str], frames: Sequence[pd.DataFrame]) -> Filed:
    """Rows below each other; a column that one lacks is missing there."""
    sheet = np.repeat(np.arange(len(frames)), [len(frame) for frame in frames])
    whole = frames[0] if len(frames) == 1 else pd.concat([_loose(frame) for frame in frames], ignore_index=True)
    return Filed(frame=whole, sheet=sheet, names=tuple(names))


def _loose(frame: pd.DataFrame) -> pd.DataFrame:
    """Columns without any value hold numbers that are all missing, so that they fit to those of other files."""
    empty = [name for name in frame.columns if frame[name].isna().all()]
    return frame.assign(**{name: np.full(len(frame), np.nan) for name in empty}) if empty else frame
