"""The stored hyper-parameters of a training: a TOML file that, with data and seed, determines every score."""

import tomllib
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import msgspec

from models.contract import Task
from models.decide import Decision

Share = Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]
Positive = Annotated[float, msgspec.Meta(gt=0.0)]
Part = Mapping[str, object]  # `kind` names it, the rest are its own hyper-parameters
SHIPPED = files("models") / "recipes"


class RecipeError(Exception):
    """The recipe cannot be used; the message says where and what would be right."""


class Columns(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the columns of a table are. Every column that is named nowhere here is a channel."""

    time: tuple[str, ...] = ("time",)  # a time of day: the first one present is used
    index: tuple[str, ...] = ()  # a count instead of a time: "cycle", "second"
    group: tuple[str, ...] = ("device", "unit", "run")  # rows with equal values belong together
    labels: tuple[str, ...] = ()  # known afterwards; `train --label` picks one
    weight: tuple[str, ...] = ()  # how many units like it a row stands for; without it, for itself
    ignore: tuple[str, ...] = ()
    unit_rows: bool = False  # outcome: each row is a whole unit, and a group is where units come one after the other
    channels: tuple[str, ...] = ("*",)  # globs


class Calibration(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the limit lies, from training rows that the model was not fitted on."""

    false_alarm_rate: Share = 0.01  # of normal rows (or units) that may pass the limit
    multiple: Positive = 1.0  # the limit is this many times what that rate asks for
    folds: Annotated[int, msgspec.Meta(ge=2)] = 5  # contiguous blocks of rows, or groups of units
    coverage: Share = 0.9  # of the interval around an expected life


class Gate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a candidate must reach to be promoted: metric -> least (`at_least`) or most (`at_most`) allowed."""

    at_least: Mapping[str, float] = {}
    at_most: Mapping[str, float] = {}


class Recipe(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """See the module."""

    task: Task
    note: str = ""  # for whom and why, in a sentence
    seed: int = 0
    columns: Columns = Columns()
    normalise: Part = msgspec.field(default_factory=lambda: {"kind": "standard"})  # row by row, fitted on training rows
    features: tuple[Part, ...] = ({"kind": "value"},)  # one after the other, side by side
    estimator: Part = {}
    calibration: Calibration = Calibration()
    decision: Decision = Decision()
    horizon: Positive = 30.0  # life: rings when so little is expected to be left, in units of the index
    cap: Positive | None = None  # life: a life longer than this counts as this
    gate: Gate = Gate()
    search: Mapping[str, tuple[object, ...]] = {}  # "estimator.components" -> choices, or (low, high)


def shipped() -> tuple[str, ...]:
    """The recipes that come with Tocsin, by name."""
    return tuple(sorted(Path(entry.name).stem for entry in SHIPPED.iterdir() if entry.name.endswith(".toml")))


def load(name: str | Path) -> Recipe:
    """The recipe of a file, or the shipped one of that name ("skab", "skab.toml"); raises RecipeError."""
    path = Path(name)
    text = _text(path)
    try:
        return parse(text)
    except RecipeError as error:
        msg = f"{path}: {error}"
        raise RecipeError(msg) from error


def parse(text: str) -> Recipe:
    """The recipe that a TOML text spells out."""
    try:
        return msgspec.convert(tomllib.loads(text), Recipe)
    except tomllib.TOMLDecodeError as error:
        msg = f"not TOML: {error}"
        raise RecipeError(msg) from error
    except (msgspec.ValidationError, ValueError) as error:
        raise RecipeError(str(error)) from error


def _text(path: Path) -> str:
    stem = path.stem if path.suffix == ".toml" else path.name
    try:
        if not path.is_file() and path.parent == Path() and stem in shipped():  # a folder may be called like a recipe
            return (SHIPPED / f"{stem}.toml").read_text(encoding="utf-8")
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        msg = f"{path} is no recipe: not text in UTF-8"
        raise RecipeError(msg) from error
    except OSError as error:
        msg = f"no recipe {str(path)!r}: name a file, or one of {', '.join(shipped())}"
        raise RecipeError(msg) from error


def changed(recipe: Recipe, changes: Mapping[str, object]) -> Recipe:
    """The recipe with some of its values replaced, by dotted name; a number names a place in a list.

    >>> changed(Recipe(task=Task.ANOMALY), {"features.0.kind": "mean", "seed": 3}).features
    ({'kind': 'mean'},)
    """
    plain = msgspec.json.decode(msgspec.json.encode(recipe))
    for name, value in changes.items():
        *above, last = name.split(".")
        at = plain
        for step in above:
            at = at[int(step)] if isinstance(at, list) else at[step]
        at[int(last) if isinstance(at, list) else last] = value
    try:
        return msgspec.convert(plain, Recipe)
    except msgspec.ValidationError as error:
        raise RecipeError(str(error)) from error
