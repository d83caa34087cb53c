"""`tocsin sink` between a real Kafka and a real InfluxDB, killed in the middle."""

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from bus.address import Address
from bus.publisher import KafkaPublisher
from bus.topics import Topics, layouts
from store.influx.address import InfluxAddress, parse
from store.influx.client import InfluxClient
from store.influx.errors import TOKEN
from tests.servers.influx import Influx, influx
from tests.servers.kafka import Kafka, kafka
from tests.servers.ports import free_port, until
from tocsin.commands.store import sink as sink_command
from tocsin.commands.store import store
from tocsin.roles.fleet import RoleError
from tocsin.roles.sink import sink
from tocsin.roles.vitals import Probe
from wire.envelope import pack, pack_outcomes
from wire.messages import Alarm, AlarmState, Batch, Frame, Health, Liveness, Origin, Priority
from wire.settings import Loaded, load
from wire.topics import ALARMS, INPUTS, SCORES

pytestmark = [pytest.mark.server, pytest.mark.slow]
AT = time.time_ns() // 10**9 * 10**9
BATCHES, ROWS, EDGES = 200, 20, 4


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    with kafka(tmp_path_factory.mktemp("kafka")) as server:
        yield server


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Influx]:
    with influx(tmp_path_factory.mktemp("influx")) as server:
        yield server


def config(folder: Path, broker: Kafka, url: str) -> Path:
    path = folder / "tocsin.toml"
    path.write_text(f'site = "hall"\nbus = "kafka://{broker.address}"\nstore = "{url}"\n')
    return path


def batch(edge: str, seq: int) -> bytes:
    times = np.arange(AT + seq * 10**6, AT + seq * 10**6 + ROWS, dtype="<i8").tobytes()
    frame = Frame(device="pump", channels=("a", "b"), t_ns=times, values=np.ones((ROWS, 2), "<f8").tobytes())
    return pack(Batch(edge=edge, log="0" * 32, seq=seq, clock_ns=AT, frames=(frame,)))


@contextmanager
def running(loaded: Loaded, broker: Kafka) -> Iterator[Probe]:
    with ExitStack() as stack:
        work, probe = sink(loaded, Address(servers=broker.address), stack)
        stop = threading.Event()
        thread = threading.Thread(target=work, args=(stop,))
        thread.start()
        try:
            yield probe
        finally:
            stop.set()
            thread.join(60)


def test_what_is_on_the_bus_is_in_the_store_once_through_outages_of_both(
    broker: Kafka, database: Influx, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(TOKEN, database.token)
    path = config(tmp_path, broker, database.url("plant"))
    loaded = load(path)
    with ExitStack() as stack, pytest.raises(RoleError, match="there is no topic"):
        sink(loaded, Address(servers=broker.address), stack)
    Topics(Address(servers=broker.address)).create(layouts(4))
    with ExitStack() as stack, pytest.raises(RoleError, match="run tocsin store init"):
        sink(loaded, Address(servers=broker.address), stack)
    made = CliRunner().invoke(store, ["init", "-c", str(path)])
    assert (made.exit_code, 'made the database "plant"' in made.output) == (0, True)

    address = parse(database.url("plant"), database.environ)
    told: list[str] = []
    origin = Origin(edge="edge-0", log="0" * 32, seq=1)
    with KafkaPublisher(Address(servers=broker.address), client_id="test") as publisher:
        for seq in range(1, BATCHES + 1):
            for edge in range(EDGES):
                publisher.publish(INPUTS, b"edge-%d" % edge, batch(f"edge-{edge}", seq), told.append)
        alive = [
            Liveness(origin=origin, edge="edge-0", device=name, clock_ns=AT, last_ns=AT, health=Health.RUNNING)
            for name in ("p", "q")
        ]
        publisher.publish(SCORES, b"edge-0", pack_outcomes(alive), told.append)
        publisher.publish(ALARMS, b"edge-0/p/anomaly", pack(alarm(origin)), told.append)
        publisher.publish(ALARMS, b"edge-0/q/anomaly", b"no envelope", told.append)
        assert publisher.flush(60)
    assert not any(told)

    database.faults.set(503, count=6)
    with running(loaded, broker) as probe:
        until(lambda: probe().figures["lines"] > 1000, what="a part of it", within_s=60)
        database.vanish()
        until(lambda: "takes nothing now" in probe().trouble, what="the trouble to be told")
    database.appear()
    with running(loaded, broker) as probe:
        until(lambda: count(address, "running", "pipeline", "lag = 0") > 0, what="the lag to be gone", within_s=60)
        broker.kill()
        broker.start()
        until(lambda: count(address, "active", "active_alarms") > 0, what="the active alarm", within_s=60)
        assert probe().dead == ""
    assert count(address, "a", "readings") == BATCHES * ROWS * EDGES
    assert count(address, "code", "liveness") == 2
    assert count(address, "version", "alarms") == 1
    assert count(address, "count", "dead") >= 1


def alarm(origin: Origin) -> Alarm:
    return Alarm(
        id="a1",
        origin=origin,
        edge="edge-0",
        device="p",
        rule="anomaly",
        version=1,
        state=AlarmState.UNACKNOWLEDGED,
        priority=Priority.HIGH,
        onset_ns=AT,
        changed_ns=AT,
        summary="It rings",
    )


def count(address: InfluxAddress, field: str, measurement: str, where: str = "time > 0") -> int:
    with InfluxClient(address) as client:
        found = client.query(f'SELECT count("{field}") FROM "{measurement}" WHERE {where}')
    return int(found[0].values[0][1] or 0) if found else 0


def test_a_store_that_is_a_boxs_or_away_is_told_apart(
    broker: Kafka, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(TOKEN, "any")
    boxed = CliRunner().invoke(store, ["init", "-c", str(config(tmp_path, broker, "duckdb:data/x.duckdb"))])
    assert (boxed.exit_code, "is a box's" in boxed.output) == (2, True)
    role = CliRunner().invoke(sink_command, ["-c", str(tmp_path / "tocsin.toml"), "--vitals", ""])
    assert (role.exit_code, "is a box's" in role.output) == (1, True)
    away = config(tmp_path, broker, f"influxdb://127.0.0.1:{free_port()}/plant")
    gone = CliRunner().invoke(store, ["init", "-c", str(away)])
    assert (gone.exit_code, "takes nothing now" in gone.output) == (1, True)
