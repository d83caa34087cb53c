"""Sheets put together as one table, with what leads back from it to the rows as they were written."""

from collections.abc import Sequence

import msgspec
import numpy as np
import pandas as pd

from models.contract import F64, I64, Task
from models.reading import channels as reading
from models.reading import labels
from models.reading.clock import NS_PER_S, counts, times_ns
from models.reading.errors import ReadingError
from models.reading.groups import Filed, Group, groups, joined
from models.reading.roles import Roles, listed, roles
from models.reading.sheets import Sheet
from models.reading.suspects import suspects
from models.reading.weights import weights_of
from models.recipe import Recipe
from models.table import Stretch, Table
from models.trained import Trained

GAPS = 0.05  # of a channel's values, missing


class Records(msgspec.Struct, frozen=True):
    """A table, and what leads back from it to the rows as they were written."""

    table: Table
    keys: pd.DataFrame  # times, counts and groups of all rows as written, in the order of the files
    places: tuple[I64, ...]  # of each stretch: where its rows stand in `keys`
    timed: bool  # whether rows carry a time of day; else a count or their place
    label: str = ""  # the column that the labels came from
    warnings: tuple[str, ...] = ()

    def by_unit(self, recipe: Recipe) -> "Records":
        """The same, a row at a time where the recipe says that a row is a unit: as `models.scoring.by_unit` has it."""
        if not recipe.columns.unit_rows:
            return self
        return msgspec.structs.replace(self, places=tuple(np.array([at]) for rows in self.places for at in rows))

    @property
    def rows(self) -> int:
        """How many there are."""
        return len(self.keys)


def records(
    sheets: Sequence[Sheet], recipe: Recipe, *, label: str = "", model: Trained | None = None, labelled: bool = True
) -> Records:
    """The rows of all sheets as a recipe names their columns, and as a fitted `model` knows them; raises ReadingError.

    `label` picks the column of labels, else it is the recipe's first that is there; `labelled` false: none is wanted.
    """
    filed = joined([sheet.name for sheet in sheets], [sheet.frame for sheet in sheets])
    what = roles(list(filed.frame.columns), recipe.columns, label=label)
    t_ns, count = _order(filed, what)
    found, notes = groups(filed, what, t_ns, units=recipe.task is Task.OUTCOME)
    if what.nameless:
        notes.append(f"{len(what.nameless)} columns without a name are left out")
    channels, told = _channels(filed, what, recipe, model)
    if not channels:
        msg = f"no column of {listed(filed.names, most=3)} is a channel; there are {listed(list(filed.frame.columns))}"
        raise ReadingError(msg)
    rows = np.stack([channel.column for channel in channels], axis=1)
    label_of, classes = None, model.classes if model is not None else ()
    if labelled:
        label_of, classes, more = _labels(filed, what, recipe, model, label)
        told += more
        if recipe.task is Task.LIFE:
            if label_of is None:
                told.append("no label column: each unit is taken to have failed after its last row")
            label_of = _left(label_of, found, count, recipe)
    weight = weights_of(filed.frame[what.weight], _where(filed, what.weight)) if what.weight else None
    table = Table(
        channels=tuple(channel.name for channel in channels),
        stretches=tuple(_stretch(group, t_ns, rows, label_of, weight) for group in found),
        classes=classes,
        words={channel.name: channel.words for channel in channels if channel.words},
    )
    if model is None:
        told += suspects(table)
    keys = pd.DataFrame({name: _narrowed(filed.frame[name]) for name in what.keys}, index=filed.frame.index)
    return Records(
        table=table,
        keys=keys,
        places=tuple(group.rows for group in found),
        timed=bool(what.time) and not what.index,
        label=what.label if labelled else "",
        warnings=(*notes, *told),
    )


def _order(filed: Filed, what: Roles) -> tuple[I64 | None, F64 | None]:
    """What rows are ordered by as ns, and as they count; None where nothing orders them."""
    if what.index:
        count = counts(filed.frame[what.index], _where(filed, what.index))
        return np.rint(count * NS_PER_S).astype(np.int64), count
    if what.time:
        t_ns = times_ns(filed.frame[what.time], _where(filed, what.time))
        return t_ns, t_ns / NS_PER_S
    return None, None


def _where(filed: Filed, column: str) -> str:
    return f"{listed(filed.names, most=3)}: column {column!r}"


