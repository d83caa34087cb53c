"""An edge between two brokers: what Mosquitto kept for it, through the outbox on disk, confirmed by Kafka.

The messages wait in the broker's session while the edge is down, so that the edge's speed is measured and not a
sender's. Every row must be in Kafka once, or the figures are not given.
"""

import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from benchmarks.processes import accepts, broker, free_port, until
from benchmarks.report import Figure, figure
from benchmarks.roles import Role
from bus.address import Address
from bus.history import history
from bus.topics import Topics, layouts
from tests.servers.kafka import kafka
from wire.envelope import unpack_input
from wire.messages import Batch
from wire.topics import INPUTS

MESSAGES, DEVICES, CHANNELS = 100_000, 50, 4
ROUNDS = 3
INFLIGHT = 200  # the client goes through all of them at each acknowledgement
CONFIG = """\
site = "bench"
bus = "kafka://{kafka}"
store = "influxdb://127.0.0.1:1/bench"
[edge]
name = "edge-1"
outbox = "outbox.sqlite"
[[edge.sources]]
type = "mqtt"
url = "mqtt://127.0.0.1:{mqtt}"
"""


def measure() -> list[Figure]:
    """Messages a second, processor and memory of the edge; medians over rounds."""
    with line() as (folder, mqtt_port, servers):
        edge = Role("edge", folder / "tocsin.toml")
        rounds = [_round(edge, mqtt_port, servers, number) for number in range(ROUNDS)]
    per_s, spent_s, rss_mb = (median(each) for each in zip(*rounds, strict=True))
    return [
        figure("edge.mqtt_msgs_per_s", per_s, "msgs/s", 20_000),
        figure("edge.mqtt_cpu_s_per_100k", spent_s, "s", 3.7),
        figure("edge.mqtt_rss_mb", rss_mb, "MB", 86),
    ]


@contextmanager
def line(config: str = CONFIG, **said: object) -> Iterator[tuple[Path, int, str]]:
    """Both brokers and a config between them: the folder, Mosquitto's port, Kafka's address."""
    with TemporaryDirectory(prefix="tocsin-edge-") as name, ExitStack() as stack:
        folder, port = Path(name), free_port()
        bus = stack.enter_context(kafka(folder / "kafka"))
        stack.enter_context(broker(folder, port))
        until(lambda: accepts(port), within_s=10, what="mosquitto")
        Topics(Address(servers=bus.address)).create(layouts(4))
        (folder / "tocsin.toml").write_text(config.format(kafka=bus.address, mqtt=port, **said))
        yield folder, port, bus.address


def _round(edge: Role, mqtt_port: int, servers: str, number: int) -> tuple[float, float, float]:
    with edge:
        edge.ready()  # subscribed: from now on the broker keeps what it cannot hand over
    _publish(mqtt_port)
    before = _rows(servers)
    with edge:
        until(lambda: edge.figure("tocsin_edge_rows") > before, within_s=30, what="the first row", every_s=0.02)
        begun, spent_s, rows = time.perf_counter(), cpu_s(edge.pid), edge.figure("tocsin_edge_rows")
        wanted = (number + 1) * MESSAGES
        until(lambda: _passed_on(edge) >= wanted, within_s=120, what="all rows to be in Kafka", every_s=0.25)
        took_s, spent_s, rss_mb = time.perf_counter() - begun, cpu_s(edge.pid) - spent_s, _peak_mb(edge.pid)
    there = _rows(servers)
    assert there == wanted, f"{there} rows are in Kafka, not {wanted}"
    share = MESSAGES - (rows - before)
    return share / took_s, spent_s / share * 100_000, rss_mb


def _passed_on(edge: Role) -> float:
    return edge.figure("tocsin_edge_rows") - edge.figure("tocsin_edge_rows_waiting")


def _publish(port: int) -> None:
    client = Client(CallbackAPIVersion.VERSION2, client_id="bench-sender")
    client.max_inflight_messages_set(INFLIGHT)
    slots = threading.BoundedSemaphore(INFLIGHT)
    client.on_publish = lambda *_: slots.release()
    client.connect("127.0.0.1", port)
    there = client.socket()
    assert isinstance(there, socket.socket)
    there.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    client.loop_start()
    for number in range(MESSAGES):
        said = {f"c{channel}": 50 + (number * (channel + 1)) % 97 / 10 for channel in range(CHANNELS)}
        slots.acquire()
        client.publish(f"plant/machine-{number % DEVICES}", json.dumps(said), qos=1)
    for _ in range(INFLIGHT):
        slots.acquire()
    client.disconnect()
    client.loop_stop()


def _rows(servers: str) -> int:
    batches = (unpack_input(record.body) for record in history(Address(servers=servers), INPUTS))
    return sum(frame.rows for batch in batches if isinstance(batch, Batch) for frame in batch.frames)


def cpu_s(pid: int) -> float:
    """Processor time that a process has taken."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _peak_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(each.split()[1]) for each in lines if each.startswith("VmHWM")) / 1000
