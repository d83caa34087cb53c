"""What a store recorded between two times, as the keeper gathers it: rows of devices, and runs of procedures."""

from pathlib import Path
from tempfile import TemporaryDirectory

from models.reading.sheets import Sheet
from models.recipe import Recipe
from tocsin.keeping.job import Job
from tocsin.keeping.judging import evidence_sheets
from tocsin.keeping.portions import gathered
from tocsin.modelling.place import ModelError
from tocsin.reaching.catalogue import accessed
from tocsin.reaching.export import EVER_NS, moment_ns
from wire.config import Config, ModelRule
from wire.settings import Loaded


def recorded(loaded: Loaded, name: str, recipe: Recipe, *, start: str, end: str) -> list[Sheet]:
    """Rows of the devices and runs of the procedures whose rule names the model, with what people said of them.

    Raises WrongWordsError, ReachError, ModelError.
    """
    start_ns = moment_ns(start, "--from") if start else 0
    job = Job(
        kind="judge",
        name=name,
        recipe="",
        called="",
        registry="",
        memory=_memory(loaded.config, name),
        why="",
        at_ns=moment_ns(end, "--to") if end else EVER_NS,
        since_ns=start_ns,
    )
    with TemporaryDirectory(prefix="tocsin-gate-") as folder, accessed(loaded) as access:
        job = gathered(loaded.config, job, access, Path(folder), start_ns=start_ns)
        found = evidence_sheets(job, recipe, Path(folder))
    if not found:
        msg = f"the store has nothing between these times that {name} could be judged on: name rows with --data"
        raise ModelError(msg)
    return found


def _memory(config: Config, name: str) -> int:
    """That of the model's rule, which bounds how many rows are taken."""
    return next((rule for rule in config.models if rule.name == name), ModelRule(name=name, recipe="")).memory
