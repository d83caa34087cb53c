"""What each column of a table is: time, count, group, label, weight, left out, or a channel."""

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

import msgspec

from models.reading.errors import ReadingError
from models.recipe import Columns


class Roles(msgspec.Struct, frozen=True):
    """Names of columns; empty where there is none."""

    time: str
    index: str
    groups: tuple[str, ...]
    label: str
    weight: str
    keys: tuple[str, ...]  # times, counts and groups, in the order of the file
    channels: tuple[str, ...]
    nameless: tuple[str, ...]

    @property
    def order(self) -> str:
        """The column that rows are ordered by."""
        return self.index or self.time


def roles(names: Sequence[str], columns: Columns, *, label: str = "") -> Roles:
    """What the columns of these names are; raises ReadingError where there is no column `label`."""
    if label and label not in names:
        msg = f"there is no column {label!r}; there are {listed(names)}"
        raise ReadingError(msg)
    keys = [name for name in names if name in {*columns.time, *columns.index, *columns.group} and name != label]
    chosen = label or _first(columns.labels, names)
    left_out = {*keys, *columns.labels, *columns.weight, chosen}
    nameless = [name for name in names if _is_nameless(name)]
    return Roles(
        time=_first(columns.time, keys),
        index=_first(columns.index, keys),
        groups=tuple(name for name in columns.group if name in keys),
        label=chosen,
        weight=_first(columns.weight, names),
        keys=tuple(keys),
        channels=tuple(
            name
            for name in names
            if name not in left_out
            and name not in nameless
            and not matches(name, columns.ignore)
            and matches(name, columns.channels)
        ),
        nameless=tuple(nameless),
    )


def matches(name: str, patterns: Iterable[str]) -> bool:
    """Whether one of the patterns is the name, or a glob that fits it.

    >>> matches("Torque [Nm]", ["Torque [Nm]"]), matches("s001", ["s0*"]), matches("v1", ["s0*"])
    (True, True, False)
    """
    return any(name == pattern or fnmatchcase(name, pattern) for pattern in patterns)


def listed(names: Sequence[str], most: int = 12) -> str:
    """Names for a sentence.

    >>> listed(["a", "b", "c"], most=2)
    'a, b and 1 more'
    """
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _first(wanted: Iterable[str], names: Sequence[str]) -> str:
    return next((name for name in wanted if name in names), "")


def _is_nameless(name: str) -> bool:
    return name.startswith("Unnamed: ") or (name.startswith("column ") and name.endswith(" without a name"))
