"""`python -m benchmarks.detection.skab`: the self-learning detector on the SKAB runs, unlabelled, as shipped.

Rows 0 to 399 of each run only warm it up; rows from 400 on are scored, the predictions of all runs pooled.
"""

import csv
import lzma
import os
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from benchmarks.report import Figure, figure, table
from models.contract import F64, I64, Bools, Job
from models.decide import DEFAULT, Deciding, decide
from models.selflearning.online import Online

WARM_UP = 400
WINDOW_S = 60.0
HIT, FALSE, MISSED = 1.0, -0.11, -1.0  # NAB-CP, standard profile
Run = tuple[I64, F64, Bools, Bools]  # times, values, anomaly, changepoint


def folder() -> Path:
    """Where the data lies: under TOCSIN_DATA, or beside the checkout."""
    return Path(os.environ.get("TOCSIN_DATA", "../shared/data")) / "skab" / "valve1"


def runs() -> list[Run]:
    """The runs in the order of their numbers; none where the data is absent."""
    return [_run(path) for path in sorted(folder().glob("*.csv.xz"), key=lambda p: int(p.name.split(".")[0]))]


def measure() -> list[Figure]:
    """F1, FAR, MAR and the changepoint score of what rings, beside the detector that always does."""
    data = runs()
    if not data:
        print(f"no SKAB runs in {folder()}: set TOCSIN_DATA")
        return []
    detector = Online()
    jobs = [Job(state=detector.cold(8), t_ns=t, rows=v, running=np.ones(len(t), dtype=np.bool_)) for t, v, _, _ in data]
    rings = [decide(Deciding(), s.score, DEFAULT).active[WARM_UP:] for s in detector.advance(jobs)]
    truth = np.concatenate([run[2][WARM_UP:] for run in data])
    f1, far, mar = quality(np.concatenate(rings), truth)
    always = quality(np.ones(len(truth), dtype=np.bool_), truth)
    changes = changepoints(data, rings)
    return [
        figure("skab.online.f1", f1, "all ones is the reference", always[0]),
        figure("skab.online.far", 100 * far, "% of normal rows", 100 * always[1]),
        figure("skab.online.mar", 100 * mar, "% of anomalous rows"),
        figure("skab.online.nab_cp", changes, "NAB-CP; -1.4 is all ones"),
    ]


def quality(rings: Bools, truth: Bools) -> tuple[float, float, float]:
    """F1, false-alarm rate and missed-alarm rate over single rows."""
    tp, fp = int((rings & truth).sum()), int((rings & ~truth).sum())
    fn, tn = int((~rings & truth).sum()), int((~rings & ~truth).sum())
    return 2 * tp / max(2 * tp + fp + fn, 1), fp / max(fp + tn, 1), fn / max(fn + tp, 1)


def changepoints(data: list[Run], rings: list[Bools]) -> float:
    """NAB's score with a window of 60 s after each true changepoint; any change of the output is a detection."""
    total, n = 0.0, 0
    for (t_ns, _, _, marks), active in zip(data, rings, strict=True):
        t = (t_ns[WARM_UP:] - t_ns[WARM_UP]) / 1e9
        starts = t[marks[WARM_UP:]]
        ends = np.minimum(starts + WINDOW_S, np.append(starts[1:], np.inf))
        found = t[np.flatnonzero(np.diff(active.astype(np.int8), prepend=np.int8(0)))]
        n += len(starts)
        for begin, end in zip(starts, ends, strict=True):
            inside = found[(found >= begin) & (found <= end)]
            total += _worth((inside[0] - begin) / max(end - begin, 1.0)) if inside.size else MISSED
        outside = sum(not ((starts <= x) & (x <= ends)).any() for x in found)
        total += FALSE * outside
    return 100 * (total - MISSED * n) / ((HIT - MISSED) * n)


def _worth(place: float) -> float:
    return (HIT - FALSE) / 2 * (1 - float(np.tanh(np.pi * (place - 0.5)) / np.tanh(np.pi / 2))) + FALSE


def _run(path: Path) -> Run:
    with lzma.open(path, "rt", newline="") as file:
        rows = list(csv.reader(file, delimiter=";"))[1:]
    times = [int(datetime.fromisoformat(row[0]).replace(tzinfo=UTC).timestamp()) * 1_000_000_000 for row in rows]
    numbers = np.array([[float(x) for x in row[1:]] for row in rows])
    return np.array(times, dtype=np.int64), numbers[:, :8], numbers[:, 8] > 0, numbers[:, 9] > 0


if __name__ == "__main__":
    print(table(measure()))
