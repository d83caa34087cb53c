"""Turning the contents of a cut into Parquet files, one a UTC day, always the same bytes for the same contents.

Rows are long (`edge, device, channel, time, ns, value, late`): a plant's devices have unlike channels, and one table of
few fixed columns is what pandas, DuckDB and Spark read as a whole folder; a line costs what its value costs, as names
and times shrink to almost nothing in this order (edge, device, set of channels, time, channel). `time` has microseconds
and `ns` the rest (0 to 999), because Spark refuses a column of nanoseconds (SPARK-40819). `value` is null where the row
came and the value was missing. Not kept: float32 or float64 in the message, NaN's payload bits, `own_times`.
"""

import io
from collections.abc import Iterator, Mapping, Sequence

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet

from store.archive.contents import I64, Contents, Rows, Said
from store.archive.manifest import Kept
from wire.config import DAY_NS

ROW_GROUP = 131_072
NS_PER_US = 1000
_NAME = pa.dictionary(pa.int32(), pa.string())
_TIME = pa.timestamp("us", tz="UTC")
ROWS = pa.schema(
    [
        pa.field("edge", _NAME, nullable=False),
        pa.field("device", _NAME, nullable=False),
        pa.field("channel", _NAME, nullable=False),
        pa.field("time", _TIME, nullable=False),
        pa.field("ns", pa.int16(), nullable=False),
        pa.field("value", pa.float64()),
        pa.field("late", pa.bool_(), nullable=False),
    ]
)
EVENTS = pa.schema(
    [
        pa.field("edge", pa.string(), nullable=False),
        pa.field("device", pa.string(), nullable=False),
        pa.field("kind", pa.string(), nullable=False),
        pa.field("time", _TIME, nullable=False),
        pa.field("ns", pa.int16(), nullable=False),
        pa.field("late", pa.bool_(), nullable=False),
        pa.field("offset", pa.int64(), nullable=False),
        pa.field("place", pa.int32(), nullable=False),
        pa.field("body", pa.string(), nullable=False),
    ]
)


class Sheet(msgspec.Struct, frozen=True):
    """A file that is to be written."""

    day: str
    events: bool
    rows: int
    body: bytes
    devices: Mapping[str, Kept]


def sheets(contents: Contents) -> Iterator[Sheet]:
    """The files of a cut, one after the other."""
    sets, channels = contents.sets(), contents.channels()
    for day in sorted({day for rows in sets for day in _days(rows.t_ns)}):
        of_day = [part for rows in sets if (part := _on(rows, day)) is not None]
        table = _rows_table(of_day)
        yield Sheet(_date(day), events=False, rows=len(table), body=_parquet(table), devices=_kept(of_day, channels))
    by_day: dict[int, list[Said]] = {}
    for said in contents.events:
        by_day.setdefault(said.t_ns // DAY_NS, []).append(said)
    for day, some in sorted(by_day.items()):
        yield Sheet(_date(day), events=True, rows=len(some), body=_parquet(_events_table(some)), devices={})


def _days(t_ns: I64) -> list[int]:
    days = t_ns // DAY_NS
    return [int(day) for day in days[np.flatnonzero(np.diff(days, prepend=days[0] - 1))]]


def _date(day: int) -> str:
    return str(np.datetime64(day, "D"))


def _on(rows: Rows, day: int) -> Rows | None:
    # Compared as days: the bounds in ns of the first and the last day there is do not fit into int64.
    days = rows.t_ns // DAY_NS
    start, end = (int(np.searchsorted(days, day, side)) for side in ("left", "right"))
    if start == end:
        return None
    return Rows(
        rows.edge, rows.device, rows.channels, rows.t_ns[start:end], rows.values[start:end], rows.late[start:end]
    )


def _kept(sets: Sequence[Rows], channels: Mapping[str, tuple[str, ...]]) -> dict[str, Kept]:
    found: dict[str, Kept] = {}
    for rows in sets:
        first, last, there = int(rows.t_ns[0]), int(rows.t_ns[-1]), set(rows.channels)
        if (before := found.get(rows.device)) is not None:
            first, last, there = min(first, before.first_ns), max(last, before.last_ns), there.union(before.channels)
        ordered = tuple(name for name in channels[rows.device] if name in there)
        found[rows.device] = Kept(ordered, first, last)
    return found


def _rows_table(sets: Sequence[Rows]) -> pa.Table:
    cells = [rows.values.size for rows in sets]
    t_ns = np.concatenate([np.repeat(rows.t_ns, len(rows.channels)) for rows in sets])
    values = np.concatenate([rows.values.reshape(-1) for rows in sets])
    late = np.concatenate([np.repeat(rows.late, len(rows.channels)) for rows in sets])
    columns = [
        _names([rows.edge for rows in sets], cells),
        _names([rows.device for rows in sets], cells),
        _channels(sets),
        *_times(t_ns),
        pa.array(values, from_pandas=True),
        pa.array(late),
    ]
    return pa.table(columns, schema=ROWS)


def _names(names: Sequence[str], counts: Sequence[int]) -> pa.DictionaryArray:
    number = {name: at for at, name in enumerate(dict.fromkeys(names))}
    codes = np.repeat(np.array([number[name] for name in names], np.int32), counts)
    return pa.DictionaryArray.from_arrays(codes, pa.array(list(number), pa.string()))


def _channels(sets: Sequence[Rows]) -> pa.DictionaryArray:
    number = {name: at for at, name in enumerate(dict.fromkeys(name for rows in sets for name in rows.channels))}
    codes = [np.tile(np.array([number[name] for name in rows.channels], np.int32), len(rows.t_ns)) for rows in sets]
    return pa.DictionaryArray.from_arrays(np.concatenate(codes), pa.array(list(number), pa.string()))


def _times(t_ns: npt.NDArray[np.int64]) -> tuple[pa.Array, pa.Array]:
    whole, rest = np.divmod(t_ns, NS_PER_US)
    return pa.array(whole).cast(_TIME), pa.array(rest.astype(np.int16))


def _events_table(some: Sequence[Said]) -> pa.Table:
    columns = [
        [said.edge for said in some],
        [said.device for said in some],
        [said.kind for said in some],
        *_times(np.array([said.t_ns for said in some], np.int64)),
        [said.late for said in some],
        [said.offset for said in some],
        [said.place for said in some],
        [said.body.decode() for said in some],
    ]
    return pa.table(columns, schema=EVENTS)


def _parquet(table: pa.Table) -> bytes:
    names = [field.name for field in table.schema if field.name in {"edge", "device", "channel", "kind"}]
    encodings = {field.name: "PLAIN" for field in table.schema if field.name not in names and field.type != pa.bool_()}
    out = io.BytesIO()
    pyarrow.parquet.write_table(
        table,
        out,
        version="2.6",
        compression="zstd",
        compression_level=3,
        use_dictionary=names,
        column_encoding={**encodings, "time": "DELTA_BINARY_PACKED"},
        row_group_size=ROW_GROUP,
        write_statistics=True,
        store_schema=False,  # names are read back as plain text, and no more bytes than needed are pinned
    )
    return out.getvalue()
