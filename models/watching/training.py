"""The reference of a fitted model, from the table that it was fitted on."""

import numpy as np

from models.contract import Task
from models.scoring import Judged, score
from models.table import Table
from models.trained import Trained
from models.watching.reference import Reference, Seen
from models.watching.usual import reference

MOST_ROWS = 400_000  # scored; of each stretch its first ones
TWO = 2  # pass and fail


def of_training(model: Trained, table: Table) -> Reference:
    """Stretches of one name are one device; rows that are labelled as odd are left out. Raises NoReferenceError."""
    most = max(1, MOST_ROWS // max(1, len(table.stretches)))
    judged = score(model, Table(table.channels, tuple(each.part(slice(most)) for each in table.stretches)))
    parts: dict[str, list[Seen]] = {}
    for one in judged:
        parts.setdefault(one.stretch.name, []).append(_seen(model, one))
    units = model.task is Task.OUTCOME
    devices = {name: _one(mine) for name, mine in parts.items()}
    return reference(table.channels, devices, units=units, fails=_fails(model, table) if units else None)


def _seen(model: Trained, one: Judged) -> Seen:
    stretch = one.stretch
    usual = np.ones(len(stretch.t_ns), dtype=np.bool_)
    if model.task is Task.ANOMALY and stretch.label is not None:
        usual = stretch.label != 1
    said = usual & np.isfinite(one.scored.score)
    scores = one.scored.score[said].astype(np.float64)
    return Seen(
        t_ns=stretch.t_ns[usual],
        rows=stretch.rows[usual],
        score=scores,
        over=scores >= model.decision.threshold,
        score_ns=stretch.t_ns[said],
    )


def _one(parts: list[Seen]) -> Seen:
    """Stretches of one device as one."""
    if len(parts) == 1:
        return parts[0]
    parts = sorted(parts, key=lambda part: int(part.t_ns[0]) if len(part.t_ns) else 0)
    return Seen(
        t_ns=np.concatenate([part.t_ns for part in parts]),
        rows=np.concatenate([part.rows for part in parts]),
        score=np.concatenate([part.score for part in parts]),
        over=np.concatenate([part.over for part in parts]),
        score_ns=np.concatenate([part.score_ns for part in parts]),
    )


def _fails(model: Trained, table: Table) -> float | None:
    """The share of rows of failing units, where units pass or fail, each counted as many times as it weighs."""
    label = table.labels()
    known = np.isfinite(label)
    if not known.any() or len(model.classes) != TWO:
        return None
    return float(np.average(label[known] == 1, weights=table.weights()[known]))
