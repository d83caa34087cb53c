"""What can go wrong with a store file, each with what to do about it.

StoreError
├── StoreClosedError      used outside its `with` block
├── StoreMissingError     there is no file to read
├── StoreLockedError      another process has it open
├── StoreForeignError     the file is not a Tocsin store
├── StoreDamagedError     the file was a store and cannot be read any more
├── StoreVersionError     written by a newer Tocsin
├── StoreBrokenError      the database refused something it should not have
└── UnknownDeviceError    no reading of that device is in the store

`StoreFullError` stands apart, in `store.port`: it is expected, and the same commit may come again.
"""

from collections.abc import Sequence
from pathlib import Path

from store.port import CommitRefusedError


class StoreError(Exception):
    """The store cannot do what was asked; the message says why and what to do."""


class StoreClosedError(StoreError):
    """The store was used before it was opened or after it was closed."""

    def __init__(self, path: Path) -> None:
        """Name the file."""
        super().__init__(f"store {path} is not open: use it as a context manager")
        self.path = path


class StoreMissingError(StoreError):
    """There is no store at this path."""

    def __init__(self, path: Path) -> None:
        """Name the file."""
        super().__init__(f"no store at {path}: check `store` in tocsin.toml, or start the box once with `tocsin up`")
        self.path = path


class StoreLockedError(StoreError):
    """Another process has the file open; only one can."""

    def __init__(self, path: Path) -> None:
        """Name the file."""
        super().__init__(f"another process has {path} open: ask the running box over its API, or stop it first")
        self.path = path


class StoreForeignError(StoreError):
    """The file is something else than a Tocsin store; it was left as it is."""

    def __init__(self, path: Path, found: str) -> None:
        """Name the file and what it holds."""
        super().__init__(f"{path} is no Tocsin store ({found}): name another file in `store` of tocsin.toml")
        self.path = path
        self.found = found


class StoreDamagedError(StoreError):
    """The file cannot be read any more."""

    def __init__(self, path: Path, found: str) -> None:
        """Name the file and what the database said."""
        super().__init__(
            f"{path} is damaged ({found}): move it and its .wal file away and restore a copy, or start with a new one"
        )
        self.path = path
        self.found = found


class StoreVersionError(StoreError):
    """The file was written by a newer Tocsin."""

    def __init__(self, path: Path, version: int, known: int) -> None:
        """Name the file and both versions."""
        super().__init__(f"{path} has schema {version}, this Tocsin knows up to {known}: install the newer Tocsin")
        self.path = path
        self.version = version


class StoreBrokenError(StoreError, CommitRefusedError):
    """The database refused something that it should not have; what it said is in the message."""


class UnknownDeviceError(StoreError):
    """No reading of this device is in the store; `near` are names that look like it."""

    def __init__(self, device: str, near: Sequence[str]) -> None:
        """Name the device and those that look like it."""
        hint = f"did you mean {', '.join(near)}?" if near else "`tocsin data export --help` says how to list devices"
        super().__init__(f"no device {device!r} in the store: {hint}")
        self.device = device
        self.near = tuple(near)
