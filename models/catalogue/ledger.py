"""The ledger of files that were written from a store or read into it: a JSON line each, the newest ones kept."""

import fcntl
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from models.catalogue.entries import Moved

KEPT = 2000  # files; once twice as many stand there, the older half goes
_decode = msgspec.json.Decoder(Moved).decode


def digest_of(path: Path) -> str:
    """SHA-256 of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Ledger:
    """One file, which several processes may write; what in it cannot be read is passed over."""

    def __init__(self, path: Path) -> None:
        """Nothing is opened."""
        self._path = path

    def read(self) -> list[Moved]:
        """What was moved, newest first."""
        try:
            lines = self._path.read_bytes().splitlines()
        except FileNotFoundError:
            return []
        return [moved for line in reversed(lines[-KEPT:]) if (moved := _read(line))]

    def note(self, moved: Moved) -> None:
        """Write one line; raises OSError."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._alone():
            with self._path.open("ab") as file:
                file.write(msgspec.json.encode(moved) + b"\n")
            lines = self._path.read_bytes().splitlines(keepends=True)
            if len(lines) >= 2 * KEPT:
                part = self._path.with_suffix(".part")
                part.write_bytes(b"".join(lines[-KEPT:]))
                part.replace(self._path)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with self._path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _read(line: bytes) -> Moved | None:
    try:
        return _decode(line)
    except msgspec.DecodeError:
        return None
