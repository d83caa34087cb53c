"""kill -9 of `tocsin up` at random moments while numbered readings come over MQTT and a pty: the accounts must add up.

A second box hears the same MQTT messages and is never killed: its alarms are what the killed one must show.
"""

import json
import os
import random
import threading
import time
import tty
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from benchmarks.processes import Process, accepts, answers, box, broker, free_port, until
from benchmarks.report import Figure, figure
from store.box.box import DuckStore

FAR_NS = 2**62
SLACK_NS = 50_000_000

CONFIG = """\
site = "kill"
[edge]
name = "edge-{name}"
[[edge.sources]]
type = "mqtt"
url = "mqtt://127.0.0.1:{broker}"
{serial}
[[devices]]
match = "mill"
every = "10ms"
silent_after = "1h"
channels.load = {{ limits = {{ H = 90, HH = 97, deadband = 3 }} }}
[[devices]]
match = "lathe"
silent_after = "1h"
[console]
listen = "127.0.0.1:{page}"
"""
SERIAL = """\
[[edge.sources]]
type = "serial"
port = "{port}"
device = "lathe"
channels = ["n"]
"""


class Account(msgspec.Struct, frozen=True):
    """What a campaign counted."""

    kills: int
    sent: int
    lost: int
    doubled: int
    alarms: int
    alarms_differ: int
    written: int  # numbers written to the pty
    unexplained: int  # of them neither stored nor inside a gap
    longest_excess_ms: float  # longest that a gap begins before its kill, or outlasts the downtime
    recovery_s: list[float]


class Numbers:
    """Numbered readings over MQTT (sensor time inside) and, one a line, into a pty; remembers when each was said."""

    def __init__(self, port: int, *, per_s: int) -> None:
        """Open the pty and the client; `start` speaks."""
        self.master, self._slave = os.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self.master, False)
        self.pty = os.ttyname(self._slave)
        self.sent = 0
        self.said_ns: list[int] = []
        self._pause_s = 1 / per_s
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="numbers")
        self._client.max_inflight_messages_set(1000)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        self._last = self._client.publish("begun")
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._speak, name="numbers", daemon=True)

    def start(self) -> None:
        """Begin to speak."""
        self._thread.start()

    def finish(self) -> None:
        """Stop speaking, and wait until the broker has everything."""
        self._stop.set()
        self._thread.join()
        self._last.wait_for_publish(30)
        self._client.loop_stop()
        self._client.disconnect()

    def _speak(self) -> None:
        chance = random.Random(7)
        begun = time.monotonic()
        while not self._stop.is_set():
            self.sent += 1
            hot = 30 if self.sent % 700 > 640 else 0  # a limit is passed now and then
            load = 60 + hot + 10 * chance.random()
            body = {"time": time.time_ns(), "n": self.sent, "load": load, "heat": 0.5 * load + chance.random()}
            self._last = self._client.publish("plant/mill", json.dumps(body), qos=1)
            self.said_ns.append(time.time_ns())
            with suppress(BlockingIOError):  # nobody reads: a UART drops it, and the gap must say so
                os.write(self.master, f"{self.sent}\n".encode())
            time.sleep(max(0.0, begun + self.sent * self._pause_s - time.monotonic()))


def campaign(*, kills: int, per_s: int = 200, seed: int = 1, slack_ns: int = SLACK_NS) -> Account:
    """Kill a box `kills` times at random moments, then count. `slack_ns`: so long may a line lie unread."""
    chance = random.Random(seed)
    with TemporaryDirectory(prefix="tocsin-kill-") as name:
        folder = Path(name)
        port = free_port()
        with broker(folder, port):
            until(lambda: accepts(port), within_s=10, what="the broker")
            numbers = Numbers(port, per_s=per_s)
            pages = free_port(), free_port()
            victim = _box(folder / "victim", port, pages[0], SERIAL.format(port=numbers.pty))
            calm = _box(folder / "calm", port, pages[1], "")
            with calm, victim:
                ready(pages[0])
                ready(pages[1])
                numbers.start()
                downs, recovery = [], []
                for _ in range(kills):
                    time.sleep(chance.uniform(0.3, 3.0))
                    downs.append(time.time_ns())
                    victim.kill()
                    victim.start()
                    recovery.append(ready(pages[0]))
                time.sleep(1.0)
                numbers.finish()
                drained(pages[0], numbers.sent)
                drained(pages[1], numbers.sent)
        return _count(folder, numbers, downs, recovery, slack_ns)


