"""Of units that come a row at a time: which would have been stopped after any of their steps, as they were tested."""

from collections.abc import Sequence

import msgspec
import numpy as np

from models.arrays import F64, Bools
from models.contract import Detector, Job
from models.runs.row import step_of
from models.table import Stretch, Table

MOST = 150  # units looked at, the newest of each group: each is asked about as often as it has steps


class Asked(msgspec.Struct, frozen=True):
    """Units that pass, u of them: which are stopped after some step, and how many units like it each stands for."""

    stopped: Bools
    weight: F64


def stopped(model: Detector, table: Table, *, threshold: float = 1.0) -> Asked | None:
    """Of units that pass (label 0), which are stopped; None where none has steps.

    Each is asked about after each of its steps, knowing the units of its group before it, as live. Where units weigh,
    those that weigh more than the lightest are asked about however old they are, since they are few and decide; the
    newest of the others stand for all of them.
    """
    if not _ends(table.channels) or not table.stretches:
        return None
    share = max(1, MOST // len(table.stretches))
    weight = table.weights()
    least = float(weight.min(initial=np.inf))
    found = [_of_group(model, group, table.channels, (share, least), threshold) for group in table.stretches]
    stops, asked = (np.concatenate(parts) for parts in zip(*found, strict=True))
    if not len(stops):
        return None
    light = asked == least
    if light.any() and not light.all():
        asked[light] *= int(((table.labels() == 0) & (weight == least)).sum()) / int(light.sum())
    return Asked(stops > 0, asked)


def _of_group(
    model: Detector, group: Stretch, channels: tuple[str, ...], asked: tuple[int, float], threshold: float
) -> tuple[F64, F64]:
    """Of each unit that passes and is asked about: whether it is stopped, and its weight."""
    ends, (share, least) = _ends(channels), asked
    count = len(group.t_ns)
    label = np.full(count, np.nan) if group.label is None else group.label
    weight = np.ones(count) if group.weight is None else group.weight
    wanted = (label == 0) & ((np.arange(count) >= count - share) | (weight > least))
    state, begin = model.cold(len(channels)), 0
    stops = []
    for at in np.flatnonzero(wanted).tolist():
        if at > begin:
            state = _learnt(model, state, group.part(slice(begin, at)), channels)
        unit = group.part(slice(at, at + 1))
        said = model.advance([_job(state, unit, part, channels) for part in _partly(unit.rows, ends)])
        stops.append(float(any(bool((each.score >= threshold).any()) for each in said)))
        begin = at
    return np.array(stops), weight[wanted]


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
