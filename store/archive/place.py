"""Where an archive lies: a folder or any fsspec URL; puts whole objects and knows nothing of what is in them."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Protocol, cast

from store.archive.errors import ArchiveBrokenError, ArchiveError

__all__ = ["Folder", "Place", "Remote", "place"]


class Place(Protocol):
    """Objects under names with slashes. Every call raises ArchiveError where the place cannot be used."""

    def put(self, name: str, body: bytes) -> None:
        """Write an object whole and durably, or not at all; replaces what was there."""

    def get(self, name: str) -> bytes | None:
        """An object, None if there is none."""

    def names(self, under: str) -> list[str]:
        """The names of all objects below a folder, in order; a folder that is not there has none."""

    def remove(self, name: str) -> None:
        """Take an object away; one that is not there is fine."""

    def open(self, name: str) -> BinaryIO:
        """Read an object piece by piece."""


def place(root: str) -> Place:
    """The place that a path or URL names. Raises ArchiveError for a URL that this installation cannot use."""
    if "://" in root and not root.startswith("file://"):
        return Remote(root)
    return Folder(Path(root.removeprefix("file://")))


class Folder:
    """A folder of this machine: objects appear by rename, after they and their folder are on disk."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def __str__(self) -> str:
        """The folder's path."""
        return str(self._root)

    def put(self, name: str, body: bytes) -> None:
        """See Place."""
        path = self._root / name
        part = path.with_name(f".{path.name}.{os.getpid()}.part")
        with _told(f"{path} cannot be written"):
            self._made(path.parent)
            try:
                with part.open("wb") as file:
                    file.write(body)
                    file.flush()
                    os.fsync(file.fileno())
                part.replace(path)
            finally:
                part.unlink(missing_ok=True)
            _sync(path.parent)

    def get(self, name: str) -> bytes | None:
        """See Place."""
        with _told(f"{self._root / name} cannot be read"):
            try:
                return (self._root / name).read_bytes()
            except FileNotFoundError:
                return None

    def names(self, under: str) -> list[str]:
        """See Place."""
        with _told(f"{self._root / under} cannot be listed"):
            found = (
                Path(folder, file).relative_to(self._root).as_posix()
                for folder, _, files in os.walk(self._root / under, onerror=_passed_on)
                for file in files
                if not file.startswith(".")
            )
            return sorted(found)

    def remove(self, name: str) -> None:
        """See Place."""
        with _told(f"{self._root / name} cannot be removed"):
            (self._root / name).unlink(missing_ok=True)

    def open(self, name: str) -> BinaryIO:
        """See Place."""
        with _told(f"{self._root / name} cannot be read"):
            return (self._root / name).open("rb")

    def _made(self, folder: Path) -> None:
        if not folder.is_dir():
            self._made(folder.parent)
            folder.mkdir(exist_ok=True)
            _sync(folder.parent)


class Remote:
    """A place that fsspec reaches; objects are put in one request, which object stores do whole."""

    def __init__(self, url: str) -> None:
        from fsspec.core import url_to_fs  # noqa: PLC0415 -- a box needs none

        try:
            self._files, self._root = url_to_fs(url)
        except (ImportError, ValueError) as error:
            msg = f'archive = "{url}" cannot be used: {error}'
            raise ArchiveBrokenError(msg) from error
        self._url = url.rstrip("/")

    def __str__(self) -> str:
        """The URL."""
        return self._url

    def put(self, name: str, body: bytes) -> None:
        """See Place."""
        with _told(f"{self._url}/{name} cannot be written"):
            self._files.makedirs(self._path(name).rpartition("/")[0], exist_ok=True)
            self._files.pipe_file(self._path(name), body)

    def get(self, name: str) -> bytes | None:
        """See Place."""
        with _told(f"{self._url}/{name} cannot be read"):
            try:
                return cast("bytes", self._files.cat_file(self._path(name)))
            except FileNotFoundError:
                return None

    def names(self, under: str) -> list[str]:
        """See Place."""
        with _told(f"{self._url}/{under} cannot be listed"):
            self._files.invalidate_cache()  # another writer's objects are wanted too
            base = str(self._files._strip_protocol(self._root)).rstrip("/") + "/"  # noqa: SLF001 -- fsspec's documented name
            try:
                found = self._files.find(self._path(under))
            except FileNotFoundError:
                return []
            return sorted(path.removeprefix(base) for path in found)

    def remove(self, name: str) -> None:
        """See Place."""
        with _told(f"{self._url}/{name} cannot be removed"):
            try:
                self._files.rm_file(self._path(name))
            except FileNotFoundError:
                return

    def open(self, name: str) -> BinaryIO:
        """See Place."""
        with _told(f"{self._url}/{name} cannot be read"):
            return cast("BinaryIO", self._files.open(self._path(name), "rb"))

    def _path(self, name: str) -> str:
        return f"{str(self._root).rstrip('/')}/{name}"


@contextmanager
def _told(what: str) -> Iterator[None]:
    try:
        yield
    except ArchiveError:
        raise
    except Exception as error:  # each of fsspec's clients has errors of its own
        why = (error.strerror if isinstance(error, OSError) else "") or str(error) or type(error).__name__
        msg = f"{what}: {why}"
        raise ArchiveError(msg) from error


def _passed_on(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise error


def _sync(folder: Path) -> None:
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
