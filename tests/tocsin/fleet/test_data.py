"""Commands about data over a fleet with a real Kafka and a real InfluxDB, with its page and without."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.roles import Role
from bus.address import Address
from bus.topics import Topics, layouts
from store.influx.address import parse
from store.influx.setup import init
from tests.servers.influx import Influx, influx
from tests.servers.kafka import Kafka, kafka
from tests.servers.ports import until
from tests.tocsin.fleet.test_serve import PARTS, Serve, states, write
from tests.tocsin.plant import ROWS, tocsin
from wire.config import DAY_NS, Retention

pytestmark = [pytest.mark.server, pytest.mark.slow, pytest.mark.timeout(600)]
SPAN = ("--from", "2026-05-01T06:00:20Z", "--to", "2026-05-01T06:00:40Z")


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    with kafka(tmp_path_factory.mktemp("kafka")) as server:
        Topics(Address(servers=server.address)).create(layouts(PARTS))
        yield server


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Influx]:
    with influx(tmp_path_factory.mktemp("influx")) as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("TOCSIN_INFLUX_TOKEN", server.token)
        init(parse(server.url("plant"), os.environ), Retention(readings_ns=36500 * DAY_NS))
        yield server


@pytest.fixture(scope="module")
def fleet(broker: Kafka, database: Influx, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A plant whose recording was scored and stored; worker and sink are at work."""
    config = write(tmp_path_factory.mktemp("fleet"), bus=broker.address, store=database.url("plant"))
    with Role("stream", config), Role("sink", config, "--instance", "sink") as sink:
        sink.ready()
        with Role("edge", config):
            until(lambda: len(states(broker)) >= 3, what="the alarms of the recording", within_s=60)
        yield config


def said(*words: str | Path) -> str:
    result = tocsin(*words)
    assert result.exit_code == 0, result.output
    return result.stdout


def asked(config: Path, *words: str) -> dict[str, list[dict[str, object]]]:
    found: dict[str, list[dict[str, object]]] = json.loads(said("data", *words, "--json", "-c", config))
    return found


def devices(config: Path) -> dict[object, dict[str, object]]:
    return {each["name"]: each for each in asked(config, "catalogue")["sets"] if each["kind"] == "device"}


def labels(config: Path) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(said("data", "label", "--list", "--json", "-c", config))
    return found


def test_data_is_catalogued_labelled_imported_and_backtested_over_the_page_and_without_it(
    fleet: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOCSIN_REGISTRY", str(fleet.parent / "data/models"))
    monkeypatch.setenv("TOCSIN_MLFLOW", "off")
    recipe = fleet.parent / "pump.toml"
    recipe.write_text('task = "anomaly"\n[estimator]\nkind = "mahalanobis"\n')
    said("train", recipe, "--data", fleet.parent / "may.csv", "--name", "pump")
    with Serve(fleet) as serve:
        serve.answers()
        until(lambda: "pump-1" in devices(fleet), what="the device to be known", within_s=60)
        made = ("--device", "pump-1", *SPAN, "--as", "anomaly", "--who", "Ada")
        said("data", "label", *made, "-c", fleet)
        until(lambda: bool(labels(fleet)), what="the label to be stored", within_s=60)
        old = fleet.parent / "old.csv"
        old.write_text("time,flow\n" + "".join(f"2026-04-01T00:00:{at:02}Z,{at}\n" for at in range(50)))
        said("data", "import", old, "--device", "old-pump", "-c", fleet)
        report = json.loads(said("backtest", "pump", "--device", "pump-1", "--json", "-c", fleet))
        assert report["devices"][0]["rows"] == ROWS
        assert report["tested"]["events"] == 1

        def tested() -> int:
            query = {"role": "backtest", "start": "2026-05-01T06:00:00Z", "points": "0"}
            return len(serve.get("devices/pump-1/scores", **query).json()["t_ns"])

        until(lambda: tested() == report["written"], what="the scores to be stored", within_s=60)
    # Asked now, since a page looks but three times a minute for devices that say nothing now.
    until(lambda: "old-pump" in devices(fleet), what="the imported rows to be stored", within_s=60)
    (label,) = labels(fleet)
    assert (label["who"], label["edge"]) == ("Ada", "edge-1")
    alarm = asked(fleet, "lineage", "pump-1")["made"][0]
    assert alarm["device"] == "pump-1"
    said("data", "label", "--withdraw", str(label["id"]), "--who", "Bo", "-c", fleet)
    until(lambda: labels(fleet)[0]["withdrawn_by"] == "Bo", what="the label to be withdrawn", within_s=60)
