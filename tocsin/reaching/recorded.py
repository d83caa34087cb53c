"""Readings that Tocsin has recorded, as a frame: from a running box, a store, an archive or a file."""

import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import pandas as pd

from models.reading.errors import ReadingError
from models.reading.sheets import read as read_file
from store.archive.errors import ArchiveError
from store.archive.place import place
from store.archive.reading import ArchiveReader
from store.box.box import DuckStore
from store.errors import StoreError
from tocsin.reaching.client import BoxError, Client
from tocsin.reaching.export import EVER_NS, ExportError, write
from tocsin.reaching.reach import ReachError

Moment = str | int | datetime | None
FILES = (".parquet", ".csv", ".tsv", ".xz", ".gz", ".zst", ".bz2")
PORT = 80


def frame(url: str, device: str, start_ns: int, end_ns: int) -> pd.DataFrame:
    """Column `time` (UTC) and one a channel, in time order; times are [start_ns, end_ns). Raises ReadingError."""
    try:
        rows = _rows(url, device, start_ns, end_ns)
    except (BoxError, StoreError, ArchiveError, ExportError, ReachError) as error:
        raise ReadingError(str(error)) from error
    rows.attrs["device"] = device
    return rows


def _rows(url: str, device: str, start_ns: int, end_ns: int) -> pd.DataFrame:
    path = Path(url.removeprefix("file://"))
    if not device and path.suffix not in FILES:
        msg = f"{url}: name a device as well"
        raise ReadingError(msg)
    if url.startswith("https://"):
        msg = f"{url}: a box or a fleet's page is asked over http://"
        raise ReadingError(msg)
    if url.startswith("http://"):
        client = Client.of(_address(url))
        return _exported(lambda out: client.export(device, out, form="parquet", start_ns=start_ns, end_ns=end_ns))
    if url.startswith("duckdb:"):
        with DuckStore(path=Path(url.removeprefix("duckdb:")), read_only=True) as store:
            return _exported(lambda out: store.export(device, out, form="parquet", start_ns=start_ns, end_ns=end_ns))
    if path.suffix == ".toml":
        return _exported(lambda out: write(path, device=device, out=out, start=_iso(start_ns), end=_iso(end_ns)))
    if path.suffix in FILES:
        return _cut(read_file(path).frame, device, start_ns, end_ns)
    reader = ArchiveReader(place(url.removeprefix("archive:")))
    return _exported(lambda out: reader.export(device, out, form="parquet", start_ns=start_ns, end_ns=end_ns))


def moment_ns(moment: Moment, otherwise: int) -> int:
    """A moment as ns since 1970 UTC: a number of them, ISO 8601 (UTC where no zone is said), or a datetime.

    >>> moment_ns("1970-01-01T00:00:01Z", 0), moment_ns(None, 7)
    (1000000000, 7)
    """
    if moment is None or moment == "":
        return otherwise
    if isinstance(moment, int):
        return moment
    try:
        when = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    except ValueError as error:
        msg = f"expected a time such as 2026-05-01T06:00:00Z, got {moment!r}"
        raise ReadingError(msg) from error
    when = when if when.tzinfo else when.replace(tzinfo=UTC)
    return int(when.timestamp()) * 1_000_000_000 + when.microsecond * 1000


def _exported(export: Callable[[Path], int]) -> pd.DataFrame:
    with tempfile.TemporaryDirectory(prefix="tocsin-read-") as folder:
        path = Path(folder) / "rows.parquet"
        export(path)
        return pd.read_parquet(path)


def _cut(rows: pd.DataFrame, device: str, start_ns: int, end_ns: int) -> pd.DataFrame:
    """The rows of one device and one span of a file."""
    if "device" in rows.columns and device:
        rows = rows[rows["device"].astype("str") == device].drop(columns="device")
    if "time" in rows.columns:
        times = pd.to_datetime(rows["time"], utc=True).astype("datetime64[ns, UTC]")
        since = times.astype("int64")
        rows = rows.assign(time=times)[(since >= start_ns) & (since < end_ns)].sort_values("time", kind="stable")
    if not len(rows):
        msg = f"there is no row of {device or 'any device'} in that time"
        raise ReadingError(msg)
    return rows.reset_index(drop=True)


def _address(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.hostname or '127.0.0.1'}:{parts.port or PORT}"


def _iso(ns: int) -> str:
    return "" if ns in {0, EVER_NS} else pd.Timestamp(ns, tz="UTC").isoformat()
