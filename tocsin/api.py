"""Tocsin for notebooks: gives and takes pandas. What a person should know of the data is said as a warning."""

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from models.contract import Task
from models.head import TrainingError
from models.judging.evaluation import Evaluation, EvaluationError
from models.reading.errors import ReadingError
from models.recipe import Recipe, RecipeError
from models.registry.errors import RegistryError
from tocsin.modelling.place import Model, ModelError, found, online, registry
from tocsin.modelling.recipes import recipe_of
from tocsin.modelling.scoring import compared, judged, scored, titled
from tocsin.modelling.sheets import Data, sheets
from tocsin.modelling.training import Wish, make
from tocsin.reaching.export import EVER_NS
from tocsin.reaching.recorded import Moment, frame, moment_ns

__all__ = [
    "EvaluationError",
    "Model",
    "ModelError",
    "ReadingError",
    "RecipeError",
    "RegistryError",
    "TocsinWarning",
    "TrainingError",
    "compare",
    "evaluate",
    "load",
    "read",
    "score",
    "train",
]

AnyModel = Model | Recipe | str | Path


class TocsinWarning(UserWarning):
    """What a person should know of the data that was handed over."""


def train(
    recipe: Recipe | str | Path,
    data: Data,
    *,
    name: str = "",
    label: str = "",
    ignore: Sequence[str] = (),
    owner: str = "",
    seed: int | None = None,
    search: int = 0,
    validate: bool = False,
    where: str = "",
) -> Model:
    """Fit a model to a frame, to several (each a stretch of its own), or to files.

    `recipe` is a file or a shipped name ("skab"); `label` a column; `search` how many trials to tune by, within these
    rows; `validate` judges by rows held out in turn. With a `name` the model is stored in the registry `where`,
    else it is only handed back. Raises ReadingError, RecipeError, TrainingError, RegistryError.
    """
    plan = recipe_of(recipe, label=label, ignore=ignore, seed=seed)
    wish = Wish(recipe=plan, name=name, label=label, owner=owner, trials=search, validate=validate)
    made = make(wish, sheets(data, plan.columns), registry(where))
    _warn(made.model.warnings)
    return made.model


def load(name: str, *, where: str = "") -> Model:
    """A stored model: NAME for its champion, NAME@VERSION or NAME@ALIAS. Raises ModelError."""
    return found(name, registry(where))


def score(model: AnyModel, data: Data, *, where: str = "") -> pd.DataFrame:
    """What a model says of each row, as it would have said it live; of each unit, for task outcome.

    `model` is a model or its name; or a recipe of task online, which needs no training. A single frame keeps its
    index. Raises ModelError, ReadingError.
    """
    chosen = _model(model, where)
    called, rows = scored(chosen, data)
    _warn(rows.warnings)
    if isinstance(data, pd.DataFrame) and chosen.recipe.task is not Task.OUTCOME:
        called.index = data.index
    return called


def evaluate(model: AnyModel, data: Data, *, label: str = "", where: str = "") -> pd.DataFrame:
    """How good a model's calls are on labelled rows: a figure a row.

    Columns: `value`; `low` and `high` of its 95 % interval where failures are few; `of`: "model", or "trivial" for
    what a caller that knows nothing reaches on the same rows. Raises ModelError, ReadingError, EvaluationError.
    """
    found, rows = judged(_model(model, where), data, label=label)
    _warn(rows.warnings)
    return _table(found)


def compare(
    models: Sequence[AnyModel] | Mapping[str, AnyModel], data: Data, *, label: str = "", where: str = ""
) -> pd.DataFrame:
    """The figures of several models on the same rows, a column a model. Raises as `evaluate` does."""
    if isinstance(models, Mapping):
        named = {name: _model(model, where) for name, model in models.items()}
    else:
        named = titled([_model(model, where) for model in models])
    found = compared(named, data, label=label)
    return pd.DataFrame({name: pd.Series(dict(each.figures), dtype="float64") for name, each in found.items()})


def read(url: str | Path, device: str = "", start: Moment = None, end: Moment = None) -> pd.DataFrame:
    """The recorded rows of a device: column `time` (UTC) and one a channel; `start` is included, `end` is not.

    `url` is a running box ("http://127.0.0.1:8765"), a stopped one ("duckdb:data/tocsin.duckdb"), either of them by
    its config ("tocsin.toml"), an archive (a folder or URL), or a CSV or Parquet file. Raises ReadingError.
    """
    return frame(str(url), device, moment_ns(start, 0), moment_ns(end, EVER_NS))


def _model(model: AnyModel, where: str) -> Model:
    if isinstance(model, Model):
        return model
    if isinstance(model, Recipe):
        if model.task is Task.ONLINE:
            return online(model)
        msg = f"a recipe of task {model.task.value!r} must be trained first: tocsin.train(recipe, frame)"
        raise ModelError(msg)
    return found(str(model), registry(where))


def _table(found: Evaluation) -> pd.DataFrame:
    rows = {
        **{name: (value, *found.intervals.get(name, (None, None)), "model") for name, value in found.figures.items()},
        **{name: (value, None, None, "trivial") for name, value in found.beside.items()},
    }
    columns = ["value", "low", "high", "of"]
    table = pd.DataFrame.from_dict(rows, orient="index", columns=columns)
    return table.astype({"value": "float64", "low": "float64", "high": "float64"}).rename_axis("figure")


def _warn(notes: Sequence[str]) -> None:
    for note in notes:
        warnings.warn(note, TocsinWarning, stacklevel=3)
