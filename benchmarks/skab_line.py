"""The SKAB runs played through a serial line into `tocsin up`, with their own times: stored once, and what rings."""

import csv
import json
import lzma
import os
import tty
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks.processes import answers, box, free_port, until
from benchmarks.report import Figure, figure
from store.box.box import DuckStore

FIRST_SCORED = 400  # rows before are for learning, as the protocol of the set says
NS = 1_000_000_000
DATA = Path(os.environ.get("TOCSIN_DATA", Path(__file__).parents[2] / "shared" / "data")) / "skab"

SOURCE = """\
[[edge.sources]]
type = "serial"
port = "{port}"
device = "{device}"
times = "own"
time_field = "datetime"
channels = {channels}
[[devices]]
match = "{device}"
every = "1s"
"""


class Run:
    """One recorded run: times, values, labels."""

    def __init__(self, path: Path) -> None:
        with lzma.open(path, "rt", newline="") as file:
            rows = list(csv.reader(file, delimiter=";"))
        self.name = path.name.split(".")[0]
        self.channels = rows[0][1:9]
        self.lines = [",".join(row[:9]) for row in rows[1:]]
        times = [datetime.fromisoformat(row[0]).replace(tzinfo=UTC) for row in rows[1:]]
        self.t_ns = np.array([int(t.timestamp()) * NS for t in times], dtype=np.int64)
        self.truth = np.array([float(row[9]) for row in rows[1:]]) > 0


def runs() -> Iterator[Run]:
    """The sixteen runs."""
    for number in range(16):
        yield Run(DATA / "valve1" / f"{number}.csv.xz")


def measure() -> list[Figure]:
    """All runs, each into a box of its own; pooled figures beside the detector that always rings."""
    if not DATA.is_dir():
        return []
    sent = stored = doubled = 0
    truth, rung = [], []
    with TemporaryDirectory(prefix="tocsin-skab-") as folder:
        for run in runs():
            rows, twice, flags = _played(run, Path(folder) / run.name)
            sent, stored, doubled = sent + len(run.lines), stored + rows, doubled + twice
            truth.append(run.truth[FIRST_SCORED:])
            rung.append(flags[FIRST_SCORED:])
    ours = _figures(np.concatenate(truth), np.concatenate(rung))
    always = _figures(np.concatenate(truth), np.ones(sum(map(len, truth)), dtype=bool))
    return [
        figure("skab.rows_stored", stored, "rows", sent),
        figure("skab.rows_doubled", doubled, "rows"),
        *(figure(f"skab.online_{name}", ours[name], "share", always[name]) for name in ours),
    ]


def _played(run: Run, folder: Path) -> tuple[int, int, "np.typing.NDArray[np.bool_]"]:
    master, slave = os.openpty()
    tty.setraw(slave)
    page = free_port()
    device = f"rig-{run.name}"
    source = SOURCE.format(port=os.ttyname(slave), device=device, channels=json.dumps(run.channels))
    config = f'site = "skab"\n{source}[console]\nlisten = "127.0.0.1:{page}"\n'
    with box(folder, config):
        until(lambda: answers(f"http://127.0.0.1:{page}/readyz"), within_s=60, what="the box to be ready")
        _write(master, run)
        until(lambda: _rows(page, device) >= len(run.lines), within_s=60, what="every row to be stored", every_s=0.2)
    os.close(slave)
    os.close(master)
    with DuckStore(path=folder / "data/tocsin.duckdb", read_only=True) as store:
        times = store.readings(device, start_ns=0, end_ns=2**62).t_ns
        flags = np.zeros(len(run.t_ns), dtype=bool)
        for alarm in store.alarms(device=device):
            if alarm.rule in {"anomaly", "drift"}:
                for begin, end in _spans(store, alarm.id):
                    flags |= (run.t_ns >= begin) & (run.t_ns < end)
    return len(set(times)), len(times) - len(set(times)), flags


def _spans(store: DuckStore, alarm: str) -> Iterator[tuple[int, int]]:
    begun = None
    for state in store.history(alarm):
        if state.active and begun is None:
            begun = state.changed_ns
        elif not state.active and begun is not None:
            yield begun, state.changed_ns
            begun = None
    if begun is not None:
        yield begun, 2**62


def _write(master: int, run: Run) -> None:
    # The first line of an opened port may be torn, so a reader drops it: an empty one loses nothing.
    data = memoryview(("\n" + "\n".join(run.lines) + "\n").encode())
    while data:
        data = data[os.write(master, data[:2048]) :]


def _rows(page: int, device: str) -> int:
    import urllib.request  # noqa: PLC0415

    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{page}/api/v1/devices", timeout=5) as answer:
            return next((int(d["rows"]) for d in json.load(answer) if d["device"] == device), 0)
    except OSError:
        return 0


def _figures(truth: "np.typing.NDArray[np.bool_]", rung: "np.typing.NDArray[np.bool_]") -> dict[str, float]:
    tp, fp = int((truth & rung).sum()), int((~truth & rung).sum())
    fn, tn = int((truth & ~rung).sum()), int((~truth & ~rung).sum())
    return {"f1": 2 * tp / (2 * tp + fp + fn), "far": fp / (fp + tn), "mar": fn / (fn + tp)}
