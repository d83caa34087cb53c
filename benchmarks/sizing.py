"""What a device costs a fleet a day: disk in Kafka, InfluxDB and the archive, and processor time of each role.

Simulated pumps say five channels once a second, and an edge sends them each second; hours are played as fast as the
roles go, and told for a day.
"""

import os
import time
from array import array
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.edge import cpu_s
from benchmarks.processes import until
from benchmarks.report import Figure, figure
from benchmarks.roles import Role
from bus.address import Address
from bus.lag import GroupLag
from bus.publisher import KafkaPublisher
from bus.topics import Topics, layouts
from simulators.pump import Pump
from store.influx.address import parse
from store.influx.client import InfluxClient
from store.influx.setup import init
from tests.servers.influx import Influx, influx
from tests.servers.kafka import kafka
from wire.config import Retention
from wire.envelope import pack
from wire.messages import NS_PER_S, Batch, Frame
from wire.topics import INPUTS, SCORES, STATE

DEVICES, HOURS = 20, 3
ROWS = HOURS * 3600
A_DAY = 24 / HOURS / DEVICES  # from all of it to one device and day
READ_S = 300.0
COMPACTED_S = 90.0
CONFIG = """\
site = "bench"
bus = "kafka://{kafka}"
store = "{influx}"
archive = "archive"
[[devices]]
match = "pump-*"
every = "1s"
running_when = "current > 0.5"
"""


def measure() -> list[Figure]:
    """Disk in MB and processor time in seconds, each of one device and day."""
    with TemporaryDirectory(prefix="tocsin-sizing-") as name, ExitStack() as stack:
        folder = Path(name)
        bus = stack.enter_context(kafka(folder / "kafka"))
        store = stack.enter_context(influx(folder / "influx"))
        os.environ.update(store.environ)
        stack.callback(lambda: [os.environ.pop(each, None) for each in store.environ])
        address = Address(servers=bus.address)
        Topics(address).create(layouts(1))
        init(parse(store.url("bench"), os.environ), Retention())
        (folder / "tocsin.toml").write_text(CONFIG.format(kafka=bus.address, influx=store.url("bench")))
        rows = _publish(address)
        spent = {role: _run(role, folder, address) for role in ("stream", "sink", "archive")}
        assert (there := _stored(store)) == rows, f"{there} rows are in InfluxDB, not {rows}"
        sizes = {each: _size(folder / "kafka/data", f"{each}-0/*.log") for each in (INPUTS, SCORES, STATE)}
        sizes |= {"archive": _size(folder / "archive", "**/*.parquet"), "influx": _compacted(folder / "influx")}
    told = [figure(f"sizing.{role}_cpu_s_a_device_day", took_s * A_DAY, "s") for role, took_s in spent.items()]
    return told + [figure(f"sizing.{at}_mb_a_device_day", size / 1e6 * A_DAY, "MB") for at, size in sizes.items()]


def _batches() -> Iterator[Batch]:
    begun_ns = (time.time_ns() // NS_PER_S - ROWS) * NS_PER_S
    pumps = [Pump(f"pump-{number}", seed=number) for number in range(DEVICES)]
    rows = [pump.rows(start_ns=begun_ns, every_ns=NS_PER_S) for pump in pumps]
    for seq in range(1, ROWS + 1):
        frames = []
        for row in (next(each) for each in rows):
            assert row.claimed_ns is not None
            t_ns, values = array("q", [row.claimed_ns]).tobytes(), array("d", row.values).tobytes()
            frames.append(Frame(row.device, row.channels, t_ns, values))
        yield Batch("edge-1", "a" * 32, seq, clock_ns=begun_ns + seq * NS_PER_S, frames=tuple(frames))


def _publish(address: Address) -> int:
    said: list[str] = []
    with KafkaPublisher(address, client_id="bench") as publisher:
        for batch in _batches():
            publisher.publish(INPUTS, b"edge-1", pack(batch), said.append)
        assert publisher.flush(120)
    assert not any(said), said
    return ROWS * DEVICES


def _run(role: str, folder: Path, address: Address) -> float:
    """Let a role work through all of it; its processor time, without its start."""
    lag, group = GroupLag(address), f"tocsin-{role}"
    with Role(role, folder / "tocsin.toml", "--instance", f"{role}-1") as process:
        process.ready()
        begun_s = cpu_s(process.pid)
        done = {"stream": "inputs", "sink": "lag_records", "archive": "records"}[role]
        if role == "sink":
            until(lambda: _behind(lag, group) == 0, within_s=READ_S, what="the sink", every_s=0.5)
        else:
            until(lambda: process.figure(f"tocsin_{role}_{done}") >= ROWS, within_s=READ_S, what=role, every_s=0.5)
        return cpu_s(process.pid) - begun_s


def _behind(lag: GroupLag, group: str) -> int:
    return sum(place.behind for place in lag.places(group, [INPUTS, SCORES]).values())


def _stored(store: Influx) -> int:
    with InfluxClient(parse(store.url("bench"), os.environ)) as client:
        found = client.query("SELECT count(flow) FROM readings")
    return sum(int(row["count"] or 0) for each in found for row in each.rows())


def _size(folder: Path, pattern: str) -> int:
    return sum(path.stat().st_size for path in folder.glob(pattern))


def _compacted(folder: Path) -> int:
    """What InfluxDB takes when it has put its log away."""
    until(lambda: _size(folder / "wal", "**/*.wal") < 100_000, within_s=COMPACTED_S, what="InfluxDB", every_s=1.0)
    return _size(folder / "data", "**/*.tsm")
