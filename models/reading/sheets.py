"""Files and frames as sheets: named frames with plain columns."""

from collections.abc import Sequence
from glob import glob, has_magic
from hashlib import sha256
from io import BytesIO
from pathlib import Path

import msgspec
import pandas as pd
import pyarrow as pa
import pyarrow.parquet

from models.reading.delimited import frame_of, text_of
from models.reading.errors import ReadingError
from models.reading.packed import unpacked
from models.recipe import Columns


class Sheet(msgspec.Struct, frozen=True):
    """Rows from one place, and what it is called."""

    name: str
    frame: pd.DataFrame
    sha256: str = ""  # of the file; empty for a frame
    path: str = ""


def paths_of(patterns: Sequence[str | Path]) -> list[Path]:
    """The files that paths and globs name, each once, those of a glob in order; raises ReadingError."""
    found: dict[Path, None] = {}
    for pattern in map(str, patterns):
        plain = Path(pattern)
        as_glob = has_magic(pattern) and not plain.exists()
        here = sorted(map(Path, glob(pattern, recursive=True))) if as_glob else [plain]  # noqa: PTH207 -- may be absolute
        if not here:
            msg = f"no file matches {pattern!r}"
            raise ReadingError(msg)
        found |= dict.fromkeys(here)
    return list(found)


def read(path: Path, columns: Columns | None = None) -> Sheet:
    """The rows of a CSV, TSV or Parquet file, plain or packed; times and keys of text are kept as they are written."""
    body, name = unpacked(path), str(path)
    if body.startswith(b"PAR1"):
        frame = _parquet(body, name)
    else:
        keys = () if columns is None else (*columns.time, *columns.index, *columns.group)
        frame = frame_of(text_of(body, name), name, as_text=keys)
    return Sheet(_stem(path), _plain(frame, name, columns), sha256=sha256(body).hexdigest(), path=name)


def of_frame(frame: pd.DataFrame, name: str, columns: Columns | None = None) -> Sheet:
    """A pandas frame as a sheet; an index that has a name or holds times becomes a column. Raises ReadingError."""
    if not isinstance(frame, pd.DataFrame):
        msg = f"expected a pandas DataFrame, got {type(frame).__name__}"
        raise ReadingError(msg)
    if not len(frame):
        msg = f"{name} has no rows"
        raise ReadingError(msg)
    return Sheet(name, _plain(frame, name, columns))


def _parquet(body: bytes, name: str) -> pd.DataFrame:
    try:
        table = pa.parquet.read_table(BytesIO(body))
    except (pa.ArrowException, OSError) as error:
        msg = f"{name}: begins as Parquet and is damaged: {error}"
        raise ReadingError(msg) from error
    if not table.num_rows:
        msg = f"{name} has no rows"
        raise ReadingError(msg)
    frame: pd.DataFrame = table.to_pandas(date_as_object=False)
    return frame


def _plain(frame: pd.DataFrame, name: str, columns: Columns | None) -> pd.DataFrame:
    """Columns named by text, each once, rows counted from 0."""
    index = frame.index
    if isinstance(index, pd.DatetimeIndex) and index.name is None and columns is not None and columns.time:
        frame = frame.rename_axis(index=columns.time[0])
    named = [str(level) for level in frame.index.names if level is not None and level not in frame.columns]
    frame = frame.reset_index(drop=not named)
    frame.columns = pd.Index([str(column) for column in frame.columns])
    twice = sorted(set(frame.columns[frame.columns.duplicated()]))
    if twice:
        msg = f"{name} names {', '.join(map(repr, twice))} more than once"
        raise ReadingError(msg)
    return frame


def _stem(path: Path) -> str:
    """The name of a file without what says how it is written.

    >>> _stem(Path("runs/0.csv.xz"))
    '0'
    """
    name = path.name
    for ending in (".xz", ".gz", ".zst", ".bz2", ".csv", ".tsv", ".txt", ".dat", ".parquet"):
        name = name.removesuffix(ending)
    return name or path.name
