"""Opening the DuckDB file: its settings, and the database's errors in our words.

The database may use `MEMORY` and no file but its own: no extension is fetched or loaded, nothing is read or written
elsewhere, and settings cannot be changed by a query. Each call works in the thread that makes it: a second thread a
query made small commits slower, and a box has other work for its cores.
"""

import errno
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import duckdb
import msgspec

from store.box.schema import prepare
from store.errors import (
    StoreBrokenError,
    StoreDamagedError,
    StoreError,
    StoreForeignError,
    StoreLockedError,
    StoreMissingError,
)
from store.port import StoreFullError

MEMORY = "96MB"
PATIENCE_S, PAUSE_S = 10.0, 0.01  # with readers that are told to end
WAL_BYTES = 16_000_000  # the write-ahead log is folded into the file at this size
_DAMAGED = ("Corrupt", "checksum", "Could not read", "not enough bytes", "Failure while replaying")
_NO_ROOM = ("No space left", "File too large", "Disk quota", "Out of Disk", "max_temp_directory_size")
_SETTINGS: dict[str, str | bool | int | float | list[str]] = {
    "threads": 1,
    "memory_limit": MEMORY,
    "checkpoint_threshold": f"{WAL_BYTES}B",
    "write_buffer_row_group_count": 1,
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "allow_community_extensions": False,
    "allow_persistent_secrets": False,
    "enable_external_access": False,
}


def connect(path: Path, *, read_only: bool) -> duckdb.DuckDBPyConnection:
    """Open the file, make its tables where it is new. Raises a StoreError that says what to do.

    An older file is brought up to date first, also where it is only to be read.
    """
    if read_only and not path.exists():
        raise StoreMissingError(path)
    if not read_only:
        _make_room(path)
    con = _open(path, read_only=read_only)
    try:
        with translated(path):
            con.execute("SET lock_configuration = true")
            current = prepare(con, path, read_only=read_only)
    except BaseException:
        con.close()
        raise
    if current:
        return con
    con.close()
    connect(path, read_only=False).close()
    return connect(path, read_only=True)


def _make_room(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_file() and path.stat().st_size == 0:
            # What a crash in the very first moment leaves; the database would take it for a foreign file.
            path.unlink()
    except OSError as error:
        msg = f"cannot make the folder of {path}: {error.strerror}"
        raise StoreBrokenError(msg) from error


def _open(path: Path, *, read_only: bool) -> duckdb.DuckDBPyConnection:
    settings = _SETTINGS | {"temp_directory": f"{path}.tmp"}
    try:
        return duckdb.connect(str(path), read_only=read_only, config=settings)
    except duckdb.Error as error:
        raise _why_not_open(path, error) from error


def _why_not_open(path: Path, error: duckdb.Error) -> StoreError | StoreFullError:
    said = _first_line(error)
    if "lock on file" in said or "different configuration" in said:
        return StoreLockedError(path)
    if path.is_dir():
        return StoreForeignError(path, "a folder")
    if "not a valid DuckDB" in said or "external extensions" in said:
        return StoreForeignError(path, "not a DuckDB file")
    if "ermission denied" in said:
        return StoreBrokenError(f"{path} may not be opened by this user: give it the rights, or run as its owner")
    return _meaning(path, error)


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Run database calls; what the database raises leaves as a StoreError or StoreFullError."""
    try:
        yield
    except duckdb.Error as error:
        raise _meaning(path, error) from error
    except msgspec.DecodeError as error:
        raise StoreDamagedError(path, f"one of its own notes: {error}") from error
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
            msg = f"no room beside {path}: {error}"
            raise StoreFullError(msg) from error
        raise


def _meaning(path: Path, error: duckdb.Error) -> StoreError | StoreFullError:
    said = _first_line(error)
    if any(words in str(error) for words in _NO_ROOM):
        return StoreFullError(f"no room for {path}: {said}")
    if isinstance(error, duckdb.SerializationException) or any(words in said for words in _DAMAGED):
        return StoreDamagedError(path, said)
    return StoreBrokenError(f"{path}: {said}")


def _first_line(error: duckdb.Error) -> str:
    return str(error).strip().partition("\n")[0]


def close(root: duckdb.DuckDBPyConnection, under_way: Callable[[], Iterable[duckdb.DuckDBPyConnection]]) -> None:
    """Close a database and end what its cursors are asked meanwhile: DuckDB refuses to close under a question."""
    deadline_s = time.monotonic() + PATIENCE_S
    while True:
        try:
            root.close()
        except duckdb.OperationalError:
            if time.monotonic() > deadline_s:
                raise
        else:
            return
        for cursor in under_way():
            with suppress(duckdb.Error):  # it has just come to its end
                cursor.interrupt()
        time.sleep(PAUSE_S)
