"""Judged rows as a table for people and programs: keys as they were written, then what was called, then why."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from models.contract import Task
from models.reading.records import Records
from models.scoring import Judged

LIFE = ("life", "life_low", "life_high")


def results(
    rows: Records, judged: Sequence[Judged], *, task: Task, threshold: float, classes: Sequence[str] = ()
) -> pd.DataFrame:
    """One row a row, in the order of the files; for task outcome one a unit, as called after its last row.

    Columns: keys; `life`, `life_low`, `life_high`; `p_fail` (`p_fail_low`, `p_fail_high`), or `predicted` and a
    `p_CLASS` each; `score`, `threshold`, `alarm`; `contribution_CHANNEL` each. Empty where nothing could be called.
    """
    if task is Task.OUTCOME:
        return _of_units(rows, judged, threshold, classes)
    size, channels = rows.rows, rows.table.channels
    score, alarm = np.full(size, np.nan, dtype=np.float32), np.zeros(size, dtype=np.int64)
    shares = np.zeros((size, len(channels)), dtype=np.float32)
    outlook = np.full((size, len(LIFE)), np.nan, dtype=np.float32)
    for places, one in zip(rows.places, judged, strict=True):
        score[places], alarm[places] = one.scored.score, one.alarm
        shares[places] = one.scored.contributions
        if one.scored.outlook is not None:
            outlook[places] = one.scored.outlook
    life: dict[str, np.ndarray] = {name: outlook[:, at] for at, name in enumerate(LIFE)} if task is Task.LIFE else {}
    called = {"score": score, "threshold": np.full(size, threshold), "alarm": alarm}
    return _table(rows.keys, life | called, channels, shares)


def _of_units(rows: Records, judged: Sequence[Judged], threshold: float, classes: Sequence[str]) -> pd.DataFrame:
    """From the last row of each unit, in the order in which units first appear."""
    order = np.argsort([int(places.min()) for places in rows.places], kind="stable").tolist()
    ordered = [judged[at].scored for at in order]
    keys = rows.keys.iloc[[int(rows.places[at][-1]) for at in order]]
    score = np.array([scored.score[-1] for scored in ordered])
    chances = np.array([_last(scored.outlook, len(classes)) for scored in ordered])
    shares = np.array([scored.contributions[-1] for scored in ordered])
    if len(classes) != 2:  # noqa: PLR2004 -- pass and fail
        grades = {f"p_{name}": chances[:, at] for at, name in enumerate(classes)}
        return _table(keys, {"predicted": predicted(chances, classes), **grades}, rows.table.channels, shares)
    rings = np.where(np.isnan(score), 0, score >= threshold).astype(np.int64)
    between = {"p_fail_low": chances[:, 2], "p_fail_high": chances[:, 3]} if chances.shape[1] > len(classes) else {}
    called = {
        "p_fail": chances[:, 1],
        **between,
        "score": score,
        "threshold": np.full(len(keys), threshold),
        "alarm": rings,
    }
    return _table(keys, called, rows.table.channels, shares)


def predicted(chances: np.ndarray, classes: Sequence[str]) -> pd.api.extensions.ExtensionArray:
    """The likeliest class of each row of chances (n x classes), as a number where all classes are; empty if unknown.

    >>> list(predicted(np.array([[0.2, 0.8], [0.6, 0.4]]), ["3", "20"]))
    [np.int64(20), np.int64(3)]
    """
    known = ~np.isnan(chances).any(axis=1)
    at = np.where(known, np.nan_to_num(chances).argmax(axis=1), -1).tolist()
    if all(name.lstrip("-").isdecimal() for name in classes):
        return pd.array([int(classes[place]) if place >= 0 else None for place in at], dtype="Int64")
    return pd.array([classes[place] if place >= 0 else None for place in at], dtype="str")


def _last(outlook: np.ndarray | None, width: int) -> np.ndarray:
    return np.full(width, np.nan) if outlook is None else outlook[-1]


def _table(
    keys: pd.DataFrame, called: Mapping[str, object], channels: Sequence[str], shares: np.ndarray
) -> pd.DataFrame:
    columns = dict(called) | {f"contribution_{name}": shares[:, at] for at, name in enumerate(channels)}
    return pd.concat([keys, pd.DataFrame(columns, index=keys.index)], axis=1)
