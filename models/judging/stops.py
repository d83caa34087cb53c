"""Of units that come a row at a time: which would have been stopped after any of their steps, as they were tested."""

from collections.abc import Sequence

import numpy as np

from models.arrays import F64
from models.contract import Detector, Job
from models.runs.row import step_of
from models.table import Stretch, Table

MOST = 150  # units looked at, the newest of each group: each is asked about as often as it has steps


def stopped(model: Detector, table: Table, *, threshold: float = 1.0) -> tuple[int, int] | None:
    """Of units that pass (label 0): how many are stopped after some step, of how many; None where none has steps.

    Each is asked about after each of its steps, knowing the units of its group before it, as live.
    """
    if not _ends(table.channels) or not table.stretches:
        return None
    share = max(1, MOST // len(table.stretches))
    counts = [_of_group(model, group, table.channels, share, threshold) for group in table.stretches]
    units = sum(count for _, count in counts)
    return (sum(stops for stops, _ in counts), units) if units else None


def _of_group(
    model: Detector, group: Stretch, channels: tuple[str, ...], share: int, threshold: float
) -> tuple[int, int]:
    ends = _ends(channels)
    label = np.full(len(group.t_ns), np.nan) if group.label is None else group.label
    state = model.cold(len(channels))
    begin = max(0, len(label) - share)
    if begin:
        state = _learnt(model, state, group.part(slice(0, begin)), channels)
    stops = units = 0
    for at in range(begin, len(label)):
        unit = group.part(slice(at, at + 1))
        if label[at] == 0:
            said = model.advance([_job(state, unit, part, channels) for part in _partly(unit.rows, ends)])
            stops += any(bool((each.score >= threshold).any()) for each in said)
            units += 1
        state = _learnt(model, state, unit, channels)
    return stops, units


def _partly(row: F64, ends: Sequence[int]) -> list[F64]:
    """The row as it was known after each step in which something was measured."""
    found: list[F64] = []
    begin = 0
    for end in ends:
        if not np.isnan(row[0, begin:end]).all():
            part = row.copy()
            part[:, end:] = np.nan
            found.append(part)
        begin = end
    return found


def _job(state: F64, unit: Stretch, rows: F64, channels: tuple[str, ...]) -> Job:
    return Job(state, unit.t_ns, rows, np.ones(len(rows), dtype=np.bool_), learn=False, channels=channels)


def _learnt(model: Detector, state: F64, rows: Stretch, channels: tuple[str, ...]) -> F64:
    on = np.ones(len(rows.t_ns), dtype=np.bool_)
    return model.advance([Job(state, rows.t_ns, rows.rows, on, channels=channels)])[0].state


def _ends(channels: tuple[str, ...]) -> list[int]:
    """Behind the last column of each step; none where columns name no steps.

    >>> _ends(("S1/a", "S1/b", "S2/a")), _ends(("a", "b"))
    ([2, 3], [])
    """
    steps = [step_of(name) for name in channels]
    if not all(steps):
        return []
    last = {step: at + 1 for at, step in enumerate(steps)}
    return sorted(last.values())
