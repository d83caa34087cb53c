"""Text of rows, whatever separates their cells, into a frame: exact numbers, and every row as long as the header."""

import csv
import io
import re
from collections.abc import Collection

import msgspec
import pandas as pd
import pyarrow as pa
import pyarrow.csv

from models.reading.errors import ReadingError

SEPARATORS = (",", ";", "\t", "|")
LOOKED_AT = 50  # lines, to find what separates
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+(?:[eE][+-]?\d+)?")
_NUMBER = re.compile(r"[+-]?(?:\d+[.,]?\d*|[.,]\d+)(?:[eE][+-]?\d+)?")
_ROW = re.compile(r"Row #(\d+): Expected (\d+) columns, got (\d+)")
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


class Dialect(msgspec.Struct, frozen=True):
    """How a text is written."""

    separator: str
    header: tuple[str, ...]
    decimal: str


def text_of(body: bytes, name: str) -> str:
    """The text of a file: UTF-8 or, from older Windows programs, UTF-16 or cp1252; raises ReadingError."""
    if body.startswith(_UTF16):
        return body.decode("utf-16", errors="replace")
    if b"\x00" in body[:65536]:
        msg = f"{name} is neither text nor Parquet"
        raise ReadingError(msg)
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError:
        return body.decode("cp1252", errors="replace")


def frame_of(text: str, name: str, *, as_text: Collection[str] = ()) -> pd.DataFrame:
    """The rows of a text with a header line; columns in `as_text` are kept as written. Raises ReadingError."""
    lines = [line for line in text[: 64 * 1024].splitlines() if line.strip()][:LOOKED_AT]
    if not lines:
        msg = f"{name} is empty"
        raise ReadingError(msg)
    dialect = _dialect(lines)
    _check_header(dialect.header, name)
    if dialect.separator == " ":
        text = "\n".join(" ".join(line.split()) for line in text.splitlines())
    return _parsed(text, dialect, name, as_text)


def _dialect(lines: list[str]) -> Dialect:
    tried = [(separator, _cells(lines, separator)) for separator in SEPARATORS]
    fitting = [(_agreeing(rows), len(rows[0]), separator, rows) for separator, rows in tried if len(rows[0]) > 1]
    words = [line.split() for line in lines]
    if not fitting and len(words[0]) > 1 and _agreeing(words) > 1 and len(lines) > 1:
        fitting = [(1, len(words[0]), " ", words)]
    _, _, separator, rows = max(fitting, key=lambda one: one[:2], default=(0, 1, ",", _cells(lines, ",")))
    commas = separator != "," and any(_DECIMAL_COMMA.fullmatch(cell.strip()) for row in rows[1:] for cell in row)
    return Dialect(separator, tuple(cell.strip() for cell in rows[0]), "," if commas else ".")


def _cells(lines: list[str], separator: str) -> list[list[str]]:
    return list(csv.reader(lines, delimiter=separator))


def _agreeing(rows: list[list[str]]) -> int:
    return sum(len(row) == len(rows[0]) for row in rows)


def _check_header(header: tuple[str, ...], name: str) -> None:
    counted = header == tuple(str(at) for at in range(len(header)))  # as pandas names columns that have no names
    if all(_NUMBER.fullmatch(cell) for cell in header) and not counted:
        msg = f"{name}: the first line holds only numbers; a first line with the columns' names is needed"
        raise ReadingError(msg)
    twice = sorted({cell for cell in header if cell and header.count(cell) > 1})
    if twice:
        msg = f"{name}: line 1 names {', '.join(map(repr, twice))} more than once"
        raise ReadingError(msg)


def _parsed(text: str, dialect: Dialect, name: str, as_text: Collection[str]) -> pd.DataFrame:
    names = [cell or f"column {at + 1} without a name" for at, cell in enumerate(dialect.header)]
    parse = pa.csv.ParseOptions(delimiter=dialect.separator, newlines_in_values='"' in text)
    # A thread alone counts rows, so that an error can name its line.
    read = pa.csv.ReadOptions(use_threads=False, column_names=names, skip_rows_after_names=1)
    convert = pa.csv.ConvertOptions(
        column_types={column: pa.string() for column in names if column in as_text},
        strings_can_be_null=True,
        decimal_point=dialect.decimal,
    )
    try:
        table = pa.csv.read_csv(
            io.BytesIO(text.encode("utf-8")), read_options=read, parse_options=parse, convert_options=convert
        )
    except pa.ArrowInvalid as error:
        msg = f"{name}: {_reason(str(error), text)}"
        raise ReadingError(msg) from error
    if not table.num_rows:
        msg = f"{name} has a header and no rows"
        raise ReadingError(msg)
    frame: pd.DataFrame = table.to_pandas(date_as_object=False)
    return frame


def _reason(said: str, text: str) -> str:
    found = _ROW.search(said)
    if not found:
        return said.partition("\n")[0]
    row, expected, got = map(int, found.groups())
    filled = [at for at, line in enumerate(text.splitlines(), start=1) if line]
    line = filled[row - 1] if row <= len(filled) else row
    return f"line {line} has {got} cells where the header names {expected}"
