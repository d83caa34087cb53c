"""Recorded machines as a data scientist has them: frames and files, made by the simulators."""

from pathlib import Path

import numpy as np
import pandas as pd

from simulators.course import Course
from simulators.pump import Pump
from simulators.rows import Machine
from simulators.surroundings import Schedule
from simulators.wear import BearingWear

BEGUN_NS = 1_777_615_200_000_000_000  # 2026-05-01T06:00:00Z
EVERY_NS = 1_000_000_000
ANOMALY = """\
task = "anomaly"
[columns]
labels = ["fault"]
[estimator]
kind = "mahalanobis"
[[features]]
kind = "mean"
rows = 10
[decision]
k = 3
n = 5
quiet = 5
[search]
"features.0.rows" = [2, 40]
"calibration.multiple" = [0.5, 4.0]
"""
LIFE = """\
task = "life"
cap = 60.0
horizon = 15.0
[columns]
index = ["cycle"]
[estimator]
kind = "imported"
path = "sklearn.linear_model.Ridge"
"""
OUTCOME = """\
task = "outcome"
[columns]
index = ["second"]
labels = ["result", "grade"]
[estimator]
kind = "imported"
path = "sklearn.linear_model.LogisticRegression"
"""
ONLINE = 'task = "online"\n'


def pump(*, seed: int = 1, rows: int = 600, worn_from: int | None = None, device: str = "") -> pd.DataFrame:
    """What a pump says once a second; from a row on its bearing wears, and `fault` says so."""
    machine: Machine = Pump(seed=seed, schedule=Schedule.ALWAYS)
    if worn_from is not None:
        worn_ns = BEGUN_NS + worn_from * EVERY_NS
        machine = BearingWear(machine, Course(onset_ns=worn_ns, ramp_ns=20 * EVERY_NS), seed=seed)
    blocks = machine.blocks(start_ns=BEGUN_NS, every_ns=EVERY_NS, end_ns=BEGUN_NS + rows * EVERY_NS)
    parts = [pd.DataFrame(each.values, index=each.t_ns, columns=list(machine.names)) for each in blocks]
    frame = pd.concat(parts)
    frame.insert(0, "time", pd.to_datetime(frame.index, utc=True))
    frame = frame.reset_index(drop=True)
    if device:
        frame.insert(0, "device", device)
    fault = np.arange(len(frame)) >= (len(frame) if worn_from is None else worn_from)
    return frame.assign(fault=fault.astype(int))


def engines(count: int, *, seed: int = 0) -> pd.DataFrame:
    """Engines that run until they fail; two channels tell of it."""
    rng = np.random.default_rng(seed)
    parts = []
    for unit in range(1, count + 1):
        cycle = np.arange(1, int(rng.integers(60, 120)))
        left = cycle[-1] - cycle
        wear = np.maximum(0.0, 60.0 - left) + rng.normal(size=len(cycle))
        noise = rng.normal(size=(2, len(cycle)))
        parts.append(pd.DataFrame({"unit": unit, "cycle": cycle, "heat": wear + noise[0], "flow": noise[1] - wear}))
    return pd.concat(parts, ignore_index=True)


def units(count: int, *, seed: int = 0) -> pd.DataFrame:
    """Units under test for three seconds each; `result` and `grade` follow from what is measured."""
    rng = np.random.default_rng(seed)
    quality = rng.normal(size=count)
    level = np.repeat(quality, 3)
    return pd.DataFrame(
        {
            "unit": np.repeat(np.arange(1000, 1000 + count), 3),
            "second": np.tile(np.arange(3), count),
            "pressure": level + 0.2 * rng.normal(size=3 * count),
            "kind": np.where(np.repeat(np.arange(count), 3) % 2, "long", "short"),
            "result": np.where(level < -1.0, "fail", "pass"),
            "grade": np.digitize(level, [-0.5, 0.5]) * 10,
        }
    )


def put(path: Path, frame: pd.DataFrame) -> Path:
    """Write a frame as CSV."""
    frame.to_csv(path, index=False)
    return path
