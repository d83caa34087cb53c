"""Training rows held out in turn: whole stretches where there are enough, and never a later row to judge an earlier."""

from collections.abc import Iterator, Sequence

import msgspec
import numpy as np

from models.contract import Task
from models.head import TrainingError
from models.table import Stretch, Table

FOLDS = 5


class Split(msgspec.Struct, frozen=True):
    """What to fit on, and what to judge by: rows without a label there only lead up to it."""

    fit: Table
    judge: Table


def splits(table: Table, task: Task, *, timed: bool, unit_rows: bool = False, folds: int = FOLDS) -> list[Split]:
    """Blocks of stretches; units with times, and rows of few stretches, are judged by what came before them.

    `unit_rows`: each row is a unit, and is judged by all that came before it on any station.

    Raises TrainingError where no block can be held out.
    """
    if task is Task.ANOMALY and not (table.labels() == 1).any():
        msg = "no row is labelled as anomalous, so nothing can be judged: name the column of labels with --label"
        raise TrainingError(msg)
    if unit_rows:
        found = list(_in_time(table, folds))
    elif task is Task.OUTCOME and timed:
        found = list(_forward(table, folds))
    elif len(table.stretches) >= 2:  # noqa: PLR2004 -- one to fit on and one to judge
        found = list(_blocks(table, min(folds, len(table.stretches))))
    elif task is Task.ANOMALY:
        found = list(_within(table, folds))
    else:
        msg = "there is one unit: at least two are needed, one to fit on and one to judge by"
        raise TrainingError(msg)
    usable = [split for split in found if _usable(split, task)]
    if not usable:
        msg = "no part can be held out that leaves both normal and labelled failing rows to judge by"
        raise TrainingError(msg)
    return usable


def _blocks(table: Table, folds: int) -> Iterator[Split]:
    """Neighbours stay on one side."""
    for low, high in _cuts(len(table.stretches), folds):
        held = table.stretches[low:high]
        yield Split(_of(table, [*table.stretches[:low], *table.stretches[high:]]), _of(table, held))


def _forward(table: Table, folds: int) -> Iterator[Split]:
    for low, high in _cuts(len(table.stretches), folds)[1:]:
        yield Split(_of(table, table.stretches[:low]), _of(table, table.stretches[low:high]))


def _within(table: Table, folds: int) -> Iterator[Split]:
    """Each stretch is cut in time."""
    for block in range(1, folds):
        fit, judge = [], []
        for stretch in table.stretches:
            low, high = _cuts(len(stretch.t_ns), folds)[block]
            fit.append(stretch.part(slice(low)))
            judge.append(_led_up_to(stretch.part(slice(high)), low))
        yield Split(_of(table, fit), _of(table, judge))


def _in_time(table: Table, folds: int) -> Iterator[Split]:
    """All stretches are cut at the same times."""
    times = np.sort(np.concatenate([stretch.t_ns for stretch in table.stretches]))
    for low, high in _cuts(len(times), folds)[1:]:
        begin, end = times[low], times[high] if high < len(times) else times[-1] + 1
        fit, judge = [], []
        for stretch in table.stretches:
            before, upto = np.searchsorted(stretch.t_ns, [begin, end]).tolist()
            fit.append(stretch.part(slice(before)))
            judge.append(_led_up_to(stretch.part(slice(upto)), before))
        yield Split(_of(table, fit), _of(table, judge))


def _cuts(size: int, folds: int) -> list[tuple[int, int]]:
    return [(block * size // folds, (block + 1) * size // folds) for block in range(folds)]


def _of(table: Table, stretches: Sequence[Stretch]) -> Table:
    return msgspec.structs.replace(table, stretches=tuple(stretches))


def _led_up_to(stretch: Stretch, low: int) -> Stretch:
    if stretch.label is None:
        return stretch
    label = stretch.label.copy()
    label[:low] = np.nan
    return msgspec.structs.replace(stretch, label=label)


def _usable(split: Split, task: Task) -> bool:
    """Whether there is something to learn from and to judge."""
    learnt, known = split.fit.labels(), split.judge.labels()
    if not np.isfinite(known).any() or not split.fit.rows:
        return False
    if task is Task.ANOMALY:
        return bool((learnt != 1).any())
    return task is Task.LIFE or len(np.unique(learnt[np.isfinite(learnt)])) > 1
