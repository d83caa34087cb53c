"""The rows of a CSV file, plain or compressed, one after the other; knows nothing of pace."""

import gzip
import lzma
import zlib
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

import msgspec

from edge.source import SourceError
from edge.sources.columns import Columns, columns
from edge.sources.csv_lines import split
from edge.sources.parsed import Outcome, Unread

MAX_LINE = 1 << 20
_OPENERS: Mapping[str, Callable[[Path], object]] = {".gz": gzip.open, ".xz": lzma.open}


class Line(msgspec.Struct, frozen=True):
    """One line of a file and what it turned out to be; `body` is cut to `MAX_LINE`."""

    number: int
    body: bytes
    size: int
    outcome: Outcome


class CsvFile:
    """A CSV file with a header, a time column and one column a channel."""

    def __init__(self, path: Path, *, separator: str, time_field: str, ignore: Sequence[str]) -> None:
        if not separator:
            msg = "separator: must not be empty"
            raise ValueError(msg)
        self._path = path
        self._separator = separator
        self._time_field = time_field
        self._ignore = frozenset(ignore)

    def lines(self) -> Generator[Line, None, None]:
        """Every line after the header; raises SourceError if the file cannot be read or has no such columns."""
        with self._opened() as file:
            numbered = self._numbered(file)
            _, header, _ = next(numbered, (0, b"", 0))
            plan = self._columns(header)
            for number, body, size in numbered:
                if body:
                    yield Line(number, body, size, self._outcome(plan, body, size))

    def _outcome(self, plan: Columns, body: bytes, size: int) -> Outcome:
        if size > len(body):
            return Unread(reason=f"line longer than {MAX_LINE} bytes")
        return plan.row(split(body.decode(errors="replace"), self._separator))

    def _columns(self, header: bytes) -> Columns:
        if not header:
            what = "is empty, or its first line is: it should name the columns"
            raise self._unfit(what)
        names = [name.strip() for name in split(header.decode("utf-8-sig", errors="replace"), self._separator)]
        channels = [name for name in names if name and name != self._time_field and name not in self._ignore]
        if self._time_field not in names:
            what = f"has no column {self._time_field} for the time, but {_shown(names)}"
            raise self._unfit(what)
        if not channels or len(set(channels)) != len(channels):
            what = f"needs distinct columns besides the time, but has {_shown(names)}"
            raise self._unfit(what)
        return columns(names, channels=channels, time_field=self._time_field)

    def _numbered(self, file: BinaryIO) -> Iterator[tuple[int, bytes, int]]:
        number = 0
        try:
            while line := file.readline(MAX_LINE):
                number += 1
                size = len(line)
                rest = line
                while not rest.endswith(b"\n") and (rest := file.readline(MAX_LINE)):
                    size += len(rest)
                yield number, line.rstrip(b"\r\n"), size if size > len(line) else 0
        except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
            what = f"cannot be read past line {number}: {error}"
            raise self._unfit(what) from error

    @contextmanager
    def _opened(self) -> Iterator[BinaryIO]:
        try:
            file = cast("BinaryIO", _OPENERS.get(self._path.suffix, _plain)(self._path))
        except FileNotFoundError as error:
            what = "does not exist"
            raise self._unfit(what) from error
        except OSError as error:
            what = f"cannot be opened: {error.strerror or error}"
            raise self._unfit(what) from error
        with file:
            yield file

    def _unfit(self, what: str) -> SourceError:
        return SourceError(f"file {self._path} {what}")


def _shown(names: Sequence[str]) -> str:
    # What is no CSV file at all would else send its bytes to a terminal as commands.
    return "".join(letter if letter.isprintable() else "?" for letter in ", ".join(names)[:500])


def _plain(path: Path) -> object:
    return path.open("rb")
