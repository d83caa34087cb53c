"""The SQLite file of the log: opening, checking, and what its errors mean; knows nothing of batches.

LogError
├── DamagedLogError   the file is no longer readable
├── ForeignLogError   the file belongs to another program or a newer version
├── LogInUseError     another process has it open
└── DiskError         the disk is full or refuses writes: may pass, try again
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

APPLICATION_ID = 0x546F_6373  # "Tocs"
VERSION = 1
WAL_BYTES = 16 * 1024 * 1024  # what the -wal file shrinks back to
CHECKED_BYTES = 64 * 1024 * 1024  # files up to this size are checked page by page at the start

SCHEMA = (
    f"PRAGMA application_id = {APPLICATION_ID}",
    f"PRAGMA user_version = {VERSION}",
    """CREATE TABLE record (
        pos INTEGER PRIMARY KEY AUTOINCREMENT, kind INTEGER NOT NULL, clock_ns INTEGER NOT NULL,
        rows INTEGER NOT NULL, bytes INTEGER NOT NULL, body BLOB NOT NULL)""",
    "CREATE TABLE lane (id INTEGER PRIMARY KEY CHECK (id = 1), body TEXT NOT NULL)",
    "CREATE TABLE delivery (place INTEGER PRIMARY KEY, source TEXT NOT NULL, keys BLOB NOT NULL)",
)

_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_DISK = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN}
_IN_USE = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


class LogError(Exception):
    """The log cannot be used; the message says what happened and what to do."""


class DamagedLogError(LogError):
    """The file is damaged."""


class ForeignLogError(LogError):
    """The file is not a log of this program."""


class LogInUseError(LogError):
    """Another process has the log open."""


class DiskError(LogError):
    """The disk is full or refuses writes; nothing was written, and the same write may be tried again."""


def open_file(path: Path) -> sqlite3.Connection:
    """Open or create the file for this process alone, for use by several threads under one lock. Raises LogError."""
    with translated(path):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            msg = f"cannot create the folder {path.parent} for the log: {error.strerror}. Create it, or name another."
            raise DiskError(msg) from error
        db = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
        try:
            _prepare(db, path)
        except BaseException:
            db.close()
            raise
    return db


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into a LogError that says what to do."""
    try:
        yield
    except sqlite3.Error as error:
        code = (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF
        if code in _DAMAGED:
            raise DamagedLogError(_damage(path, str(error))) from error
        if code in _IN_USE:
            msg = f"the log {path} is in use by another process. Stop that one, or give this one a log of its own."
            raise LogInUseError(msg) from error
        if code in _DISK:
            msg = f"the disk under the log {path} refuses writes ({error}). Free some room or check its permissions."
            raise DiskError(msg) from error
        raise
    except msgspec.DecodeError as error:
        raise DamagedLogError(_damage(path, f"one of its own notes: {error}")) from error


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    """Everything inside is written, or nothing is."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        # After a full disk SQLite has rolled back by itself.
        with suppress(sqlite3.Error):
            db.execute("ROLLBACK")
        raise


def _prepare(db: sqlite3.Connection, path: Path) -> None:
    # One owner: a second process would give the same sequence numbers to other batches.
    db.execute("PRAGMA locking_mode = EXCLUSIVE")
    is_new = db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0
    if not is_new:
        _check(db, path)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    db.execute(f"PRAGMA journal_size_limit = {WAL_BYTES}")
    with transaction(db):  # also takes the lock now, not at the first write
        for statement in SCHEMA if is_new else ():
            db.execute(statement)


def _check(db: sqlite3.Connection, path: Path) -> None:
    if db.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
        msg = f"{path} is an SQLite file of another program. Name another file for the log; this one was not changed."
        raise ForeignLogError(msg)
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if version != VERSION:
        msg = f"the log {path} has version {version}, this program reads {VERSION}. Use the version that wrote it."
        raise ForeignLogError(msg)
    if path.stat().st_size <= CHECKED_BYTES:
        verdict = db.execute("PRAGMA quick_check(1)").fetchone()[0]
        if verdict != "ok":
            raise DamagedLogError(_damage(path, verdict))


def _damage(path: Path, what: str) -> str:
    return (
        f"the log {path} is damaged ({what}). Move it away together with its -wal file and start again; "
        "rows that were not yet passed on are lost unless the file is repaired with `sqlite3 FILE .recover`."
    )
