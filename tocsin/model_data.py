"""What a person hands over as data, a path, a glob or frames, as sheets; what they say of its columns, in a recipe."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from models.reading.errors import ReadingError
from models.reading.sheets import Sheet, of_frame, paths_of, read
from models.recipe import Columns, Recipe, changed, load

SHIPPED = Path("models/recipes")
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


def recipe_of(
    recipe: Recipe | str | Path,
    *,
    label: str = "",
    ignore: Sequence[str] = (),
    time: str = "",
    group: Sequence[str] = (),
    seed: int | None = None,
) -> Recipe:
    """A recipe by name or file, with what is said of it for this data; raises RecipeError."""
    found = recipe if isinstance(recipe, Recipe) else load(_shipped(Path(recipe)))
    columns, changes = found.columns, dict[str, object]()
    if label:
        changes["columns.labels"] = [label, *(name for name in columns.labels if name != label)]
    if ignore:
        changes["columns.ignore"] = [*columns.ignore, *ignore]
    if time:
        changes["columns.time"] = [time, *(name for name in columns.time if name != time)]
    if group:
        changes["columns.group"] = list(group)
    if seed is not None:
        changes["seed"] = seed
    return changed(found, changes) if changes else found


def _shipped(path: Path) -> Path:
    """A shipped recipe may also be named by its place in the checkout, from wherever."""
    return Path(path.name) if path.parent == SHIPPED and not path.exists() else path
