"""A box that ends itself between two steps that belong together, before a sender that repeats what is not answered."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from store.accounts import problems
from store.box.box import DuckStore
from wire.messages import AlarmState

FEED = 150  # rows put before the box is given time to end itself
STEPS = {
    "after the log's commit, before the sender is answered": "commit",
    "with half of the senders of a group answered": "answer",
    "after the store's commit, before the log lets go": "write",
    "after the log let go": "confirm",
}
BOX = """
import json, os, sys, threading, time
from functools import partial
from pathlib import Path
from edge import outbox as outbox_module
from edge.log import LocalLog
from edge.outbox import Outbox
from models.selflearning.online import Online
from store.box.box import DuckStore
from stream.core import Core
from stream.models.detectors import Shelf
from stream.box.runner import BoxRunner
from wire.config import Config, DeviceRule
from wire.ports import Arrival, Receipt, Row

folder, step, left, numbers = Path(sys.argv[1]), sys.argv[2], [int(sys.argv[3])], json.loads(sys.argv[4])

def end(here):
    if step == here:
        left[0] -= 1
        if left[0] < 0:
            os._exit(9)

class Log(LocalLog):
    def commit(self, group):
        positions = super().commit(group)
        if group.drafts[0].frames:
            end("commit")
        return positions
    def confirm(self, pos):
        super().confirm(pos)
        end("confirm")

class Store(DuckStore):
    def write(self, commit):
        super().write(commit)
        if commit.batches:
            end("write")

def answered(number):
    os.write(1, b"%d\\n" % number)
    if number % 7 == 0:
        end("answer")

config = Config(devices=(DeviceRule(match="*", silent_after_ns=3600 * 10**9),))
stop = threading.Event()
with Log(folder / "log.sqlite", edge="e") as log, Store(path=folder / "store.duckdb") as store:
    runner = BoxRunner(log, inbox=log, store=store, core=Core(config, Shelf([Online()])), clock_ns=time.time_ns)
    thread = threading.Thread(target=runner.run, args=(stop,))
    thread.start()
    with Outbox(log, config) as outbox:
        for number, again in numbers:
            receipt = Receipt(str(number).encode(), partial(answered, number), again)
            outbox.put(Arrival("mqtt-1", [Row("mill", ("n",), (float(number),), time.time_ns())], receipt=receipt))
            time.sleep(0.001)
        deadline = time.monotonic() + 20
        while (step != "none" or log.status().backlog) and time.monotonic() < deadline:
            time.sleep(0.01)
    stop.set()
    thread.join()
"""


def _run(folder: Path, step: str, after: int, numbers: Sequence[tuple[int, bool]]) -> tuple[int, set[int]]:
    args = [sys.executable, "-c", BOX, str(folder), step, str(after), json.dumps(numbers)]
    done = subprocess.run(args, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2], timeout=60, check=False)
    return done.returncode, {int(line) for line in done.stdout.split()}


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS.keys())
def test_a_box_that_dies_keeps_every_row_once(tmp_path: Path, step: str) -> None:
    waiting: dict[int, bool] = {}  # number -> whether it was sent before
    sent = answers = 0
    for after in (0, 1, 2):
        waiting |= dict.fromkeys(range(sent + 1, sent + FEED + 1), False)
        sent += FEED
        code, answered = _run(tmp_path, step, after, sorted(waiting.items()))
        assert code == 9
        answers += len(answered)
        waiting = {number: True for number in waiting if number not in answered}
    code, answered = _run(tmp_path, "none", 0, sorted(waiting.items()))
    assert code == 0
    assert answered == set(waiting)
    with DuckStore(path=tmp_path / "store.duckdb") as store:
        kept = store.readings("mill", start_ns=0, end_ns=2**62).columns["n"]
        assert sorted(number for number in kept if number is not None) == list(range(1, sent + 1))
        assert problems(store.accounts(), store.counted()) == []
        assert not [alarm for alarm in store.alarms() if alarm.state is AlarmState.UNACKNOWLEDGED]
