"""How soon `tocsin up` stores its first reading, and what an edge and a full box weigh."""

import json
import subprocess
import sys
import time
import urllib.request
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.processes import accepts, box, broker, free_port, until
from benchmarks.report import Figure, figure
from simulators.fleet import fleet
from simulators.mqtt_line import MqttLine

TRIES = 5
EDGE = """\
import sys, pathlib
from edge.agent import Agent
from edge.log import LocalLog
from wire.settings import load
loaded = load(pathlib.Path("tocsin.toml"))
with LocalLog.of(loaded.path("log.sqlite"), loaded.config.edge) as log, Agent(loaded.config, log=log):
    sys.stdin.read()
"""


def first_stored_s() -> float:
    """Seconds from the command to the first reading in the store, median of five starts."""
    took = []
    with TemporaryDirectory(prefix="tocsin-start-") as folder:
        for attempt in range(TRIES):
            page = free_port()
            config = f'[[edge.sources]]\ntype = "host"\n[console]\nlisten = "127.0.0.1:{page}"\n'
            begun = time.monotonic()
            with box(Path(folder) / str(attempt), config):
                until(partial(_begun, page), within_s=60, what="a stored reading")
                took.append(time.monotonic() - begun)
    return sorted(took)[TRIES // 2]


def edge_rss_mb() -> float:
    """Memory of a process with a serial, an MQTT and a host source and nothing else."""
    port = free_port()
    config = (
        f'[[edge.sources]]\ntype = "mqtt"\nurl = "mqtt://127.0.0.1:{port}"\n'
        '[[edge.sources]]\ntype = "host"\nevery = "100ms"\n'
        '[[edge.sources]]\ntype = "serial"\nport = "/dev/ptmx-none"\ndevice = "x"\n'
    )
    with TemporaryDirectory(prefix="tocsin-edge-") as name:
        folder = Path(name)
        (folder / "tocsin.toml").write_text(config)
        with broker(folder, port):
            until(lambda: accepts(port), within_s=10, what="the broker")
            machine = fleet(1)[0]
            child = subprocess.Popen([sys.executable, "-c", EDGE], cwd=folder, stdin=subprocess.PIPE)
            try:
                with MqttLine(machine, every_ns=1_000_000, url=f"mqtt://127.0.0.1:{port}", rows=5000) as line:
                    until(lambda: line.acked >= 5000, within_s=60, what="5,000 rows")
                return _rss_mb(child.pid)
            finally:
                child.communicate(timeout=20)


def box_rss_mb(*, seconds: float = 60.0) -> float:
    """Memory of a box that has heard 64 devices once a second for a minute."""
    port, page = free_port(), free_port()
    config = (
        f'[[edge.sources]]\ntype = "mqtt"\nurl = "mqtt://127.0.0.1:{port}"\n[console]\nlisten = "127.0.0.1:{page}"\n'
    )
    with TemporaryDirectory(prefix="tocsin-rss-") as name:
        folder = Path(name)
        with broker(folder, port):
            until(lambda: accepts(port), within_s=10, what="the broker")
            with box(folder / "box", config) as running:
                until(lambda: accepts(page), within_s=60, what="the page")
                lines = [
                    MqttLine(machine, every_ns=1_000_000_000, url=f"mqtt://127.0.0.1:{port}") for machine in fleet(64)
                ]
                for line in lines:
                    line.__enter__()
                time.sleep(seconds)
                for line in lines:
                    line.__exit__(None, None, None)
                return running.rss_mb()


def _begun(page: int) -> bool:
    return _stored(page) > 0


def _stored(page: int) -> int:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{page}/api/v1/accounts", timeout=2) as answer:
            return sum(int(account["stored"]) for account in json.load(answer))
    except OSError:
        return 0


def _rss_mb(pid: int) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096 / 1e6


def measure() -> list[Figure]:
    """Start-up time and memory against what the box promises."""
    return [
        figure("up.first_stored_s", first_stored_s(), "s", 3.0),
        figure("edge.rss_mb", edge_rss_mb(), "MB", 60.0),
        figure("box.rss_mb", box_rss_mb(), "MB", 400.0),
    ]
