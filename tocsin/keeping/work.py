"""A training in a process of its own: low in priority, bounded in memory, and harmless to kill wherever it is.

A version is in the registry once its manifest is, which is written last. What a killed training leaves is a folder
with a number and no manifest, and the folder of its job; nobody takes either for more than that.
"""

import fcntl
import logging
import os
import resource
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from models.contract import Task
from models.head import TrainingError
from models.judging.evaluation import EvaluationError
from models.reading.errors import ReadingError
from models.recipe import RecipeError
from models.registry.errors import ModelDamagedError, ModelRefusedError, RegistryError
from models.registry.folder import Registry
from tocsin.keeping.job import Job, Kind, Result, conclude, read
from tocsin.keeping.judging import evidence_sheets
from tocsin.keeping.sheets import recipe_for, sheets, sourced
from tocsin.modelling.gating import ruled
from tocsin.modelling.place import ModelError, registry, stored
from tocsin.modelling.training import Wish, make
from wire.units import size_text

LOCK = ".lock"
LOWEST = 19
FEWEST_RUNS = 30
NO_LIVES = (
    "a store does not tell which maintenance ended a life and which came before one was over, nor where the count of a "
    "unit begins anew: export the rows of units that ran until they failed, and train by hand"
)
FORESEEN = (TrainingError, ReadingError, RecipeError, RegistryError, EvaluationError, ModelError, OSError)

log = logging.getLogger(__name__)


def work(folder: Path) -> Result:
    """Do the job of a folder and write down what came of it."""
    job = read(folder)
    _humble(job.memory)
    with _alone(folder.parent) as alone:
        result = _done(job, folder) if alone else Result(ok=False, says="another training is under way")
    conclude(folder, result)
    return result


def _done(job: Job, folder: Path) -> Result:
    try:
        return KINDS[job.kind](job, folder)
    except FORESEEN as error:
        return Result(ok=False, says=str(error))
    except MemoryError:
        return Result(ok=False, says=f"it needs more than memory = {size_text(job.memory)!r} of its [[models]] allows")
    except (
        Exception
    ) as error:  # libraries fail in ways that are not foreseen; the process ends with a reason all the same
        log.exception("the %s of %s failed", job.kind, job.name)
        return Result(ok=False, says=f"{type(error).__name__}: {error}")


def _train(job: Job, folder: Path) -> Result:
    recipe = recipe_for(job)
    if recipe.task is Task.LIFE:
        return Result(ok=False, says=NO_LIVES)
    known = sheets(job, recipe, folder)
    wish = Wish(
        recipe=recipe,
        name=job.name,
        called=job.called,
        owner=job.owner,
        at_ns=job.at_ns,
        sourced=sourced(known),
    )
    made = make(wish, [each.sheet for each in known], _registry(job))
    assert made.model.entry is not None
    data = made.model.entry.manifest.facts.data
    says = f"trained on {data.rows} rows of {len(data.sources)} devices or procedures, {len(data.labels)} labels"
    return Result(ok=True, says=says, version=made.model.entry.version)


def _judge(job: Job, folder: Path) -> Result:
    """On rows that neither saw in training, and on those that people labelled."""
    where = _registry(job)
    try:
        new = stored(f"{job.name}@{job.candidate}", where)
    except (ModelDamagedError, ModelRefusedError) as error:
        return Result(ok=False, says=str(error), version=job.candidate)
    rows = evidence_sheets(job, new.recipe, folder)
    if new.recipe.task is Task.OUTCOME and sum(len(each.frame) for each in rows) < FEWEST_RUNS:
        says = f"version {job.candidate} is judged once {FEWEST_RUNS} runs were tested to the end beside it"
        return Result(ok=False, says=says, waits=True)
    ruling = ruled(new, stored(f"{job.name}@{job.champion}", where), rows)
    for check in ruling.checks:
        log.info("%s: %s", check.what, check.sentence)
    says = "; ".join(check.sentence for check in ruling.checks if check.passed) if ruling.passed else ruling.why
    return Result(ok=ruling.passed, says=says or "nothing could be told", version=job.candidate)


def _registry(job: Job) -> Registry:
    return registry(job.registry)


KINDS: Mapping[Kind, Callable[[Job, Path], Result]] = {"train": _train, "judge": _judge}


def _humble(memory: int) -> None:
    """Whatever else this machine does goes first."""
    os.nice(LOWEST)
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    most = memory if hard == resource.RLIM_INFINITY else min(memory, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (most, hard))


@contextmanager
def _alone(folder: Path) -> Iterator[bool]:
    """Whether no other training is at work for this box; the lock ends with its process."""
    with (folder / LOCK).open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


def _with_its_box() -> None:
    """End when the box or the keeper does that holds the other end of the input, also one that was killed."""

    def wait() -> None:
        os.read(sys.stdin.fileno(), 1)
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=wait, name="with-its-box", daemon=True).start()


if __name__ == "__main__":
    _with_its_box()
    logging.basicConfig(level=logging.INFO)
    sys.exit(0 if work(Path(sys.argv[1])).ok else 1)
