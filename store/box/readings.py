"""A device's readings out of the file: whole, or thinned so that a single spike survives; writes nothing."""

from collections.abc import Sequence

import duckdb
import msgspec
import numpy as np
import numpy.typing as npt

from store.box import recall
from store.box.sets import ChannelSet
from store.series import Columns, Extremes, merged, thinned

_END = 2**63 - 1


class Span(msgspec.Struct, frozen=True):
    """Times from `start_ns` on and before `end_ns`."""

    start_ns: int
    end_ns: int


class Shelf(msgspec.Struct, frozen=True):
    """Where rows of a device lie: the channel set, and which column of the answer is which of the table's."""

    kept_as: ChannelSet
    columns: Sequence[tuple[int, int]]  # (of the answer, of the table)

    @property
    def table(self) -> str:
        """The view that holds the rows."""
        return f"readings_{self.kept_as.width}"


class Extent(msgspec.Struct, frozen=True):
    """How many rows there are, and their first and last time."""

    rows: int
    first_ns: int
    last_ns: int


def channels_of(sets: Sequence[ChannelSet]) -> tuple[str, ...]:
    """All channels of these sets in the order they were first seen."""
    return tuple(dict.fromkeys(name for kept in sets for name in kept.channels))


def shelves(sets: Sequence[ChannelSet], channels: Sequence[str]) -> list[Shelf]:
    """Where these channels lie; a set without any of them is left out."""
    found = []
    for kept in sets:
        columns = [(i, kept.channels.index(name)) for i, name in enumerate(channels) if name in kept.channels]
        if columns:
            found.append(Shelf(kept, columns))
    return found


def counted(con: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """How many rows lie in the file, by edge."""
    rows: dict[str, int] = {}
    for width in recall.widths(con):
        query = f"SELECT edge, count(*) FROM readings_{width} JOIN sets ON set_id = id GROUP BY edge"
        for edge, count in con.execute(query).fetchall():
            rows[edge] = rows.get(edge, 0) + count
    return rows


def read(con: duckdb.DuckDBPyConnection, where: Sequence[Shelf], span: Span, columns: int, points: int) -> Columns:
    """Every row in time order, or about `points` if there are more and `points` is not 0."""
    found = extent(con, where, span) if points else None
    if found is not None and found.rows > points:
        return thin(con, where, found, columns, points)
    return rows(con, where, span, columns)


def extent(con: duckdb.DuckDBPyConnection, where: Sequence[Shelf], span: Span) -> Extent:
    """How many rows lie there in this span; rows of one time in two sets count twice."""
    rows, first, last = 0, _END, -_END
    for shelf in where:
        query = f"SELECT count(*), min(t_ns), max(t_ns) FROM {shelf.table} {_WHERE}"
        ((count, oldest, newest),) = con.execute(query, _bound(shelf, span)).fetchall()
        if count:
            rows, first, last = rows + count, min(first, oldest), max(last, newest)
    return Extent(rows, first, last)


def rows(con: duckdb.DuckDBPyConnection, where: Sequence[Shelf], span: Span, columns: int) -> Columns:
    """Every row in time order."""
    return merged([_rows(con, shelf, span, columns) for shelf in where], columns)


def thin(con: duckdb.DuckDBPyConnection, where: Sequence[Shelf], found: Extent, columns: int, points: int) -> Columns:
    """About `points` rows: the minimum and maximum of each channel in each of `points / 2` spans of equal length."""
    buckets = max(points // 2, 1)
    width_ns = (found.last_ns - found.first_ns) // buckets + 1
    return thinned((_extremes(con, shelf, found, width_ns) for shelf in where), buckets, columns)


_WHERE = "WHERE set_id = ? AND t_ns >= ? AND t_ns < ?"


def _bound(shelf: Shelf, span: Span) -> list[int]:
    return [shelf.kept_as.id, max(span.start_ns, -_END), min(span.end_ns, _END)]


def _rows(con: duckdb.DuckDBPyConnection, shelf: Shelf, span: Span, columns: int) -> Columns:
    names = "".join(f", v{column}" for _, column in shelf.columns)
    query = f"SELECT t_ns{names} FROM {shelf.table} {_WHERE} ORDER BY t_ns"
    found = con.execute(query, _bound(shelf, span)).fetchnumpy()
    values = np.full((columns, len(found["t_ns"])), np.nan)
    for at, column in shelf.columns:
        values[at] = _plain(found[f"v{column}"])
    return Columns(np.asarray(found["t_ns"], np.int64), values)


def _extremes(con: duckdb.DuckDBPyConnection, shelf: Shelf, found: Extent, width_ns: int) -> Extremes:
    asked = "".join(
        f", min(v{c}) AS low{c}, arg_min(t_ns - {found.first_ns}, v{c}) AS low_ns{c}"
        f", max(v{c}) AS high{c}, arg_max(t_ns - {found.first_ns}, v{c}) AS high_ns{c}"
        for _, c in shelf.columns
    )
    query = (
        f"SELECT (t_ns - {found.first_ns}) // {width_ns} AS bucket, min(t_ns) AS first_ns, max(t_ns) AS last_ns{asked} "
        f"FROM {shelf.table} WHERE set_id = ? AND t_ns >= ? AND t_ns <= ? GROUP BY bucket"
    )
    got = con.execute(query, [shelf.kept_as.id, found.first_ns, found.last_ns]).fetchnumpy()
    tables = [c for _, c in shelf.columns]
    return Extremes(
        bucket=np.asarray(got["bucket"], np.int64),
        first_ns=np.asarray(got["first_ns"], np.int64),
        last_ns=np.asarray(got["last_ns"], np.int64),
        columns=[at for at, _ in shelf.columns],
        low=[_plain(got[f"low{c}"]) for c in tables],
        low_ns=[_plain(got[f"low_ns{c}"]) for c in tables],
        high=[_plain(got[f"high{c}"]) for c in tables],
        high_ns=[_plain(got[f"high_ns{c}"]) for c in tables],
    )


def _plain(column: npt.ArrayLike) -> npt.NDArray[np.float64]:
    return np.ma.filled(np.ma.asarray(column).astype(np.float64), np.nan)
