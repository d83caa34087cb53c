"""Columns as channels: numbers, words as places in a list, and what is no measurement at all."""

import re
from collections.abc import Mapping, Sequence

import msgspec
import numpy as np
import pandas as pd

from models.contract import F64
from models.reading.clock import numbers_of

MOSTLY = 0.5  # of a column's texts are numbers: then it is a column of numbers, and the rest are missing
MOST_WORDS = 100
_TIME = re.compile(r"\d{1,4}\D.*:\d\d|\d{4}-\d\d-\d\d")
_BOOLS: Mapping[str, float] = {"true": 1.0, "false": 0.0}


class Channel(msgspec.Struct, frozen=True):
    """A column read as a channel, with the words it speaks if it speaks in words."""

    name: str
    column: F64
    words: tuple[str, ...] = ()
    note: str = ""


def said(column: pd.Series) -> list[str | None]:
    """The texts of a column, None = missing; a whole number is written without a point.

    >>> said(pd.Series([1.0, None, " x "], dtype=object))
    ['1', None, 'x']
    """
    return [_said(value) for value in column.tolist()]


def _said(value: object) -> str | None:
    if value is None or value is pd.NA or value is pd.NaT:
        return None
    if isinstance(value, float | np.floating):
        return None if np.isnan(value) else str(int(value)) if value.is_integer() else str(value)
    text = str(value).strip()
    return text or None


def fresh(column: pd.Series) -> Channel | str:
    """A column as training sees it; a sentence if it is no channel."""
    name = str(column.name)
    numbers = _numbers(column)
    if numbers is not None:
        return Channel(name, numbers)
    if _is_of_time(column):
        return f"{name!r} holds times and is left out: name it as columns.time (--time) if it is the rows' time"
    texts = said(column)
    if any(isinstance(value, list | dict | tuple | np.ndarray | bytes) for value in column.head(50).tolist()):
        return f"{name!r} holds neither numbers nor words and is left out"
    found = sorted({text for text in texts if text is not None})
    parsed = _parsed(found)
    if sum(word in parsed for word in found) > MOSTLY * len(found):
        other = [word for word in found if word not in parsed]
        note = f"{name!r}: {_quoted(other)} taken as missing" if other else ""
        return Channel(name, _laid(texts, parsed), note=note)
    if len(found) > MOST_WORDS or (len(found) > 2 and len(found) > len(texts) / 2):  # noqa: PLR2004 -- yes and no are words
        return f"{name!r} holds {len(found)} different texts in {len(texts)} rows, as names do, and is left out"
    return Channel(name, _laid(texts, {word: float(at) for at, word in enumerate(found)}), words=tuple(found))


def known(column: pd.Series, words: Sequence[str]) -> Channel:
    """A column as a fitted model knows it: its own words, or numbers; anything else is missing."""
    name = str(column.name)
    numbers = None if words else _numbers(column)
    if numbers is not None:
        return Channel(name, numbers)
    texts = said(column)
    found = {text for text in texts if text is not None}
    places = {word: float(at) for at, word in enumerate(words)} if words else _parsed(sorted(found))
    new = sorted(found - set(places))
    note = f"{name!r}: {_quoted(new)} unknown to the model and taken as missing" if new else ""
    return Channel(name, _laid(texts, places), words=tuple(words), note=note)


def _numbers(column: pd.Series) -> F64 | None:
    if isinstance(column.dtype, pd.CategoricalDtype):
        return None
    if pd.api.types.is_bool_dtype(column):
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
    if pd.api.types.is_timedelta64_dtype(column):
        seconds: F64 = column.dt.total_seconds().to_numpy(dtype=np.float64)
        return seconds
    numbers = numbers_of(column)
    return None if numbers is None else np.where(np.isfinite(numbers), numbers, np.nan)


def _is_of_time(column: pd.Series) -> bool:
    if pd.api.types.is_datetime64_any_dtype(column):
        return True
    first = [str(value) for value in column.dropna().head(20).tolist()]
    return bool(first) and all(_TIME.match(text) for text in first)


def _parsed(words: Sequence[str]) -> dict[str, float]:
    out = dict(_BOOLS) if {word.lower() for word in words} <= set(_BOOLS) else {}
    for word in words:
        try:
            number = float(word)
        except ValueError:
            continue
        out[word] = number if np.isfinite(number) else np.nan
    return {word: out.get(word, out.get(word.lower(), np.nan)) for word in words if word in out or word.lower() in out}


def _laid(texts: Sequence[str | None], places: Mapping[str, float]) -> F64:
    return np.array([np.nan if text is None else places.get(text, np.nan) for text in texts])


def _quoted(words: Sequence[str], most: int = 3) -> str:
    more = f" and {len(words) - most} more" if len(words) > most else ""
    return ", ".join(repr(word[:40]) for word in words[:most]) + more
