"""A column of times, or of counts, as nanoseconds; says which line cannot be read."""

import re

import numpy as np
import pandas as pd

from models.contract import F64, I64
from models.reading.errors import ReadingError

NS_PER_S = 1_000_000_000
# A number is taken as s, ms, µs or ns by its size: each step covers the years 1973 to 5138.
STEPS = ((1e11, NS_PER_S), (1e14, 1_000_000), (1e17, 1_000))
LIMIT = 9.2e18
_YEAR_FIRST = re.compile(r"^(\d{4})[/.](\d{1,2})[/.](\d{1,2})", re.ASCII)


def times_ns(column: pd.Series, where: str) -> I64:
    """Times as ns since 1970 UTC: dates, ISO 8601 (UTC where no zone is said) or numbers; raises ReadingError."""
    if isinstance(column.dtype, pd.DatetimeTZDtype) or pd.api.types.is_datetime64_dtype(column):
        return _dates(column, column, where)
    if pd.api.types.is_timedelta64_dtype(column):
        return _whole(column.dt.total_seconds().to_numpy(dtype=np.float64) * NS_PER_S, where)
    if pd.api.types.is_integer_dtype(column) and not column.isna().any():
        values = column.to_numpy(dtype=np.int64)
        return np.asarray(values * _factor(values.astype(np.float64)), dtype=np.int64)
    numbers = numbers_of(column)
    if numbers is not None:
        return _whole(numbers * _factor(numbers), where)
    text = column.astype("str")
    dates = pd.to_datetime(text, format="ISO8601", utc=True, errors="coerce")
    if dates.isna().any():
        plain = text.str.strip().str.replace(_YEAR_FIRST, r"\1-\2-\3", regex=True)
        plain = plain.str.replace(r"\s+([+-]\d\d)", r"\1", regex=True)
        dates = pd.to_datetime(plain, format="ISO8601", utc=True, errors="coerce")
    return _dates(dates, column, where)


def counts(column: pd.Series, where: str) -> F64:
    """A column that counts: cycles, seconds; raises ReadingError."""
    numbers = numbers_of(column)
    if numbers is None:
        said = column.astype("str")
        wrong = np.flatnonzero(pd.to_numeric(said, errors="coerce").isna())
        msg = f"{where}, row {int(wrong[0]) + 1}: expected a count, got {said.iloc[int(wrong[0])]!r}"
        raise ReadingError(msg)
    _whole(numbers, where)
    return numbers


def numbers_of(column: pd.Series) -> F64 | None:
    """The numbers of a column, NaN = missing; None where one cell is something else."""
    if pd.api.types.is_bool_dtype(column) or not (
        pd.api.types.is_numeric_dtype(column) or pd.api.types.is_string_dtype(column) or column.dtype == object
    ):
        return None
    try:
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
    except (ValueError, TypeError):
        return None


def _dates(dates: pd.Series, said: pd.Series, where: str) -> I64:
    wrong = np.flatnonzero(dates.isna().to_numpy())
    if wrong.size:
        at = int(wrong[0])
        if said.isna().iloc[at]:
            msg = f"{where}, row {at + 1}: the time is missing"
            raise ReadingError(msg)
        msg = (
            f"{where}, row {at + 1}: expected a time such as 2026-05-01T06:00:00Z, or a number, got "
            f"{str(said.iloc[at])!r}; which of day and month comes first is not guessed"
        )
        raise ReadingError(msg)
    naive = dates.dt.tz_convert("UTC").dt.tz_localize(None) if isinstance(dates.dtype, pd.DatetimeTZDtype) else dates
    try:
        return naive.to_numpy().astype("datetime64[ns]").astype(np.int64)
    except (ValueError, OverflowError) as error:
        msg = f"{where}: a time lies outside the years 1678 to 2261"
        raise ReadingError(msg) from error


def _factor(numbers: F64) -> int:
    size = float(np.nanmax(np.abs(numbers), initial=0.0))
    return next((factor for below, factor in STEPS if size < below), 1)


def _whole(ns: F64, where: str) -> I64:
    wrong = np.flatnonzero(~(np.abs(ns) < LIMIT))
    if wrong.size:
        msg = f"{where}, row {int(wrong[0]) + 1}: the time is missing or out of range"
        raise ReadingError(msg)
    return np.rint(ns).astype(np.int64)
