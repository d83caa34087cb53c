"""What is known afterwards: rows that were odd, units that failed, life that was left."""

from collections.abc import Collection, Sequence

import numpy as np
import pandas as pd

from models.contract import F64
from models.reading.channels import said
from models.reading.clock import numbers_of
from models.reading.errors import ReadingError

_BAD = """1 true yes y fail failed failure failing nok ng bad defect defective reject rejected faulty fault broken
anomaly anomalous abnormal alarm"""
_GOOD = "0 false no n pass passed passing ok good normal healthy fine accept accepted none"
BAD, GOOD = frozenset(_BAD.split()), frozenset(_GOOD.split())


def odd(column: pd.Series, where: str) -> F64:
    """1 where a row is anomalous, 0 where it is normal, NaN where nobody knows; raises ReadingError."""
    if pd.api.types.is_bool_dtype(column):
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
    numbers = numbers_of(column)
    if numbers is None:
        return _from_words(column, where)
    if np.nanmin(numbers, initial=0.0) < 0:
        msg = f"{where}: a label below 0 may mean normal or anomalous; write 0 and 1"
        raise ReadingError(msg)
    return np.where(np.isnan(numbers), np.nan, (numbers != 0).astype(np.float64))


def _from_words(column: pd.Series, where: str) -> F64:
    texts = said(column)
    for at, text in enumerate(texts):
        if text is not None and text.lower() not in BAD | GOOD:
            msg = f"{where}, row {at + 1}: expected 0 or 1 (or normal and anomaly), got {text!r}"
            raise ReadingError(msg)
    return np.array([np.nan if text is None else float(text.lower() in BAD) for text in texts])


def classes_of(column: pd.Series) -> tuple[str, ...]:
    """What a label column says, sorted, numbers by size; of two, the one that means a failure comes last.

    >>> classes_of(pd.Series(["pass", "fail", "pass"])), classes_of(pd.Series([100, 20, 3]))
    (('pass', 'fail'), ('3', '20', '100'))
    """
    found = sorted({text for text in said(column) if text is not None}, key=_by_size)
    if len(found) == 2:  # noqa: PLR2004 -- pass and fail
        first, second = (word.lower() for word in found)
        if (first in BAD and second not in BAD) or (second in GOOD and first not in GOOD):
            found.reverse()
    return tuple(found)


def grades(column: pd.Series, classes: Sequence[str]) -> tuple[F64, list[str]]:
    """The place of each label in `classes`, NaN = not known; and labels that are none of them."""
    places = {word: float(at) for at, word in enumerate(classes)}
    texts = said(column)
    strange = sorted({text for text in texts if text is not None and text not in places})
    return np.array([np.nan if text is None else places.get(text, np.nan) for text in texts]), strange


def left(column: pd.Series, where: str) -> F64:
    """How much life is left, NaN = not known; raises ReadingError."""
    numbers = numbers_of(column)
    if numbers is None:
        msg = f"{where}: expected numbers, how much life is left"
        raise ReadingError(msg)
    if np.nanmin(numbers, initial=0.0) < 0:
        msg = f"{where}: less than no life is left in row {int(np.nanargmin(numbers)) + 1}"
        raise ReadingError(msg)
    return numbers


def unsure(classes: Collection[str]) -> bool:
    """Whether two classes do not say which of them is the failure."""
    words = {word.lower() for word in classes}
    return len(words) == 2 and not words & (BAD | GOOD) and words != {"-1", "1"}  # noqa: PLR2004 -- pass and fail


def _by_size(text: str) -> tuple[float, str]:
    try:
        return float(text), text
    except ValueError:
        return float("inf"), text
