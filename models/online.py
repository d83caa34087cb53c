"""The detectors that need no training, by the `kind` that a recipe of task online names; a new one is one row here."""

from collections.abc import Callable, Mapping

import msgspec

from models.contract import Detector, Task
from models.recipe import Recipe, RecipeError
from models.selflearning.online import Online
from models.streams.novelty import Habits, Streams

DEFAULT = "selflearning"


def detector(recipe: Recipe) -> Detector:
    """What a recipe of task online describes, deciding as it says; raises RecipeError."""
    if recipe.task is not Task.ONLINE:
        msg = f"task: expected {Task.ONLINE.value!r}, got {recipe.task.value!r}"
        raise RecipeError(msg)
    kind = recipe.estimator.get("kind", DEFAULT)
    if kind not in TABLE:
        msg = f"estimator.kind: expected one of {', '.join(TABLE)} for task 'online', got {kind!r}"
        raise RecipeError(msg)
    try:
        return TABLE[str(kind)](recipe)
    except msgspec.ValidationError as error:
        msg = f"estimator: {error}"
        raise RecipeError(msg) from error


class _Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The self-learning detector has nothing to set."""


def _selflearning(recipe: Recipe) -> Detector:
    msgspec.convert(_own(recipe), _Settings)
    chosen = Online()
    chosen.decision = recipe.decision
    return chosen


def _stream(recipe: Recipe) -> Detector:
    return Streams(msgspec.convert(_own(recipe), Habits), decision=recipe.decision)


def _own(recipe: Recipe) -> dict[str, object]:
    return {name: value for name, value in recipe.estimator.items() if name != "kind"}


TABLE: Mapping[str, Callable[[Recipe], Detector]] = {DEFAULT: _selflearning, "stream": _stream}
