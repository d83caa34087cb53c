"""`python -m benchmarks.detection.speed`: values a second through the self-learning detector on one core."""

import time

import numpy as np

from benchmarks.report import Figure, figure, table
from models.contract import F64, Job
from models.selflearning.online import Online

CHANNELS = 8
SHAPES = ((64, 100, 20), (64, 20, 60), (64, 1, 100), (1, 1000, 10))  # devices, rows a job, calls
GOAL = 2_000_000.0


def measure() -> list[Figure]:
    """Devices side by side, from long jobs to single rows, and one device alone."""
    figures = []
    for devices, rows, calls in SHAPES:
        rate = _rate(devices, rows, calls)
        name = f"detection.speed.{devices}x{CHANNELS}.rows{rows}"
        figures.append(figure(name, rate, "values/s", GOAL if devices > 1 and rows > 1 else None))
    size = Online().cold(CHANNELS).nbytes
    return [*figures, figure("detection.state_bytes", size, f"B for {CHANNELS} channels", 10_000.0)]


def _rate(devices: int, rows: int, calls: int) -> float:
    detector, rng = Online(), np.random.default_rng(0)
    mix = rng.normal(size=(CHANNELS, CHANNELS))
    states: list[F64] = [detector.cold(CHANNELS) for _ in range(devices)]
    values = [rng.normal(size=(rows, CHANNELS)) @ mix for _ in range(devices)]
    spent, at = 0.0, 0
    for call in range(calls + 3):
        t_ns = (np.arange(at, at + rows, dtype=np.int64) + 1) * 1_000_000_000
        on = np.ones(rows, dtype=np.bool_)
        jobs = [Job(state=s, t_ns=t_ns, rows=v, running=on) for s, v in zip(states, values, strict=True)]
        begun = time.process_time()
        states = [scored.state for scored in detector.advance(jobs)]
        spent += (time.process_time() - begun) * (call >= 3)  # the first calls fill caches
        at += rows
    return devices * rows * CHANNELS * calls / spent


if __name__ == "__main__":
    print(table(measure()))
