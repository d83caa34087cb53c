"""What the benches of the demo are judged by: a model trained on simulated runs of the past, in a process of its own.

`python -m tocsin.playing.demo_lesson CONFIG SEED RUNS` does what `tocsin data export --runs` and `tocsin train bench`
do, on runs that nobody had to wait for.
"""

import csv
import os
import sys
import warnings
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path

from models.runs.row import KEYS, layout, row_of, values
from simulators.bench import runs
from simulators.trial import Trial
from wire.messages import Measured, StepEnded

LEARNT = 800  # runs, of which about 100 failed: enough to promise 2 % false stops, and trained within seconds
MODEL = "servo"
NICE = 10  # sensors and the page go first


def write(path: Path, trials: Iterable[Trial]) -> None:
    """Write runs that ended as `tocsin data export --runs` writes them."""
    known = [trial for trial in trials if trial.outcome in {"pass", "fail"}]
    rows = [values(event for event in trial.events if isinstance(event, Measured | StepEnded)) for trial in known]
    columns = layout(rows)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*KEYS, *columns])
        for trial, row in zip(known, rows, strict=True):
            keys = (trial.run, trial.unit, "servo-final", "1", trial.station, trial.start_ns, trial.outcome, "", "", 1)
            writer.writerow([*keys, *row_of(row, columns)])


def main(config: Path, seed: int, count: int) -> None:
    """Train, and store the model where the box of this config looks for it."""
    import tocsin  # noqa: PLC0415 -- loads what trains
    from models.fitting.tracking import SWITCH  # noqa: PLC0415
    from tocsin.places import models_url  # noqa: PLC0415
    from wire.settings import load  # noqa: PLC0415

    os.environ[SWITCH] = "off"  # it is no experiment that somebody follows, where MLflow is installed
    loaded = load(config)
    history = loaded.path("history.csv")
    write(history, islice(runs(seed), count))
    warnings.simplefilter("ignore", tocsin.TocsinWarning)
    tocsin.train("bench", history, name=MODEL, owner="demo", where=models_url(loaded))


def command(config: Path, seed: int, count: int = LEARNT) -> Sequence[str]:
    """How to have it done."""
    return [sys.executable, "-m", "tocsin.playing.demo_lesson", str(config), str(seed), str(count)]


if __name__ == "__main__":
    os.nice(NICE)
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
