"""Markdown of names that anyone may choose: nothing in them is taken for markup."""

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

NONE = "-"
_MARKS = re.compile(r"([\\`*_\[\]<>#])")
_ENTITY = re.compile(r"&(?=#?\w+;)")
_SPACE = re.compile(r"\s+")


def plain(text: str, most: int = 200) -> str:
    r"""One line that reads as it is written.

    >>> print(plain("a|b <i> *c*"))
    a&#124;b \<i\> \*c\*
    """
    line = _SPACE.sub(" ", text).strip()
    marked = _MARKS.sub(r"\\\1", line if len(line) <= most else f"{line[: most - 1]}…")
    return _ENTITY.sub("&amp;", marked).replace("|", "&#124;")  # a backslash before it is taken away in tables only


def grid(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; cells are Markdown already.

    >>> print(grid(["a", "b"], [["1", "2"]]))
    | a | b |
    | --- | --- |
    | 1 | 2 |
    """
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def listed(sentences: Iterable[str]) -> str:
    """One point each; sentences are Markdown already."""
    return "\n".join(f"- {sentence}" for sentence in sentences)


def number(value: float | None) -> str:
    """Three figures that count.

    >>> number(0.12345), number(12345.6), number(None), number(2.0)
    ('0.123', '12346', '-', '2')
    """
    if value is None or value != value:  # noqa: PLR0124 -- NaN
        return NONE
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"  # noqa: PLR2004 -- beyond, `g` counts in powers of ten


def moment(t_ns: int | None) -> str:
    """UTC to the second.

    >>> moment(1_700_000_000_000_000_000)
    '2023-11-14 22:13:20 UTC'
    """
    return NONE if t_ns is None else f"{datetime.fromtimestamp(t_ns // 10**9, UTC):%Y-%m-%d %H:%M:%S} UTC"
