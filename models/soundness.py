"""What is wrong with the rows of a training: errors where no defensible model can come of them, else warnings."""

import numpy as np

from models.contract import Task
from models.head import TrainingError
from models.table import Table

FEWEST_ROWS = 20
MISSING = 0.05  # share of a channel's values
REPEATED = 0.2  # share of rows that are copies of the row before
FEW_FAILURES = 10


def checked(table: Table, task: Task) -> tuple[str, ...]:
    """Warnings about the rows, as sentences; raises TrainingError."""
    rows = table.stacked()
    if not table.channels:
        msg = "there is no channel: every column is named as time, group, label or ignored"
        raise TrainingError(msg)
    if len(rows) < FEWEST_ROWS:
        msg = f"{len(rows)} rows are too few to learn what is normal: give at least {FEWEST_ROWS}, better hundreds"
        raise TrainingError(msg)
    known = np.isfinite(rows)
    if not known.any():
        msg = "no channel has a single number in it"
        raise TrainingError(msg)
    low = np.where(known, rows, np.inf).min(axis=0)
    high = np.where(known, rows, -np.inf).max(axis=0)
    still = high <= low
    if still.all():
        msg = "no channel ever moves: there is nothing to learn"
        raise TrainingError(msg)
    return (*_channels(table, known, still), *_copies(rows), *_labels(table, task))


def _channels(table: Table, known: np.ndarray, still: np.ndarray) -> list[str]:
    out = []
    if still.any():
        out.append(f"{_named(table, still)} never moved here: what they do later is judged coarsely or not at all")
    missing = 1.0 - known.mean(axis=0)
    if (missing > MISSING).any():
        worst = float(missing.max())
        out.append(f"{_named(table, missing > MISSING)} often missing (up to {worst:.0%}): last values stand in")
    return out


def _copies(rows: np.ndarray) -> list[str]:
    same = (rows[1:] == rows[:-1]) | (np.isnan(rows[1:]) & np.isnan(rows[:-1]))
    share = float(same.all(axis=1).mean()) if len(rows) > 1 else 0.0
    return [f"{share:.0%} of the rows repeat the row before: is the source stuck?"] if share > REPEATED else []


def _labels(table: Table, task: Task) -> list[str]:
    label = table.labels()
    known = np.isfinite(label)
    if task is Task.ANOMALY:
        wrong = int((label == 1).sum())
        return [f"{wrong} rows are labelled as anomalous and left out of what is normal"] if wrong else []
    if task in {Task.LIFE, Task.OUTCOME} and not known.any():
        msg = "no row has a label: name the column with --label, or the recipe's `columns.labels`"
        raise TrainingError(msg)
    if task is Task.OUTCOME:
        counts = [int((label == at).sum()) for at in range(len(table.classes))]
        if len(table.classes) < 2:  # noqa: PLR2004 -- one class alone cannot be told from another
            only = "".join(table.classes)
            msg = f"every label says {only!r}: without at least one of another kind there is nothing to tell apart"
            raise TrainingError(msg)
        if min(counts) < FEW_FAILURES:
            rare = table.classes[counts.index(min(counts))]
            return [f"only {min(counts)} rows are labelled {rare!r}: figures on so few say little"]
    return []


def _named(table: Table, chosen: np.ndarray, most: int = 5) -> str:
    names = [name for name, is_so in zip(table.channels, chosen, strict=True) if is_so]
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
