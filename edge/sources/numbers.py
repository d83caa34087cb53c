"""Numbers as devices write them, stricter than Python's float()."""

import re
from collections.abc import Sequence
from math import isfinite, nan

_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
# float() would also take "1_000", "infinity" and digits of other scripts; none of these letters pass here.
_PLAIN = re.compile(r"[0-9eE+\-. \t]*")
_MISSING = frozenset({"", "nan", "+nan", "-nan", "na", "n/a", "null", "none"})
_UNBOUNDED = frozenset({"inf", "infinity", "ovf"})


def number(text: str) -> float | None:
    """The number a cell holds: NaN where it is empty or says so, None where it holds none or an infinite one.

    >>> number(" 2.5e3 "), number("1_000"), number("inf"), number("")
    (2500.0, None, None, nan)
    """
    cell = text.strip(" \t")
    if _NUMBER.fullmatch(cell):
        value = float(cell)
        return value if isfinite(value) else None
    return nan if cell.lower() in _MISSING else None


def numbers(cells: Sequence[str]) -> tuple[float, ...] | None:
    """All cells at once when each holds a plain finite number, else None; the fast way for most lines."""
    if not _PLAIN.fullmatch("".join(cells)):
        return None
    try:
        values = tuple(map(float, cells))
    except ValueError:
        return None
    return values if isfinite(sum(values)) else None


def are_names(cells: Sequence[str]) -> bool:
    """Whether cells can only be a header: none empty, a number or a word for none, and most start with a letter.

    >>> [are_names(line.split(",")) for line in ("T [°C],3V3,flow", "1.5,2", "a,", "nan,-inf", "21.5C,40%")]
    [True, False, False, False, False]
    """
    if not cells or number(cells[0]) is not None:
        return False  # nearly every line ends here
    lowered = [cell.strip(" \t").lower() for cell in cells]
    if any(number(cell) is not None or cell.lstrip("+-") in _UNBOUNDED for cell in lowered):
        return False
    return 2 * sum(1 for cell in lowered if _NUMBER.match(cell)) < len(lowered)
