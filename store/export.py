"""A device's rows into a CSV or Parquet file, in pieces that fit into memory; writes nothing into the store.

Column `time` comes first: in CSV as ISO 8601 UTC with nanoseconds, in Parquet as a timestamp with nanoseconds in UTC.
Rows of one time are one line. The file appears whole under its name, or not at all.
"""

import csv
import io
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Literal, Protocol

import duckdb
import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from store.box.readings import Extent, Shelf, Span, extent, rows
from store.series import Columns

PIECE_VALUES = 250_000  # values held in memory at once
_MOST_PARTS = 1024
Form = Literal["csv", "parquet"]


class Sink(Protocol):
    """Writes one file of rows."""

    def write(self, piece: Columns) -> None:
        """Write rows behind those that are there."""

    def close(self) -> None:
        """Write what ends the file."""


class Wanted(msgspec.Struct, frozen=True):
    """Which rows: where they lie, their channels in order, their times."""

    where: Sequence[Shelf]
    channels: Sequence[str]
    span: Span


def export(con: duckdb.DuckDBPyConnection, wanted: Wanted, path: Path, form: Form) -> int:
    """Write the wanted rows in time order; returns how many lines there are."""
    written = 0
    with whole(path) as file:
        sink = SINKS[form](file, wanted.channels)
        for piece in _pieces(con, wanted):
            sink.write(piece)
            written += len(piece.t_ns)
        sink.close()
    return written


@contextmanager
def whole(path: Path) -> Iterator[BinaryIO]:
    """A file that appears under its name when it is whole, or not at all."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _pieces(con: duckdb.DuckDBPyConnection, wanted: Wanted) -> Iterator[Columns]:
    where, columns = wanted.where, len(wanted.channels)
    limit = max(PIECE_VALUES // columns, 1)
    todo = [wanted.span]
    while todo:
        found = extent(con, where, todo.pop())
        if found.rows <= limit or found.first_ns == found.last_ns:
            yield rows(con, where, Span(found.first_ns, found.last_ns + 1), columns)
        else:
            # Equal spans of time hold unequal numbers of rows: what is still too large is divided again.
            todo += reversed(_divided(found, min(-(-found.rows // limit) + 1, _MOST_PARTS)))


def _divided(found: Extent, parts: int) -> list[Span]:
    width = (found.last_ns - found.first_ns) // parts + 1
    return [
        Span(start, min(start + width, found.last_ns + 1)) for start in range(found.first_ns, found.last_ns + 1, width)
    ]


class _Csv:
    def __init__(self, file: BinaryIO, channels: Sequence[str]) -> None:
        head = io.StringIO()
        csv.writer(head, lineterminator="\n").writerow(["time", *channels])
        file.write(head.getvalue().encode())
        self._file = file
        self._options = pyarrow.csv.WriteOptions(include_header=False, quoting_style="none")

    def write(self, piece: Columns) -> None:
        stamps = np.datetime_as_string(piece.t_ns.view("datetime64[ns]"), timezone="UTC")
        columns = [pa.array(stamps.tolist()), *_values(piece)]
        table = pa.table(columns, names=[str(i) for i in range(len(columns))])
        pyarrow.csv.write_csv(table, self._file, self._options)

    def close(self) -> None:
        """Nothing is left to write."""


class _Parquet:
    def __init__(self, file: BinaryIO, channels: Sequence[str]) -> None:
        time = pa.field("time", pa.timestamp("ns", tz="UTC"), nullable=False)
        self._schema = pa.schema([time, *(pa.field(name, pa.float64()) for name in channels)])
        self._writer = pyarrow.parquet.ParquetWriter(file, self._schema, compression="zstd")

    def write(self, piece: Columns) -> None:
        self._writer.write_table(pa.table([pa.array(piece.t_ns), *_values(piece)], schema=self._schema))

    def close(self) -> None:
        self._writer.close()


def _values(piece: Columns) -> list[pa.Array]:
    return [pa.array(column, from_pandas=True) for column in piece.values]


SINKS: dict[Form, Callable[[BinaryIO, Sequence[str]], Sink]] = {"csv": _Csv, "parquet": _Parquet}
