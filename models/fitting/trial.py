"""A trial of a recipe: what it says of rows that it was not fitted on, and what is told of it. Loads no optimiser."""

from collections.abc import Callable, Mapping, Sequence

import msgspec

from models.contract import Task
from models.fitting.splits import Split
from models.fitting.training import train
from models.recipe import Recipe
from models.scoring import Judged, by_unit, score

FIGURES: Mapping[Task, str] = {Task.ANOMALY: "f1", Task.LIFE: "rmse", Task.OUTCOME: "ap"}
GRADES = "balanced_accuracy"  # of an outcome with more than two classes


class Trial(msgspec.Struct, frozen=True):
    """One that is over."""

    number: int  # from 1
    of: int
    value: float | None  # of the figure; None: it failed
    best: float | None
    reason: str = ""  # why it failed


Told = Callable[[Trial], None]


class Found(msgspec.Struct, frozen=True):
    """The best recipe, and how it was found."""

    recipe: Recipe
    figure: str  # what was compared, from held-out rows
    value: float
    own: float | None  # what the recipe reached as it was written; None: it failed
    trials: int
    failed: int
    resumed: int  # trials that were done by an earlier command
    changes: Mapping[str, object]


def silent(_: Trial) -> None:
    """Tell nobody."""


def held_out(recipe: Recipe, parts: Sequence[Split], done: Callable[[int], None] = lambda _: None) -> list[Judged]:
    """What models that had not seen them say of the rows held out in turn; raises TrainingError, RecipeError.

    `done` is told how many parts are over.
    """
    judged: list[Judged] = []
    for at, split in enumerate(parts, start=1):
        judged += by_unit(score(train(recipe, split.fit).model, split.judge), recipe)
        done(at)
    return judged


def figure(task: Task, classes: int) -> str:
    """The name of the figure that trials are compared by."""
    return GRADES if task is Task.OUTCOME and classes > 2 else FIGURES[task]  # noqa: PLR2004 -- pass and fail
