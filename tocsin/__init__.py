"""The command and the composition root: reads one config and wires rooms into a box; and Tocsin for notebooks.

`import tocsin` loads nothing else; what a notebook asks for is loaded when it is asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tocsin.api import (
        EvaluationError,
        Model,
        ModelError,
        ReadingError,
        RecipeError,
        RegistryError,
        TocsinWarning,
        TrainingError,
        compare,
        evaluate,
        load,
        read,
        score,
        train,
    )

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


def __getattr__(name: str) -> object:
    if name not in __all__:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(import_module("tocsin.api"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
