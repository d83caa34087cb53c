"""Channels brought to one scale, row by row, so that units of measure do not matter; fitted on training rows."""

from dataclasses import dataclass
from typing import Annotated, Protocol, cast

import msgspec
import numpy as np

from models.contract import F64
from models.features.kind import Kind
from models.features.regimes import Regimes
from models.recipe import Part, RecipeError

COARSE = 1e-9  # of a channel's size: a spread below it is rounding
FAR = 1e4  # spreads: a value beyond counts as this, so that one absurd value is forgotten in time
OF_NORMAL = 1.4826  # standard deviations in the median deviation of a normal


class Normaliser(Protocol):
    """Fitted: what a channel is usually like."""

    def apply(self, rows: F64) -> F64:
        """K x c rows on the common scale; NaN stays NaN, a channel that never moved in training is 0."""


@dataclass(frozen=True)
class Scaled:
    """A place and a spread a channel; a spread of 0 marks one that never moved."""

    place: F64
    spread: F64
    far: float = FAR

    def apply(self, rows: F64) -> F64:
        """See Normaliser."""
        moves = self.spread > 0
        out: F64 = np.where(moves, (rows - self.place) / np.where(moves, self.spread, 1.0), rows * 0.0)
        return np.clip(out, -self.far, self.far, out=out)


class Standard(Kind, frozen=True, tag="standard"):
    """Mean and standard deviation; beyond `reach` of these a value is merely far."""

    reach: Annotated[float, msgspec.Meta(gt=0.0)] = FAR

    def fit(self, rows: F64) -> Scaled:
        """Of the training rows, n x c."""
        known = _known(rows)
        scaled = _scaled(known, np.nanmean(known, axis=0), np.nanstd(known, axis=0))
        return Scaled(scaled.place, scaled.spread, self.reach)


class Robust(Kind, frozen=True, tag="robust"):
    """Median and median deviation; the standard deviation where more than half the rows repeat one value."""

    def fit(self, rows: F64) -> Scaled:
        """Of the training rows, n x c."""
        known = _known(rows)
        place = np.nanmedian(known, axis=0)
        spread = OF_NORMAL * np.nanmedian(np.abs(known - place), axis=0)
        return _scaled(known, place, np.where(spread > 0, spread, np.nanstd(known, axis=0)))


class Raw(Kind, frozen=True, tag="none"):
    """Channels as they are, for models whose physics needs their units."""

    def fit(self, rows: F64) -> Scaled:
        """Nothing to learn."""
        return Scaled(np.zeros(rows.shape[1]), np.ones(rows.shape[1]), far=np.inf)


Known = Standard | Robust | Raw | Regimes


def normaliser(part: Part) -> Known:
    """The normaliser that a recipe's `[normalise]` names; raises RecipeError."""
    try:
        return cast("Known", msgspec.convert(part, Known))
    except msgspec.ValidationError as error:
        msg = f"normalise: {error}; `tocsin models kinds` lists what there is"
        raise RecipeError(msg) from error


def _known(rows: F64) -> F64:
    """Finite values; a channel without any is all 0."""
    known = np.where(np.isfinite(rows), rows, np.nan)
    return np.where(np.isnan(known).all(axis=0), 0.0, known)


def _scaled(known: F64, place: F64, spread: F64) -> Scaled:
    size = np.nanmax(np.abs(known), axis=0)
    return Scaled(place, np.where(spread > COARSE * size, spread, 0.0))
