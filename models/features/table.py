"""The features that a recipe may name; a new kind is one module and one row here."""

from collections.abc import Sequence

import msgspec

from models.features import filters, so_far, trend
from models.features.bank import Bank
from models.features.kind import Feature
from models.recipe import Part, Recipe, RecipeError

Known = (
    filters.Value
    | filters.Seen
    | filters.Mean
    | filters.Deviation
    | filters.Smooth
    | filters.Restless
    | filters.Lag
    | filters.Change
    | trend.Trend
    | filters.Departure
    | so_far.SoFar
    | filters.Count
)


def features(parts: Sequence[Part]) -> tuple[Feature, ...]:
    """The features that a recipe's `[[features]]` spell out; raises RecipeError."""
    if not parts:
        msg = "features: there is none: leave the line out for the channels as they are, or name one"
        raise RecipeError(msg)
    try:
        return msgspec.convert(parts, tuple[Known, ...])
    except msgspec.ValidationError as error:
        msg = f"features: {error}; `tocsin models kinds` lists what there is"
        raise RecipeError(msg) from error


def bank(recipe: Recipe, channels: int) -> Bank:
    """All features of a recipe, for rows of so many channels; raises RecipeError."""
    return Bank(features(recipe.features), channels)
