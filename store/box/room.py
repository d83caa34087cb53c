"""Room under the store: when a write is refused, and how much a retention must free; deletes nothing.

Rule: what the disk has free and what the file has free inside itself together stay above `min_free`. Below it nothing
is written. Room inside the file counts because the database fills it before it grows; but its log needs some disk
too, so that below twice the log's size (or `min_free`, where that is less) of real free disk nothing is written either.
"""

from collections.abc import Callable
from pathlib import Path
from shutil import disk_usage

import duckdb

from store.box.opening import WAL_BYTES
from store.box.recall import number
from store.port import StoreFullError


def free_bytes(path: Path) -> int:
    """What the disk under a file has free."""
    return disk_usage(path.parent).free


class Room:
    """Watches the disk under one store file."""

    def __init__(self, *, path: Path, min_free: int, free: Callable[[Path], int] = free_bytes) -> None:
        """Nothing is asked before `check`."""
        if min_free < 0:
            msg = f"min_free must not be negative, got {min_free}"
            raise ValueError(msg)
        self._path = path
        self._min_free = min_free
        self._free = free

    def check(self, con: duckdb.DuckDBPyConnection) -> None:
        """Raise StoreFullError if there is less room than there must stay."""
        free = self._free(self._path)
        if free >= self._min_free:
            return
        if free < min(self._min_free, 2 * WAL_BYTES) or free + _inside(con) < self._min_free:
            msg = (
                f"{free / 1e6:.0f} MB free under {self._path}, {self._min_free / 1e6:.0f} MB must stay free: "
                "free some disk, or set shorter ages or a lower min_free in [retention]"
            )
            raise StoreFullError(msg)

    def missing(self, con: duckdb.DuckDBPyConnection) -> int:
        """How many bytes of room must be made, 0 if there is enough."""
        free = self._free(self._path)
        return 0 if free >= self._min_free else max(self._min_free - free - _inside(con), 0)


def used(con: duckdb.DuckDBPyConnection) -> int:
    """How many bytes of the file hold something."""
    return number(con, "SELECT block_size * used_blocks FROM pragma_database_size()")


def _inside(con: duckdb.DuckDBPyConnection) -> int:
    return number(con, "SELECT block_size * free_blocks FROM pragma_database_size()")
