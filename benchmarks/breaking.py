"""What a box does when the world around it breaks: it stands still, is told to end, or its disk is full.

Numbered readings come over MQTT and a pty, as in `benchmarks.kill`; the accounts must add up. A full disk needs root,
who may mount a small one; without, those figures are left out.
"""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from benchmarks.kill import FAR_NS, SERIAL, Numbers, drained, inside, ready
from benchmarks.processes import Process, accepts, answers, box, broker, free_port, until
from benchmarks.report import Figure, figure
from store.box.box import DuckStore
from wire.messages import NS_PER_S, Gap

CONFIG = """\
site = "breaking"
[edge]
name = "edge"
{edge}
[[edge.sources]]
type = "mqtt"
url = "mqtt://127.0.0.1:{broker}"
{serial}
[[devices]]
match = "*"
silent_after = "5s"
[console]
listen = "127.0.0.1:{page}"
[retention]
min_free = "{min_free}"
"""
STILL_S = 46.0  # beyond one and a half keepalives: the broker gives the connection up
DISK_MB, MIN_FREE_MB, LEFT_MB = 300, 100, 60
FULL_S = 15.0


class Found(msgspec.Struct, frozen=True):
    """What a box stored of the numbers that were said."""

    sent: int
    lost: int  # MQTT, acknowledged by the broker and not stored
    doubled: int
    told: int  # rows in gaps of known size
    unexplained: int  # numbers written to the pty that are neither stored nor inside a gap
    wrong: int  # numbers stored from the pty that were never said
    silent: int  # alarms while the senders spoke


class Scene:
    """A broker, a box and its senders on loopback."""

    def __init__(self, folder: Path, numbers: Numbers, victim: Process, page: int) -> None:
        """Take what `scene` has started."""
        self.folder, self.numbers, self.victim, self.page = folder, numbers, victim, page
        self.from_number = 1  # what was said before nobody listened to yet

    def begin(self) -> None:
        """Wait for the box, let the numbers come, and count from one that is stored."""
        ready(self.page)
        self.numbers.start()
        time.sleep(3.0)
        self.from_number = self.numbers.sent

    def end(self) -> Found:
        """Let the numbers end, wait until they are stored, stop the box, and count."""
        self.numbers.finish()

        drained(self.page, self.numbers.sent)
        time.sleep(2.0)
        self.victim.stop()
        with DuckStore(path=self.folder / "box/data/tocsin.duckdb") as store:
            mill = store.readings("mill", start_ns=0, end_ns=FAR_NS, channels=["n"]).columns["n"]
            lathe = {n for n in store.readings("lathe", start_ns=0, end_ns=FAR_NS).columns.get("n", []) if n}
            gaps = [gap for _, gap in store.gaps(limit=100_000)]
            over_ns = self.numbers.said_ns[-1] - NS_PER_S  # from here on the senders are silent indeed
            silent = sum(a.rule == "silent" and a.onset_ns < over_ns for a in store.alarms(limit=100_000))
        return self._counted(mill, lathe, gaps, silent)

    def _counted(self, mill: list[float | None], lathe: set[float], gaps: list[Gap], silent: int) -> Found:
        said = range(self.from_number, self.numbers.sent + 1)
        spans = [(gap.from_ns, gap.to_ns) for gap in gaps]
        missing = [n for n in said if n not in lathe] if lathe else []
        stored = set(mill)
        return Found(
            sent=len(said),
            lost=sum(n not in stored for n in said),
            doubled=len(mill) - len(stored),
            told=sum(max(gap.rows, 0) for gap in gaps),
            unexplained=sum(not inside(self.numbers.said_ns[n - 1], spans) for n in missing),
            wrong=sum(n != int(n) or not 1 <= n <= self.numbers.sent for n in lathe),
            silent=silent,
        )


