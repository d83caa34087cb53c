"""What is wrong with models, data or words about them, as a sentence and an exit code; imports rooms when it must."""

from collections.abc import Iterator
from contextlib import contextmanager

from tocsin.options import PROBLEM, USAGE, stop


@contextmanager
def explained() -> Iterator[None]:
    """What is wrong, as a sentence and an exit code: 2 for words that mean nothing, 1 for data that cannot be used."""
    from models.head import TrainingError  # noqa: PLC0415
    from models.judging.evaluation import EvaluationError  # noqa: PLC0415
    from models.reading.errors import ReadingError  # noqa: PLC0415
    from models.recipe import RecipeError  # noqa: PLC0415
    from models.registry.errors import RegistryError  # noqa: PLC0415
    from tocsin.modelling.place import ModelError  # noqa: PLC0415
    from tocsin.reaching.export import WrongWordsError  # noqa: PLC0415
    from tocsin.reaching.reach import ReachError  # noqa: PLC0415

    try:
        yield
    except (RecipeError, WrongWordsError) as error:
        stop(str(error), USAGE)
    except ReachError as error:
        stop(str(error), error.code)
    except (ReadingError, TrainingError, EvaluationError, RegistryError, ModelError) as error:
        stop(str(error), PROBLEM)
    except OSError as error:
        stop(f"{error.filename}: {error.strerror or error}", PROBLEM)
