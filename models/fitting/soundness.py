"""What is wrong with the rows of a training: errors where no defensible model can come of them, else warnings."""

from collections.abc import Sequence

import msgspec
import numpy as np

from models.contract import F64, Bools, Task
from models.head import TrainingError
from models.table import Stretch, Table

FEWEST_ROWS = 20
FEW_ROWS = 300  # fitted on fewer, half of what follows may ring
SHORT = 20  # rows in a row, that tell nothing of how far means wander
ABSURD = 1e100  # of a reading: its square is beyond reckoning
FAR = 1e4  # of the widths that hold nearly all of a channel: no reading, a fault of what reads
NEARLY_ALL = 0.01  # of the readings may lie outside, at each end
MISSING = 0.05  # share of a channel's values
REPEATED = 0.2  # share of rows that are copies of the row before
FEW_FAILURES = 10
MOST_GRADES = 20


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


def sane(table: Table, task: Task) -> tuple[Table, tuple[str, ...]]:
    """The table with readings that cannot be as missing, and what was taken so: one would drown all others.

    Under a test, what is far beyond all others may be the very failure, and stays.
    """
    widths = ABSURD if task is Task.OUTCOME else FAR
    rows = table.stacked()
    absurd = np.stack([_absurd(column, widths) for column in rows.T], axis=1) if table.channels else np.isnan(rows)
    if not absurd.any():
        return table, ()
    worst = float(np.abs(rows[absurd]).max())
    cuts = np.cumsum([len(stretch.t_ns) for stretch in table.stretches])[:-1]
    cleaned = np.split(np.where(absurd, np.nan, rows), cuts)
    stretches = tuple(
        msgspec.structs.replace(stretch, rows=mine) for stretch, mine in zip(table.stretches, cleaned, strict=True)
    )
    wild = np.asarray(absurd.any(axis=0))
    said = f"{int(absurd.sum())} values far beyond all others (up to {worst:.3g}) are taken as missing"
    return msgspec.structs.replace(table, stretches=stretches), (f"{_named(table, wild)}: {said}",)


def _absurd(column: F64, widths: float) -> Bools:
    known = column[np.isfinite(column)]
    if not len(known):
        return np.zeros(len(column), dtype=np.bool_)
    size = np.abs(np.nan_to_num(column, posinf=0.0, neginf=0.0))
    usual = known[np.abs(known) <= ABSURD]
    low, middle, high = np.quantile(usual, [NEARLY_ALL, 0.5, 1.0 - NEARLY_ALL]) if len(usual) else (0.0, 0.0, 0.0)
    far = np.abs(np.nan_to_num(column, nan=middle, posinf=middle, neginf=middle) - middle) > widths * (high - low)
    return np.asarray((size > ABSURD) | (far & (high > low)), dtype=np.bool_)


def few(stretches: Sequence[Stretch]) -> tuple[str, ...]:
    """Warnings where the normal rows are so few, or so cut up, that a limit set from them says little."""
    lengths = [len(stretch.t_ns) for stretch in stretches]
    out = []
    if sum(lengths) < FEW_ROWS:
        out.append(f"{sum(lengths)} normal rows are few: expect false alarms, and train again with {FEW_ROWS} or more")
    if max(lengths, default=0) < SHORT:
        out.append(f"the normal rows are cut into {len(lengths)} pieces of at most {max(lengths)}: expect false alarms")
    return tuple(out)


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
    if task is Task.LIFE and np.ptp(label[known]) == 0:
        msg = f"each row has the same life left, {label[known][0]:g}: there is nothing to learn"
        raise TrainingError(msg)
    if task is Task.OUTCOME:
        counts = [int((label == at).sum()) for at in range(len(table.classes))]
        shown = [name for name, count in zip(table.classes, counts, strict=True) if count]
        if len(shown) < 2:  # noqa: PLR2004 -- one class alone cannot be told from another
            only = "".join(shown)
            msg = f"every label says {only!r}: without at least one of another kind there is nothing to tell apart"
            raise TrainingError(msg)
        if len(counts) > max(MOST_GRADES, len(table.stretches) // 10):
            msg = f"the labels say {len(counts)} different things: grades are needed, of which units share a few"
            raise TrainingError(msg)
        if min(counts) < FEW_FAILURES:
            rare = table.classes[counts.index(min(counts))]
            return [f"only {min(counts)} rows are labelled {rare!r}: figures on so few say little"]
    return []


def _named(table: Table, chosen: np.ndarray, most: int = 5) -> str:
    names = [name for name, is_so in zip(table.channels, chosen, strict=True) if is_so]
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
