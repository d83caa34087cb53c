"""A recipe by its name or file, with what a person says of it for their data; without pandas, as boxes read it too."""

from collections.abc import Sequence
from pathlib import Path

from models.recipe import Recipe, changed, load

SHIPPED = Path("models/recipes")


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
