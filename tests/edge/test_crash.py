import os
import random
import signal
import subprocess
import sys
import threading
import time
from array import array
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from edge.agent import Agent
from edge.linewatch import SLACK_NS
from edge.log import LocalLog
from edge.outbox import Outbox
from edge.source import Source
from wire.config import Config, EdgeSettings, SerialSource
from wire.envelope import unpack_input
from wire.messages import Batch, Gap
from wire.ports import Arrival, Intake, Receipt, Row

CONFIG = Config(edge=EdgeSettings(sources=(SerialSource(port="none", device="d"),)))


class Line:
    """A line that says consecutive numbers about every millisecond and writes each down before it says it."""

    name = "serial-1"
    acknowledged = False

    def __init__(self, first: int, diary: int) -> None:
        self._next = first
        self._diary = diary

    def run(self, intake: Intake, stop: threading.Event, connected: Callable[[str], None]) -> None:
        connected("open")
        while not stop.wait(0.001):
            os.write(self._diary, b"%d %d\n" % (self._next, time.time_ns()))
            intake.put(Arrival(self.name, [Row("d", ("n",), (float(self._next),))]))
            self._next += 1


def run_line(path: Path, first: int, diary: int) -> None:
    source: Source = Line(first, diary)
    with LocalLog(path, edge="e") as log, Agent(CONFIG, log=log, build=lambda *_: source):
        sys.stdin.read()


def note(diary: int, number: int) -> None:
    os.write(diary, b"%d 0\n" % number)


def run_sender(path: Path, first: int, diary: int) -> None:
    """Puts consecutive numbers and writes each down once its receipt was told."""
    with LocalLog(path, edge="e") as log, Outbox(log, Config()) as outbox:
        while True:
            receipt = Receipt(b"%d" % first, partial(note, diary, first))
            outbox.put(Arrival("mqtt-1", [Row("d", ("n",), (float(first),))], receipt=receipt))
            first += 1


def killed(path: Path, *, role: str, first: int, lines: int) -> list[tuple[int, int]]:
    """Run a role in a process, kill it once it wrote `lines` lines: what it wrote down."""
    read_end, write_end = os.pipe()
    code = (
        "import sys; from pathlib import Path; from tests.edge import test_crash as me\n"
        f"me.run_{role}(Path(sys.argv[1]), {first}, {write_end})"
    )
    command = [sys.executable, "-c", code, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, pass_fds=[write_end], cwd=Path(__file__).parents[2]) as child:
        os.close(write_end)
        with os.fdopen(read_end, "rb") as diary:
            found = [diary.readline() for _ in range(lines)]
            child.send_signal(signal.SIGKILL)
            found += diary.readlines()
    pairs = [line.split() for line in found if line.endswith(b"\n")]
    assert len(pairs) >= lines, "the process ended by itself"
    return [(int(n), int(t)) for n, t in pairs]


def batches(log: LocalLog) -> list[Batch]:
    found = []
    after = 0
    while entries := log.read(after, limit=1000, wait_s=0):
        for entry in entries:
            batch = unpack_input(entry.body)
            assert isinstance(batch, Batch)
            found.append(batch)
            after = entry.pos
    return found


def stored(found: list[Batch]) -> Counter[int]:
    return Counter(int(v) for batch in found for f in batch.frames for v in array("d", f.values))


def test_whatever_was_acknowledged_before_a_kill_is_there_exactly_once(tmp_path: Path) -> None:
    chance = random.Random(7)
    told: list[int] = []
    for attempt in range(4):
        diary = killed(
            tmp_path / "log.sqlite", role="sender", first=attempt * 10_000_000, lines=chance.randint(1, 3000)
        )
        told.extend(n for n, _ in diary)
    with LocalLog(tmp_path / "log.sqlite", edge="e") as log:
        found = batches(log)
        kept = stored(found)
        assert log.lane.rows == kept.total()
    assert set(told) <= set(kept)
    assert set(kept.values()) == {1}
    assert [batch.seq for batch in found] == list(range(1, len(found) + 1))
    assert len({batch.log for batch in found}) == 1


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_what_a_line_said_before_a_kill_is_stored_or_inside_a_recorded_gap(tmp_path: Path, seed: int) -> None:
    path = tmp_path / "log.sqlite"
    before = killed(path, role="line", first=0, lines=random.Random(seed).randint(50, 300))
    with LocalLog(path, edge="e") as log:
        last_ns = log.lane.utc_ns
    after = killed(path, role="line", first=before[-1][0] + 1, lines=200)
    with LocalLog(path, edge="e") as log:
        found = batches(log)
    kept = stored(found)
    gaps = [e for batch in found for e in batch.events if isinstance(e, Gap)]
    last = max(kept)
    lost = [(n, t) for n, t in before + after if n not in kept and n < last]
    assert set(kept.values()) == {1}
    assert [(g.source, g.reason) for g in gaps] == [("serial-1", "edge was not running")]
    assert gaps[0].from_ns == last_ns - SLACK_NS
    assert all(gaps[0].from_ns <= t <= gaps[0].to_ns for _, t in lost)
    assert gaps[0].to_ns <= after[0][1]
