"""From the outbox to the stored score on one core: 64 devices of 8 channels through log, core, detector and DuckDB."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks.report import Figure, figure
from edge.lane import Draft, Group
from edge.log import LocalLog
from models.selflearning.online import Online
from store.box.box import DuckStore
from stream.box.runner import BoxRunner, Pauses
from stream.core import Core
from stream.models.detectors import Shelf
from wire.config import Config, DeviceRule
from wire.messages import Frame

DEVICES, CHANNELS = 64, 8
ROWS = 50  # of a device in one batch: what 1,000 rows/s make in the 50 ms of a group commit
BATCHES = 160
EVERY_NS = 1_000_000
START_NS = 1_780_000_000_000_000_000


def values_per_s() -> float:
    """Values a second, from the first batch read to the last one stored, in a process pinned to one core."""
    command = [sys.executable, "-m", "benchmarks.throughput"]
    told = subprocess.run(command, check=True, capture_output=True, timeout=600)
    return float(json.loads(told.stdout)["values_per_s"])


def measure() -> list[Figure]:
    """The box's throughput, median of three processes."""
    found = sorted(values_per_s() for _ in range(3))
    return [figure("box.values_per_s", found[1], "values/s", 500_000)]


def _batches() -> Iterator[Group]:
    chance = np.random.default_rng(5)
    names = tuple(f"c{i}" for i in range(CHANNELS))
    mix = chance.normal(size=(CHANNELS, CHANNELS)) / 4 + np.eye(CHANNELS)
    for number in range(BATCHES):
        t_ns = START_NS + EVERY_NS * np.arange(number * ROWS, (number + 1) * ROWS, dtype=np.int64)
        frames = []
        for device in range(DEVICES):
            values = 50 + chance.normal(size=(ROWS, CHANNELS)) @ mix
            frames.append(Frame(f"machine-{device}", names, t_ns.tobytes(), values.tobytes()))
        yield Group(clock_ns=int(t_ns[-1]) + EVERY_NS, drafts=(Draft(frames=tuple(frames)),))


def _run(folder: Path) -> float:
    config = Config(devices=(DeviceRule(match="*", every_ns=EVERY_NS),))
    log = LocalLog(folder / "log.sqlite", edge="bench", bytes_bound=4_000_000_000)
    with log, DuckStore(path=folder / "store.duckdb") as store:
        for group in _batches():
            log.commit(group)
        core = Core(config, Shelf([Online()]))
        last = log.status().last_pos
        pauses = Pauses(group_s=0.0, longest_s=0.0)
        runner = BoxRunner(log, inbox=log, store=store, core=core, clock_ns=time.time_ns, pauses=pauses)
        stop = threading.Event()
        thread = threading.Thread(target=runner.run, args=(stop,))
        begun = time.perf_counter()
        thread.start()
        while runner.health.pos < last and thread.is_alive():
            time.sleep(0.005)
        took = time.perf_counter() - begun
        stop.set()
        thread.join()
        account = store.accounts()[0]
        rows = BATCHES * ROWS * DEVICES
        assert account.stored == rows, f"{account.stored} of {rows} rows stored"
        assert account.scored > 0.9 * rows, f"{account.scored} of {rows} rows scored"
        return rows * CHANNELS / took


if __name__ == "__main__":
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    with TemporaryDirectory(prefix="tocsin-throughput-") as name:
        print(json.dumps({"values_per_s": _run(Path(name))}))
