"""Scoring and judging data with a model by name."""

from collections.abc import Mapping, Sequence

import msgspec
import pandas as pd

from models.contract import Task
from models.judging.evaluation import Evaluation, evaluation
from models.judging.results import results
from models.reading.records import Records, records
from models.reading.sheets import Sheet
from models.scoring import by_unit, score
from models.trained import Trained
from tocsin.modelling.place import Model, ModelError
from tocsin.modelling.sheets import Data, sheets

LESS_IS_BETTER = frozenset({"far", "mar", "ber", "rmse", "rmse_uncapped", "mae", "s_score", "s_mean", "unscored"})
MORE_IS_BETTER = frozenset({"f1", "ap", "roc_auc", "events_found", "accuracy", "balanced_accuracy", "macro_f1"})


def rows_for(model: Model, data: Data, *, labelled: bool, label: str = "") -> Records:
    """Rows as the model knows them; raises ReadingError."""
    return _rows(model, sheets(data, model.recipe.columns), labelled=labelled, label=label)


def _rows(model: Model, read: Sequence[Sheet], *, labelled: bool, label: str) -> Records:
    fitted = model.detector if isinstance(model.detector, Trained) else None
    # Lives are judged as they are: the cap is laid on both sides only then.
    recipe = msgspec.structs.replace(model.recipe, cap=None)
    return records(read, recipe, label=label, model=fitted, labelled=labelled)


def scored(model: Model, data: Data) -> tuple[pd.DataFrame, Records]:
    """The table of results, and the rows that they are of; raises ReadingError."""
    rows = rows_for(model, data, labelled=False)
    judged = score(model.detector, rows.table, decision=model.recipe.decision)
    return (
        results(
            rows.by_unit(model.recipe),
            by_unit(judged, model.recipe),
            task=model.recipe.task,
            threshold=model.recipe.decision.threshold,
            classes=rows.table.classes,
        ),
        rows,
    )


def judged(model: Model, data: Data, *, label: str = "") -> tuple[Evaluation, Records]:
    """How good the model's calls are on labelled rows; raises ReadingError, EvaluationError."""
    rows = rows_for(model, data, labelled=True, label=label)
    calls = score(model.detector, rows.table, decision=model.recipe.decision)
    return evaluation(calls, model.recipe, rows.table.classes), rows


def compared(models: Mapping[str, Model], data: Data, *, label: str = "") -> dict[str, Evaluation]:
    """The figures of several models on the same rows, by what they are called; raises ModelError."""
    if len({_kind(model.recipe.task) for model in models.values()}) > 1:
        said = ", ".join(f"{name} is of task {model.recipe.task.value!r}" for name, model in models.items())
        msg = f"these answer different questions: {said}"
        raise ModelError(msg)
    return {name: judged(model, data, label=label)[0] for name, model in models.items()}


def titled(models: Sequence[Model]) -> dict[str, Model]:
    """Models by what they are called; those of the same name with their place behind it."""
    titles = [model.title for model in models]
    return {
        title if titles.count(title) == 1 else f"{title} {at}": model
        for at, (title, model) in enumerate(zip(titles, models, strict=True), start=1)
    }


def best(figures: Mapping[str, float | None], figure: str) -> set[str]:
    """Which of the models have the best value of a figure; none where more is neither better nor worse.

    >>> sorted(best({"a@1": 0.5, "b@1": 0.7, "c@1": None}, "f1"))
    ['b@1']
    """
    known = {name: value for name, value in figures.items() if value is not None}
    if len(known) < 2 or figure not in LESS_IS_BETTER | MORE_IS_BETTER:  # noqa: PLR2004 -- one alone is no best
        return set()
    wanted = min(known.values()) if figure in LESS_IS_BETTER else max(known.values())
    return {name for name, value in known.items() if value == wanted}


def _kind(task: Task) -> Task:
    """Trained and self-learning detectors of anomalies are judged alike."""
    return Task.ANOMALY if task is Task.ONLINE else task
