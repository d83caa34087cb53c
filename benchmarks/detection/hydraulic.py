"""Hydraulic rig: which grade has each component, after so many seconds of a cycle? Shuffled, and in blocks of time."""

import resource
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
import numpy as np
import pandas as pd
from sklearn.model_selection import StratifiedKFold

from benchmarks.detection.disguise import Disguise
from benchmarks.detection.hydraulic_early import early_lines
from benchmarks.detection.result import Result, folder
from models.arrays import F64, I64
from models.fitting.training import train
from models.recipe import Recipe, changed, load
from models.scoring import score
from models.table import Stretch, Table

SENSORS = (
    "PS1",
    "PS2",
    "PS3",
    "PS4",
    "PS5",
    "PS6",
    "EPS1",
    "FS1",
    "FS2",
    "TS1",
    "TS2",
    "TS3",
    "TS4",
    "VS1",
    "CE",
    "CP",
    "SE",
)
GRADES = ("cooler", "valve", "pump", "accumulator")
SECONDS = (5, 10, 20, 60)
FOLDS = 10
SECOND_NS = 1_000_000_000
REFERENCE: Mapping[tuple[str, int], tuple[float, ...]] = {
    ("shuffled", 5): (0.998, 0.797, 0.984, 0.991),
    ("shuffled", 10): (0.998, 0.999, 0.993, 0.994),
    ("shuffled", 20): (0.998, 0.998, 0.999, 0.997),
    ("shuffled", 60): (0.998, 0.975, 0.998, 0.993),
    ("blocked", 10): (0.953, 1.000, 0.822, 0.449),
    ("blocked", 60): (0.952, 0.763, 0.950, 0.414),
}
PUBLISHED: Mapping[str, str] = {
    "cooler": "1 (whole cycle)",
    "valve": "1 (whole cycle)",
    "accumulator": "0.9965 (whole cycle)",
}


def results() -> list[Result]:
    """Each component, both splits, after 5, 10, 20 and 60 s; the accumulator also by other seeds and in disguise."""
    path = folder("hydraulic")
    cycles, grades = _cycles(path), np.loadtxt(path / "profile.txt", dtype=np.int64)
    recipe, lines = load("hydraulic"), []
    for place, component in enumerate(GRADES):
        for protocol in ("shuffled", "blocked"):
            begun = time.perf_counter()
            right = accuracy(recipe, cycles, grades[:, place], protocol)
            mine = _lines(component, protocol, right, grades[:, place])
            lines.append(msgspec.structs.replace(mine[0], seconds=time.perf_counter() - begun))
            lines += mine[1:]
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    lines[0] = msgspec.structs.replace(lines[0], peak_mb=peak_mb)
    lines += _steadiness(recipe, cycles, grades[:, GRADES.index("accumulator")])
    return lines + early_lines(cycles, {name: grades[:, at] for at, name in enumerate(GRADES)})


def accuracy(recipe: Recipe, cycles: Table, grade: I64, protocol: str) -> dict[int, float]:
    """Share of cycles with the right grade, out of fold, by the second of the call."""
    classes = np.unique(grade)
    label = np.searchsorted(classes, grade).astype(np.float64)
    stretches = [
        msgspec.structs.replace(cycle, label=np.full(len(cycle.t_ns), label[at]))
        for at, cycle in enumerate(cycles.stretches)
    ]
    called = np.zeros((len(SECONDS), len(grade)), dtype=np.int64)
    for fitted, judged in _folds(label, protocol):
        part = Table(cycles.channels, tuple(stretches[at] for at in fitted), tuple(map(str, classes)))
        said = score(
            train(recipe, part).model, Table(cycles.channels, tuple(stretches[at] for at in judged), part.classes)
        )
        for at, one in zip(judged, said, strict=True):
            assert one.scored.outlook is not None
            called[:, at] = one.scored.outlook[[seconds - 1 for seconds in SECONDS]].argmax(axis=1)
    return {seconds: float((called[turn] == label).mean()) for turn, seconds in enumerate(SECONDS)}


def _folds(label: F64, protocol: str) -> list[tuple[I64, I64]]:
    if protocol == "shuffled":
        return list(StratifiedKFold(FOLDS, shuffle=True, random_state=0).split(label, label))
    block = np.arange(len(label)) * FOLDS // len(label)
    return [(np.flatnonzero(block != each), np.flatnonzero(block == each)) for each in range(FOLDS)]


def _cycles(path: Path) -> Table:
    columns = []
    for sensor in SENSORS:
        (file,) = [each for each in path.iterdir() if each.name.startswith((f"{sensor}_1hz", f"{sensor}.txt"))]
        columns.append(pd.read_csv(file, sep="\t", header=None).to_numpy(dtype=np.float64))
    values = np.stack(columns, axis=2)
    t_ns = np.arange(values.shape[1], dtype=np.int64) * SECOND_NS
    stretches = tuple(Stretch(name=str(at), t_ns=t_ns, rows=rows) for at, rows in enumerate(values))
    return Table(channels=SENSORS, stretches=stretches)


def _lines(component: str, protocol: str, right: Mapping[int, float], grade: I64) -> list[Result]:
    common = float(np.unique(grade, return_counts=True)[1].max() / len(grade))
    return [
        Result(
            set="hydraulic",
            protocol=protocol,
            metric=f"{component} at {seconds} s",
            value=right[seconds],
            target=_target(component, protocol, seconds),
            trivial=common,
            reference=REFERENCE.get((protocol, seconds), (None,) * len(GRADES))[GRADES.index(component)],
            published=PUBLISHED.get(component, "") if protocol == "shuffled" and seconds == SECONDS[-1] else "",
            recipe="hydraulic",
        )
        for seconds in (10, *(each for each in SECONDS if each != 10))
    ]


def _target(component: str, protocol: str, seconds: int) -> float | None:
    if seconds != 10:
        return None
    if protocol == "shuffled":
        return 0.995
    return 0.60 if component == "accumulator" else None


def _steadiness(recipe: Recipe, cycles: Table, grade: I64) -> list[Result]:
    """The accumulator in blocks, called at 10 s alone: over seeds, and with other names, order, units and clock."""
    alone = changed(recipe, {"estimator.at": [10]})
    found = [accuracy(changed(alone, {"seed": seed}), cycles, grade, "blocked")[10] for seed in (0, 1, 2)]
    other = accuracy(alone, Disguise(len(SENSORS))(cycles), grade, "blocked")[10]
    line: Sequence[tuple[str, float, float | None, int]] = (
        ("blocked, three seeds", float(np.mean(found)), float(np.std(found)), len(found)),
        ("blocked, in disguise", other, None, 1),
    )
    return [
        Result(
            set="hydraulic", protocol=protocol, metric="accumulator at 10 s", value=value, spread=spread, seeds=seeds,
            target=0.60, trivial=0.366, reference=0.449, recipe="hydraulic",
        )
        for protocol, value, spread, seeds in line
    ]  # fmt: skip