def _box(folder: Path, port: int, page: int, serial: str) -> Process:
    return box(folder, CONFIG.format(name=folder.name, broker=port, page=page, serial=serial), name="box")


def ready(page: int) -> float:
    """Wait until a box serves; returns the seconds it took."""
    return until(lambda: answers(f"http://127.0.0.1:{page}/readyz"), within_s=60, what="the box to be ready")


def drained(page: int, sent: int) -> None:
    """Wait until the number that was sent last is stored."""

    def stored() -> bool:
        return answers(f"http://127.0.0.1:{page}/readyz") and _newest(page) >= sent

    until(stored, within_s=120, what=f"number {sent} to be stored", every_s=0.3)


def _newest(page: int) -> float:
    import urllib.request  # noqa: PLC0415

    start = time.time_ns() - 3_600_000_000_000
    url = f"http://127.0.0.1:{page}/api/v1/devices/mill/readings?channels=n&start={start}"
    with urllib.request.urlopen(url, timeout=10) as answer:
        column = json.load(answer)["columns"].get("n", [])
    return max((value for value in column if value is not None), default=0.0)


def _count(folder: Path, numbers: Numbers, downs: list[int], recovery: list[float], slack_ns: int) -> Account:
    stores = {name: DuckStore(path=folder / name / "data/tocsin.duckdb") for name in ("victim", "calm")}
    with stores["victim"] as victim, stores["calm"] as calm:
        mill = victim.readings("mill", start_ns=0, end_ns=FAR_NS, channels=["n"]).columns["n"]
        lathe = {n for n in victim.readings("lathe", start_ns=0, end_ns=FAR_NS).columns["n"] if n is not None}
        gaps = [gap for _, gap in victim.gaps()]
        rung = {(a.device, a.rule, a.onset_ns) for a in victim.alarms() if a.device == "mill"}
        expected = {(a.device, a.rule, a.onset_ns) for a in calm.alarms() if a.device == "mill"}
    spans = [(gap.from_ns, gap.to_ns) for gap in gaps]
    missing = [n for n in range(1, numbers.sent + 1) if n not in lathe]
    unexplained = [n for n in missing if not inside(numbers.said_ns[n - 1], spans, slack_ns)]
    excess = [ms for low, high in spans for ms in _beyond_ms(low, high, downs, recovery)]
    return Account(
        kills=len(downs),
        sent=numbers.sent,
        lost=numbers.sent - len(set(mill)),
        doubled=len(mill) - len(set(mill)),
        alarms=len(expected),
        alarms_differ=len(rung ^ expected),
        written=numbers.sent,
        unexplained=len(unexplained),
        longest_excess_ms=max(excess, default=0.0),
        recovery_s=recovery,
    )


def inside(said_ns: int, spans: list[tuple[int, int]], slack_ns: int = SLACK_NS) -> bool:
    """Whether a gap tells of what was said then."""
    return any(low <= said_ns + slack_ns and said_ns <= high for low, high in spans)


def _beyond_ms(low_ns: int, high_ns: int, downs: list[int], recovery: list[float]) -> tuple[float, float]:
    """How long before the nearest kill a gap begins, and how much longer it is than until the box was ready again."""
    nearest = min(range(len(downs)), key=lambda i: abs(downs[i] - low_ns))
    return (downs[nearest] - low_ns) / 1e6, (high_ns - low_ns) / 1e6 - recovery[nearest] * 1e3


def measure(*, kills: int = 30) -> list[Figure]:
    """The campaign's accounts as figures; all but `alarms` and `sent` should be 0."""
    found = campaign(kills=kills)
    middle = sorted(found.recovery_s)[len(found.recovery_s) // 2] if found.recovery_s else 0.0
    return [
        figure("kill.kills", found.kills, "kills"),
        figure("kill.mqtt_sent", found.sent, "readings"),
        figure("kill.mqtt_lost", found.lost, "readings"),
        figure("kill.mqtt_doubled", found.doubled, "readings"),
        figure("kill.alarms", found.alarms, "alarms"),
        figure("kill.alarms_differ", found.alarms_differ, "alarms"),
        figure("kill.pty_unexplained", found.unexplained, "readings"),
        figure("kill.pty_gap_excess_ms", found.longest_excess_ms, "ms", 50.0),
        figure("kill.ready_again_s", middle, "s"),
    ]
