"""`tocsin doctor` in a fleet: each thing that is wrong is named, with what to do, within ten seconds."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]

from benchmarks.processes import free_port
from store.influx.address import parse
from store.influx.setup import init
from tests.servers.influx import Influx, influx
from tests.servers.kafka import Kafka, kafka
from tests.servers.ports import until
from tests.tocsin.plant import QUIET, tocsin, told
from wire.config import Retention
from wire.topics import STATE

pytestmark = [pytest.mark.server, pytest.mark.slow]


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    with kafka(tmp_path_factory.mktemp("kafka")) as server:
        yield server


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Influx]:
    with influx(tmp_path_factory.mktemp("influx")) as server:
        init(parse(server.url("plant"), server.environ), Retention())
        yield server


def write(folder: Path, *, bus: str, store: str, more: str = QUIET) -> Path:
    path = folder / "tocsin.toml"
    path.write_text(f'bus = "kafka://{bus}"\nstore = "{store}"\n{more}')
    return path


def examined(config: Path) -> dict[str, str]:
    """What was found bad, by what was looked at."""
    begun = time.monotonic()
    found = told(tocsin("doctor", "--json", "-c", config))
    assert time.monotonic() - begun < 60  # never for ever; how long it takes is no test's matter
    wrong: dict[str, str] = {}
    for each in found:
        if not each["ok"]:
            wrong[str(each["what"])] = wrong.get(str(each["what"]), "") + str(each["detail"])
    return wrong


def test_servers_that_are_away_are_named_with_a_remedy(tmp_path: Path) -> None:
    bus, store = f"127.0.0.1:{free_port()}", f"influxdb://127.0.0.1:{free_port()}/plant?org=acme"
    found = examined(write(tmp_path, bus=bus, store=store))
    assert f"no Kafka broker answers at {bus}" in found["Kafka"]
    assert "Start it, or correct `bus` in the config" in found["Kafka"]
    assert "takes nothing now" in found["store"]
    assert "start it, or correct `store` in the config" in found["store"]


def test_a_fleet_is_followed_from_nothing_to_health(
    broker: Kafka, store: Influx, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = write(tmp_path, bus=broker.address, store=store.url("plant"))
    monkeypatch.setenv("TOCSIN_INFLUX_TOKEN", "wrong")
    found = examined(config)
    assert "run tocsin stream --create-topics" in found["topics"]
    assert "TOCSIN_INFLUX_TOKEN" in found["store"]

    monkeypatch.setenv("TOCSIN_INFLUX_TOKEN", store.token)
    assert tocsin("stream", "--create-topics", "--partitions", "4", "-c", config).exit_code == 0
    assert examined(config) == {
        role: f"nobody is at work and 0 records wait: start `tocsin {role}`" for role in ("stream", "sink", "archive")
    }
    kept = f'{QUIET}\n[[models]]\nname = "pump"\nrecipe = "skab"\n'
    found = examined(write(tmp_path, bus=broker.address, store=store.url("plant"), more=kept))
    assert found["keep"] == "nobody keeps pump, as [[models]] asks: start `tocsin keep`"
    assert "nowhere" in examined(write(tmp_path, bus=broker.address, store=store.url("nowhere")))["store"]

    admin = AdminClient({"bootstrap.servers": broker.address})
    admin.delete_topics([STATE])[STATE].result(10)
    until(lambda: STATE not in admin.list_topics(timeout=10).topics, what="no state topic")
    admin.create_topics([NewTopic(STATE, 7, 1)])[STATE].result(10)
    until(
        lambda: STATE in admin.list_topics(timeout=10).topics, what="a state topic"
    )  # it is made before it is told of
    assert f"{STATE} has 7 partitions and 4 are wanted" in examined(config)["topics"]
