"""What a person hands over as data, a path, a glob or frames, as sheets."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from models.reading.errors import ReadingError
from models.reading.sheets import Sheet, of_frame, paths_of, read
from models.recipe import Columns

Data = pd.DataFrame | str | Path | Sequence[pd.DataFrame] | Sequence[str | Path] | Mapping[str, pd.DataFrame]


def sheets(data: Data, columns: Columns | None = None) -> list[Sheet]:
    """A frame, several (each a stretch of its own), or files by path or glob; raises ReadingError."""
    if isinstance(data, pd.DataFrame):
        return [of_frame(data, str(data.attrs.get("device", "data")), columns)]
    if isinstance(data, Mapping):
        return [of_frame(frame, str(name), columns) for name, frame in data.items()]
    if isinstance(data, str | Path):
        return [read(path, columns) for path in paths_of([data])]
    given: object = data
    if not isinstance(given, Iterable) or isinstance(given, np.ndarray | pd.Series):
        msg = f"expected a pandas DataFrame, several of them, or paths of files, got {type(given).__name__}"
        raise ReadingError(msg)
    found: list[Sheet] = []
    for at, each in enumerate(data, start=1):
        if isinstance(each, pd.DataFrame):
            found.append(of_frame(each, str(each.attrs.get("device", at)), columns))
        else:
            found += [read(path, columns) for path in paths_of([each])]
    if not found:
        msg = "there is no data: give at least one frame or file"
        raise ReadingError(msg)
    return found
