"""`python -m benchmarks speed`: rows a second through every kind of model on one core, and what a training takes."""

import time
from collections.abc import Mapping

import numpy as np

from benchmarks.report import Figure, figure, table
from models.contract import F64, Detector, Job
from models.fitting.training import train
from models.online import detector
from models.recipe import Recipe, load, parse
from models.scoring import score
from models.selflearning.online import Online
from models.table import Stretch, Table

CHANNELS = 8
SHAPES = ((64, 100, 20), (64, 20, 60), (64, 1, 100), (1, 1000, 10))  # devices, rows a job, calls
GOAL = 2_000_000.0
ROWS, FITTED, ENGINES = 100_000, 9_000, 40
SECOND_NS = 1_000_000_000
TREES = 'task = "outcome"\nestimator = { kind = "imported", path = "lightgbm.LGBMClassifier" }'
WANTED: Mapping[str, tuple[float | None, float | None]] = {  # rows/s of one device, of 64
    "skab": (300_000.0, None),
    "tep": (300_000.0, None),
    "asd": (300_000.0, None),
    "smd": (300_000.0, None),
    "cmapss": (None, None),
    "lightgbm": (50_000.0, None),
    "online": (10_000.0, 300_000.0),
    "nab": (10_000.0, None),
}


def measure() -> list[Figure]:
    """The self-learning detector in several shapes, then 100,000 rows of each kind at once: one device, and 64."""
    figures = []
    for devices, rows, calls in SHAPES:
        rate = _rate(devices, rows, calls)
        name = f"detection.speed.{devices}x{CHANNELS}.rows{rows}"
        figures.append(figure(name, rate, "values/s", GOAL if devices > 1 and rows > 1 else None))
    size = Online().cold(CHANNELS).nbytes
    figures.append(figure("detection.state_bytes", size, f"B for {CHANNELS} channels", 10_000.0))
    for name, wanted in WANTED.items():
        begun = time.process_time()
        model = _model(name)
        if name not in {"online", "nab"}:
            seconds = time.process_time() - begun
            figures.append(figure(f"speed.{name}.training", seconds, "s of a core", 5.0 if name != "cmapss" else None))
        for devices, goal in zip((1, 64), wanted, strict=True):
            figures.append(figure(f"speed.{name}.devices{devices}", _at_once(model, devices), "rows/s", goal))
    return figures


def _model(name: str) -> Detector:
    if name in {"online", "nab"}:
        return Online() if name == "online" else detector(load(name))
    recipe = parse(TREES) if name == "lightgbm" else load(name)
    return train(recipe, _fitted(recipe)).model


def _fitted(recipe: Recipe) -> Table:
    """Noise with a common cause: rows of one machine, or lives that end."""
    rng, names = np.random.default_rng(0), tuple(f"c{at}" for at in range(CHANNELS))
    values = rng.normal(size=(FITTED, CHANNELS))
    rows = values @ _mixed()
    length = FITTED // ENGINES if recipe.task == "life" else FITTED
    stretches = []
    for at in range(0, FITTED, length):
        left = np.arange(length, 0, -1.0) - 1.0
        life = recipe.task == "life"
        worn = rows[at : at + length] + (np.maximum(100.0 - left, 0.0)[:, None] * 0.05 if life else 0.0)
        label = left if life else (values[at : at + length, 0] > 1.0).astype(np.float64)
        t_ns = np.arange(length, dtype=np.int64) * SECOND_NS
        known = label if recipe.task != "anomaly" else None
        stretches.append(Stretch(name=str(at), t_ns=t_ns, rows=worn, label=known))
    return Table(names, tuple(stretches), ("0", "1") if recipe.task == "outcome" else ())


def _mixed() -> F64:
    return np.random.default_rng(7).normal(size=(CHANNELS, CHANNELS))


def _at_once(model: Detector, devices: int) -> float:
    rng, length = np.random.default_rng(1), ROWS // devices
    t_ns = np.arange(length, dtype=np.int64) * SECOND_NS
    stretches = [
        Stretch(name=str(at), t_ns=t_ns, rows=rng.normal(size=(length, CHANNELS)) @ _mixed()) for at in range(devices)
    ]
    rows = Table(tuple(f"c{at}" for at in range(CHANNELS)), tuple(stretches))
    begun = time.process_time()
    score(model, rows)
    return devices * length / (time.process_time() - begun)


def _rate(devices: int, rows: int, calls: int) -> float:
    watcher, rng = Online(), np.random.default_rng(0)
    mix = rng.normal(size=(CHANNELS, CHANNELS))
    states: list[F64] = [watcher.cold(CHANNELS) for _ in range(devices)]
    values = [rng.normal(size=(rows, CHANNELS)) @ mix for _ in range(devices)]
    spent, at = 0.0, 0
    for call in range(calls + 3):
        t_ns = (np.arange(at, at + rows, dtype=np.int64) + 1) * SECOND_NS
        on = np.ones(rows, dtype=np.bool_)
        jobs = [Job(state=s, t_ns=t_ns, rows=v, running=on) for s, v in zip(states, values, strict=True)]
        begun = time.process_time()
        states = [scored.state for scored in watcher.advance(jobs)]
        spent += (time.process_time() - begun) * (call >= 3)  # the first calls fill caches
        at += rows
    return devices * rows * CHANNELS * calls / spent


if __name__ == "__main__":
    print(table(measure()))
