"""A box ends itself right after a swap, while the registry moves on: no row is scored twice, or by two versions."""

import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

STEPS = {
    "after the change lies in the log, before anything came of it": "append",
    "after the commit that holds the change": "write",
    "after the log let go of the change": "confirm",
}
LIVES, CHANNEL = 4, "n"
BOX = """
import os, sys, threading, time
from pathlib import Path
from edge.log import LocalLog
from edge.outbox import Outbox
from store.box.box import DuckStore
from stream.core import Core
from stream.models.herald import Wanted
from stream.box.runner import BoxRunner, Pauses
from tests.stream.plant import Distance
from wire.config import Config, DeviceRule
from wire.messages import ModelChange
from wire.ports import Arrival, Row

folder, step, version = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
wanted, ending = [], threading.Event()

def end(here):
    if step == here and ending.is_set():
        os._exit(9)

class Shelf:
    def find(self, name, number):
        return Distance(name, number or version) if name == "pump" else Distance()
    def why(self, name, number=0):
        return "none"

class Log(LocalLog):
    def append(self, message):
        pos = super().append(message)
        if isinstance(message, ModelChange) and message.version == version:
            ending.set()
            end("append")
        return pos
    def confirm(self, pos):
        super().confirm(pos)
        end("confirm")

class Store(DuckStore):
    def write(self, commit):
        super().write(commit)
        end("write")

config = Config(devices=(DeviceRule(match="*", model="pump", every_ns=10**6, silent_after_ns=3600 * 10**9),))
stop = threading.Event()
pauses = Pauses(group_s=0.005, longest_s=0.005)
with Log(folder / "log.sqlite", edge="e") as log, Store(path=folder / "store.duckdb") as store:
    runner = BoxRunner(log, inbox=log, store=store, core=Core(config, Shelf()), clock_ns=time.time_ns, pauses=pauses,
                       wanted=lambda: tuple(wanted))
    thread = threading.Thread(target=runner.run, args=(stop,))
    thread.start()
    with Outbox(log, config) as outbox:
        begun = time.monotonic()
        number = 0
        while time.monotonic() - begun < 20 and not (step == "none" and number > 200):
            outbox.put(Arrival("mqtt-1", [Row("mill", ("n",), (float(number),), time.time_ns())]))
            number += 1
            if number == 40:
                wanted.append(Wanted("pump", "champion", version))
            time.sleep(0.002)
    while log.status().backlog and time.monotonic() - begun < 30:
        time.sleep(0.01)
    stop.set()
    thread.join()
"""


def _run(folder: Path, step: str, version: int) -> int:
    args = [sys.executable, "-c", BOX, str(folder), step, str(version)]
    return subprocess.run(args, cwd=Path(__file__).parents[2], timeout=60, check=False).returncode


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS.keys())
def test_a_box_that_dies_right_after_a_swap_scores_every_row_once_and_goes_on_in_order(
    tmp_path: Path, step: str
) -> None:
    for version in range(1, LIVES):
        assert _run(tmp_path, step, version) == 9
    assert _run(tmp_path, "none", LIVES) == 0
    with duckdb.connect(str(tmp_path / "store.duckdb"), read_only=True) as con:
        told = con.execute(
            "SELECT t_ns, version FROM scores JOIN scorers ON scorer = id WHERE model = 'pump' ORDER BY t_ns"
        ).fetchall()
    times, versions = [at for at, _ in told], [version for _, version in told]
    assert len(set(times)) == len(times), "a row was scored twice"
    assert versions == sorted(versions)
    assert set(versions) == set(range(1, LIVES + 1))
