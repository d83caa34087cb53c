"""The whole path: machines on a line and a broker, an edge, two workers, a sink, InfluxDB, and what Grafana asks."""

import json
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from benchmarks.processes import Process
from benchmarks.roles import Role
from bus.address import Address
from bus.topics import Topics, layouts
from store.influx.address import parse
from store.influx.client import InfluxClient
from store.influx.setup import init
from tests.edge.sources.mosquitto import Mosquitto, mosquitto, publish
from tests.grafana.asked import Asked, notes, panels, rules
from tests.servers.influx import Influx, influx
from tests.servers.kafka import Kafka, kafka
from tests.servers.ports import until
from wire.config import Retention

pytestmark = [pytest.mark.server, pytest.mark.slow, pytest.mark.timeout(600)]
NOT_HERE = {  # what this plant does not show, and why
    "Device: Score: B",  # scored late: after an outage of minutes only
    "Pipeline: Rows lost in gaps: A",  # a broken line loses rows that nobody counted
}
PLANT = """\
site = "hall"
bus = "kafka://{kafka}"
store = "{influx}"
archive = "archive"
[edge]
name = "{edge}"
outbox = "{edge}.sqlite"
[[devices]]
match = "pump-1"
every = "20ms"
running_when = "current > 0.5"
channels.temperature.limits = {{ HH = 30, H = 20, deadband = 2 }}
[[devices]]
match = "fan"
silent_after = "2s"
"""
MACHINES = """\
[[edge.sources]]
type = "serial"
port = "{line}"
format = "csv"
device = "pump-1"
channels = ["vibration_rms", "temperature", "current", "pressure", "flow"]
[[edge.sources]]
type = "mqtt"
url = "{mqtt}"
"""
HOST = """\
[[edge.sources]]
type = "host"
every = "1s"
"""


class Hall:
    """The fleet at work."""

    def __init__(self, folder: Path, bus: Kafka, store: Influx, broker: Mosquitto) -> None:
        self.folder, self.bus, self.store, self.broker = folder, bus, store, broker
        self.line = folder / "line"

    def config(self, edge: str, sources: str) -> Path:
        text = (PLANT + sources).format(
            kafka=self.bus.address,
            influx=self.store.url("plant"),
            edge=edge,
            line=self.line,
            mqtt=self.broker.url,
        )
        path = self.folder / f"{edge}.toml"
        path.write_text(text)
        return path

    def machine(self, *words: str) -> Process:
        command = [sys.executable, "-m", "tocsin", "simulate", *words, "--every", "20ms"]
        return Process(command, folder=self.folder, name=words[0])

    def pump(self) -> Process:
        fault = ("--fault", "bearing-wear", "--at", "20s", "--ramp", "5s")
        return self.machine("pump", "--to", f"serial:{self.line}", *fault)


@contextmanager
def at_work(folder: Path) -> Iterator[Hall]:
    with ExitStack() as stack:
        bus = stack.enter_context(kafka(folder / "kafka"))
        store = stack.enter_context(influx(folder / "influx"))
        hall = Hall(folder, bus, store, stack.enter_context(mosquitto(folder)))
        Topics(Address(servers=bus.address)).create(layouts(4))
        init(parse(store.url("plant"), store.environ), Retention())
        stack.enter_context(hall.machine("spindle", "--to", hall.broker.url))
        first = hall.config("edge-1", MACHINES)
        roles = [Role("stream", first, "--instance", name, name=name) for name in ("worker-1", "worker-2")]
        roles += [Role(role, first) for role in ("edge", "sink", "archive")]
        for role in roles:
            stack.enter_context(role)
        for role in roles:
            role.ready()
        yield hall


def wrong_things_happen(hall: Hall) -> None:
    """A line that breaks, a message nobody can read, a clock that is off, a device and an edge that fall silent."""
    broken = hall.pump()
    with broken:
        until(lambda: rows(hall, "pump-1") > 10, what="the pump in InfluxDB", within_s=60)
    publish(hall.broker, "plant/fan", "not JSON", '{"speed": 700}', '{"speed": 701, "time": "2001-01-01T00:00:00Z"}')
    lost = Role("edge", hall.config("edge-2", HOST), name="edge-2")
    with lost:
        lost.ready()
        until(lambda: lost.figure("tocsin_edge_records_sent") > 0, what="a word of edge-2", within_s=60)
        lost.kill()
    begun = {"event": "run-started", "run": "run-1", "unit": "u-1", "procedure": "end of line"}
    leak = {"event": "step", "run": "run-1", "step": "leak test", "measurements": [{"name": "rate", "value": 0.8}]}
    publish(hall.broker, "plant/press/run", json.dumps(begun), json.dumps(leak))


def rows(hall: Hall, device: str) -> int:
    with InfluxClient(parse(hall.store.url("plant"), hall.store.environ)) as client:
        found = client.query(f"SELECT count(temperature) FROM readings WHERE device = '{device}'")
    return int(found[0].values[0][1] or 0) if found else 0


def unanswered(hall: Hall, asked: list[Asked]) -> list[Asked]:
    """Those that bring nothing yet."""
    now_ns = time.time_ns() + 60 * 10**9
    with InfluxClient(parse(hall.store.url("plant"), hall.store.environ)) as client:
        return [
            each
            for each in asked
            if not any(
                value is not None
                for found in client.query(each.at(now_ns))
                for row in found.values
                for value in row[1:]
            )
        ]


def test_what_machines_say_reaches_every_panel_and_rule_of_grafana(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with at_work_with_token(tmp_path, monkeypatch) as hall:
        wrong_things_happen(hall)
        waiting = [each for each in (*panels(), *rules(), *notes()) if each.where not in NOT_HERE]
        assert len(waiting) > 30
        with hall.pump():
            deadline = time.monotonic() + 300
            while waiting and time.monotonic() < deadline:
                time.sleep(1.0)
                waiting = unanswered(hall, waiting)
    assert [each.where for each in waiting] == []


@contextmanager
def at_work_with_token(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hall]:
    monkeypatch.setenv("TOCSIN_INFLUX_TOKEN", "secret-token")
    with at_work(folder) as hall:
        yield hall
