"""Where files lie: a folder of this machine, or any place that fsspec can reach; knows nothing of models."""

import contextlib
import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Protocol, cast

from models.registry.errors import RegistryError

FOLDER = "folder:"


class Place(Protocol):
    """Files by their path below the place, as in "pump/3/manifest.json"."""

    @property
    def url(self) -> str:
        """What a person would call it."""

    def listed(self, path: str) -> list[str]:
        """Names of what lies directly below; nothing where there is no such folder."""

    def read(self, path: str, most: int) -> bytes:
        """A whole file of at most so many bytes; raises FileNotFoundError, RegistryError where there is more."""

    def write(self, path: str, content: bytes) -> None:
        """A whole file, seen either as it was or as it is now."""

    def claim(self, path: str) -> bool:
        """Make a folder; false if somebody made it before, of any number of processes."""

    def alone(self, path: str) -> AbstractContextManager[None]:
        """Only one at a time is inside, where the place can keep others out."""


def place(url: str) -> Place:
    """The place that a config or a command names: `folder:PATH`, `PATH`, or a URL such as `s3://bucket/models`."""
    text = url.removeprefix(FOLDER)
    if not text.strip():
        msg = f"no registry {url!r}: name a folder, or a URL such as s3://bucket/models"
        raise RegistryError(msg)
    if text.startswith("file://"):
        return Local(Path(text.removeprefix("file://")))
    return Remote(text) if "://" in text else Local(Path(text))


class Local:
    """A folder of this machine."""

    def __init__(self, root: Path) -> None:
        self._root = root

    @property
    def url(self) -> str:
        """The path."""
        return str(self._root)

    def listed(self, path: str) -> list[str]:
        """See Place, as below."""
        try:
            return sorted(entry.name for entry in (self._root / path).iterdir())
        except (FileNotFoundError, NotADirectoryError):
            return []

    def read(self, path: str, most: int) -> bytes:
        """No more than `most` is ever held."""
        with (self._root / path).open("rb") as file:
            content = file.read(most + 1)
        return _bounded(content, most, f"{self.url}/{path}")

    def write(self, path: str, content: bytes) -> None:
        """Written beside it, forced to disk, then renamed."""
        final = self._root / path
        final.parent.mkdir(parents=True, exist_ok=True)
        number, beside = tempfile.mkstemp(prefix=".", suffix=".part", dir=final.parent)
        try:
            with os.fdopen(number, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            Path(beside).chmod(0o644)  # workers run as another user
            Path(beside).replace(final)
        except BaseException:
            Path(beside).unlink(missing_ok=True)
            raise
        _settle(final.parent)

    def claim(self, path: str) -> bool:
        """A folder is made once."""
        folder = self._root / path
        folder.parent.mkdir(parents=True, exist_ok=True)
        try:
            folder.mkdir()
        except FileExistsError:
            return False
        return True

    @contextmanager
    def alone(self, path: str) -> Iterator[None]:
        """Held by a lock that ends with its process."""
        (self._root / path).mkdir(parents=True, exist_ok=True)
        with (self._root / path / ".lock").open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


class Remote:
    """Whatever fsspec reaches; replacing is as atomic there as its move is."""

    def __init__(self, url: str) -> None:
        import fsspec  # noqa: PLC0415 -- only where a registry is elsewhere

        try:
            files, self._root = fsspec.core.url_to_fs(url)
        except (ValueError, ImportError) as error:
            msg = f"no registry {url!r}: {error}"
            raise RegistryError(msg) from error
        self._files = cast("Any", files)
        self._url = url.rstrip("/")

    @property
    def url(self) -> str:
        """As it was given."""
        return self._url

    def listed(self, path: str) -> list[str]:
        """Asked anew each time, for others write as well."""
        self._files.invalidate_cache()
        try:
            found = self._files.ls(self._at(path), detail=False)
        except (FileNotFoundError, NotADirectoryError):
            return []
        return sorted({str(name).rstrip("/").rpartition("/")[2] for name in found})

    def read(self, path: str, most: int) -> bytes:
        """Asks for no more than one byte beyond `most`."""
        with self._files.open(self._at(path), "rb") as file:
            return _bounded(bytes(file.read(most + 1)), most, f"{self.url}/{path}")

    def write(self, path: str, content: bytes) -> None:
        """Written beside it, then moved."""
        self._files.makedirs(self._at(path).rpartition("/")[0], exist_ok=True)
        beside = self._at(f"{path}.{os.getpid():x}{os.urandom(6).hex()}.part")
        try:
            self._files.pipe_file(beside, content)
            self._files.mv(beside, self._at(path))
        except BaseException:
            with contextlib.suppress(Exception):
                self._files.rm_file(beside)
            raise

    def claim(self, path: str) -> bool:
        """A file that is created once stands for the folder, where the place can tell."""
        self._files.makedirs(self._at(path), exist_ok=True)
        try:
            self._files.pipe_file(self._at(f"{path}/.claimed"), b"claimed", mode="create")
        except FileExistsError:
            return False
        return True

    @contextmanager
    def alone(self, path: str) -> Iterator[None]:  # noqa: ARG002 -- nobody can be kept out
        """The last one to write wins."""
        yield

    def _at(self, path: str) -> str:
        return f"{self._root.rstrip('/')}/{path}".rstrip("/")


def _bounded(content: bytes, most: int, where: str) -> bytes:
    if len(content) > most:
        msg = f"{where}: larger than {most} bytes, which no such file of a model is"
        raise RegistryError(msg)
    return content


def _settle(folder: Path) -> None:
    """A rename is on disk only with its folder."""
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