def _channels(
    filed: Filed, what: Roles, recipe: Recipe, model: Trained | None
) -> tuple[list[reading.Channel], list[str]]:
    if model is None:
        read = [reading.fresh(filed.frame[name]) for name in what.channels]
        out = [channel for channel in read if isinstance(channel, reading.Channel)]
        return out, [
            each if isinstance(each, str) else each.note for each in read if isinstance(each, str) or each.note
        ]
    absent = [name for name in model.channels if name not in filed.frame.columns]
    extra = [name for name in what.channels if name not in model.channels]
    if len(absent) == len(model.channels):
        msg = (
            f"none of the channels of {model.name} is in {listed(filed.names, most=3)}: it knows "
            f"{listed(model.channels)}; there are {listed(list(filed.frame.columns))}"
        )
        raise ReadingError(msg)
    missing = pd.Series(np.full(len(filed.frame), np.nan))
    out = [
        reading.known(filed.frame[name] if name not in absent else missing.rename(name), model.words.get(name, ()))
        for name in model.channels
    ]
    notes = [channel.note for channel in out if channel.note]
    if absent:
        notes.append(f"{listed(absent, most=5)}: not in the data, taken as missing")
    usual = recipe.task is Task.OUTCOME  # units are called on while much of them is not measured yet
    notes += _gaps([channel for channel in out if not channel.note and channel.name not in absent], usual=usual)
    if extra:
        notes.append(f"{listed(extra, most=5)}: unknown to {model.name}, ignored")
    return out, notes


def _gaps(channels: Sequence[reading.Channel], *, usual: bool) -> list[str]:
    """Where what is scored is often not there, since a held value is a guess, and one before the first the usual."""
    lost = {channel.name: float(np.isnan(channel.column).mean()) for channel in channels}
    never = [name for name, share in lost.items() if share == 1.0]
    often = {name: share for name, share in lost.items() if GAPS < share < 1.0}
    out = [f"{listed(never, most=5)}: not a single number in the data, taken as missing"] if never else []
    if often and not usual:
        worst = f"up to {max(often.values()):.0%}"
        out.append(f"{listed(list(often), most=5)}: often missing ({worst}); last values stand in, which may ring")
    return out


def _labels(
    filed: Filed, what: Roles, recipe: Recipe, model: Trained | None, asked: str
) -> tuple[F64 | None, tuple[str, ...], list[str]]:
    classes, notes = model.classes if model is not None else (), list[str]()
    if not what.label:
        return None, classes, notes
    column, where = filed.frame[what.label], _where(filed, what.label)
    others = [name for name in recipe.columns.labels if name in filed.frame.columns and name != what.label]
    if others and not asked and model is None:
        notes.append(f"the label is {what.label!r}; --label may pick {listed(others)} instead")
    if recipe.task is Task.OUTCOME:
        classes = classes or labels.classes_of(column)
        values, strange = labels.grades(column, classes)
        if strange:
            notes.append(f"{what.label!r}: {listed(strange, most=5)} unknown to the model, not judged")
        if labels.unsure(classes):
            notes.append(f"{classes[1]!r} is taken as the failure and {classes[0]!r} as well: 0 and 1 would say it")
        return values, classes, notes
    if recipe.task is Task.LIFE:
        return labels.left(column, where), classes, notes
    return labels.odd(column, where), classes, notes


def _left(label: F64 | None, found: Sequence[Group], count: F64 | None, recipe: Recipe) -> F64:
    """What is left of each row's unit, at most the cap; without a label, until the unit's last row."""
    if label is None:
        label = np.zeros(sum(len(group.rows) for group in found))
        for group in found:
            mine = np.arange(len(group.rows), dtype=np.float64) if count is None else count[group.rows]
            label[group.rows] = mine[-1] - mine
    return label if recipe.cap is None else np.minimum(label, recipe.cap)


def _stretch(group: Group, t_ns: I64 | None, rows: F64, label: F64 | None, weight: F64 | None) -> Stretch:
    return Stretch(
        name=group.name,
        t_ns=np.arange(len(group.rows), dtype=np.int64) * NS_PER_S if t_ns is None else t_ns[group.rows],
        rows=rows[group.rows],
        label=None if label is None else label[group.rows],
        weight=None if weight is None else weight[group.rows],
    )


def _narrowed(column: pd.Series) -> pd.Series:
    """A key that was read as text as whole numbers, where it is written as those."""
    if not (pd.api.types.is_string_dtype(column) or column.dtype == object):
        return column
    texts = column.tolist()
    try:
        numbers = [int(text) for text in texts]
    except (ValueError, TypeError):
        return column
    plain = all(str(number) == text for number, text in zip(numbers, texts, strict=True))
    small = all(abs(number) < 2**63 for number in numbers)
    return pd.Series(numbers, index=column.index, name=column.name) if plain and small else column