@contextmanager
def scene(
    *, per_s: int, serial: bool = True, edge: str = "", min_free: str = "1MB", disk: bool = False
) -> Iterator[Scene]:
    """Start a broker and a box in a folder of their own, on a small disk if asked for."""
    with TemporaryDirectory(prefix="tocsin-breaking-") as name:
        folder, port, page = Path(name), free_port(), free_port()
        data = folder / "box/data"
        data.mkdir(parents=True)
        if disk:
            subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "tmpfs", str(data)], check=True)  # noqa: S607 -- wherever it lies
        try:
            with broker(folder, port):
                until(lambda: accepts(port), within_s=10, what="the broker")
                numbers = Numbers(port, per_s=per_s)
                line = SERIAL.format(port=numbers.pty) if serial else ""
                text = CONFIG.format(edge=edge, broker=port, serial=line, page=page, min_free=min_free)
                with box(folder / "box", text) as victim:
                    yield Scene(folder, numbers, victim, page)
        finally:
            if disk:
                subprocess.run(["umount", str(data)], check=True)  # noqa: S607 -- wherever it lies


def standing_still(still_s: float = STILL_S) -> Found:
    """Stop the process for a while, as a debugger, a hypervisor or a swap storm does."""
    with scene(per_s=1000) as here:
        here.begin()
        os.kill(here.victim.pid, signal.SIGSTOP)
        time.sleep(still_s)
        os.kill(here.victim.pid, signal.SIGCONT)
        time.sleep(5.0)
        return here.end()


def told_to_end(times: int = 5) -> tuple[Found, float, int]:
    """SIGTERM while rows flow: what was stored, the slowest end in seconds, and the ends that were not in order."""
    slowest, wrong = 0.0, 0
    with scene(per_s=1500, serial=False) as here:
        here.begin()
        for _ in range(times):
            begun = time.monotonic()
            wrong += here.victim.stop() != 0
            slowest = max(slowest, time.monotonic() - begun)
            here.victim.start()
            ready(here.page)
            time.sleep(2.0)
        return here.end(), slowest, wrong


def full(when_full: str) -> tuple[Found, bool, float]:
    """Fill the disk under a small outbox: what was stored, whether the box said so, seconds until it was ready."""
    edge = f'outbox_bytes = "1MB"\nwhen_full = "{when_full}"'
    with scene(per_s=500, serial=False, edge=edge, min_free=f"{MIN_FREE_MB}MB", disk=True) as here:
        here.begin()
        filler = here.folder / "box/data/filler"
        filler.write_bytes(bytes((DISK_MB - LEFT_MB) * 1_000_000))
        until(
            lambda: not answers(f"http://127.0.0.1:{here.page}/readyz"), within_s=20, what="the box to say it is full"
        )
        time.sleep(FULL_S)
        said = here.victim.running() and not answers(f"http://127.0.0.1:{here.page}/readyz")
        filler.unlink()
        recovered_s = ready(here.page)
        return here.end(), said, recovered_s


def measure() -> list[Figure]:
    """What was lost, doubled or not explained; all of it should be 0."""
    still = standing_still()
    figures = [
        *_accounts("still", still),
        figure("breaking.still.pty_unexplained", still.unexplained, "readings"),
        figure("breaking.still.pty_wrong", still.wrong, "readings"),
        figure("breaking.still.silent", still.silent, "alarms"),
    ]
    ended, slowest_s, wrong = told_to_end()
    figures += [
        *_accounts("ended", ended),
        figure("breaking.ended.slowest_s", slowest_s, "s", 10.0),
        figure("breaking.ended.wrong_exits", wrong, "ends"),
    ]
    for policy in ("refuse", "oldest") if os.geteuid() == 0 else ():
        found, said, recovered_s = full(policy)
        figures += [
            *_accounts(f"full_{policy}", found, told=found.told),
            figure(f"breaking.full_{policy}.unsaid", not said, "times"),
            figure(f"breaking.full_{policy}.ready_again_s", recovered_s, "s"),
        ]
    return figures


def _accounts(name: str, found: Found, *, told: int = 0) -> list[Figure]:
    return [
        figure(f"breaking.{name}.sent", found.sent, "readings"),
        figure(f"breaking.{name}.lost", found.lost - told, "readings"),
        figure(f"breaking.{name}.doubled", found.doubled, "readings"),
    ]
