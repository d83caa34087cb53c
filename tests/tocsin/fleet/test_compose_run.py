"""docker-compose.yml as it runs: every service's own command, variables and health check, against real servers."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping

import pytest

from store.influx.address import parse as influx_address
from store.influx.client import InfluxClient
from tests.servers.kafka import JARS
from tests.servers.ports import until
from tests.tocsin.fleet.compose import read
from tests.tocsin.fleet.confinement import possible
from tests.tocsin.fleet.host import SYSTEM, Host
from tests.tocsin.fleet.test_compose import ENVIRON
from wire.units import duration_ns

pytestmark = [pytest.mark.server, pytest.mark.slow, pytest.mark.timeout(400)]
SERVICES = read(ENVIRON).services
HERE = [name for name in SERVICES if name != "grafana"]
ROLES = [name for name in HERE if SERVICES[name].ours and SERVICES[name].healthcheck]
NEEDED = ("java", "mosquitto", "mosquitto_passwd", "mosquitto_sub", "curl", "bash")
MACHINES = [name for name in HERE if SERVICES[name].profiles]


def missing() -> str:
    """What this machine lacks, if anything."""
    lacks = [name for name in NEEDED if not shutil.which(name, path=SYSTEM)]
    return ", ".join(lacks + ([] if list(JARS.glob("kafka_*.jar")) else [f"the jars in {JARS} (make kafka)"]))


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    if lacks := missing():
        assert os.environ.get("CI") != "true", f"there is no {lacks}"
        pytest.skip(f"there is no {lacks}")
    with Host(tmp_path_factory.mktemp("host")) as fleet:
        yield fleet


@pytest.mark.parametrize("name", HERE)
def test_a_service_does_its_work_or_becomes_healthy_by_its_own_check(host: Host, name: str) -> None:
    host.reached(name)


def test_what_the_machines_say_is_stored_scored_and_archived(host: Host) -> None:
    for name in (*MACHINES, *ROLES):
        host.up(name)
    until(lambda: {"pump-1", "spindle-1"} <= devices(host, "readings"), what="the readings", within_s=120)
    until(lambda: {"pump-1", "spindle-1"} <= devices(host, "liveness"), what="what the workers say", within_s=120)
    until(lambda: host.figure("archive", "tocsin_archive_records") > 0, what="the archive", within_s=120)


def devices(host: Host, measurement: str) -> set[str]:
    """The devices of which InfluxDB holds something, asked with the token of `.env`."""
    assert host.influx is not None
    environ: Mapping[str, str] = host.environ
    with InfluxClient(influx_address(host.influx.url("tocsin"), environ)) as client:
        found = client.query(f'SHOW TAG VALUES FROM "{measurement}" WITH KEY = "device"')
    return {str(row[1]) for each in found for row in each.values}


def test_grafana_finds_the_data_source_the_dashboards_and_the_rules(host: Host) -> None:
    host.reached("dashboards")
    folder = host.place("dashboards", "/var/lib/tocsin/provisioning")
    there = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert {"datasources/tocsin.yaml", "dashboards/tocsin.yaml", "alerting/tocsin.yaml"} <= there
    assert {path.stat().st_mode & 0o444 for path in folder.rglob("*")} == {0o444}  # Grafana is another user


def test_doctor_finds_nothing_wrong_from_the_container_of_the_page(host: Host) -> None:
    for name in HERE:
        host.reached(name)
    asked = host.run("serve", "tocsin", "doctor", "-c", "/etc/tocsin/tocsin.toml", "--json")
    found = {each["what"]: each["detail"] for each in json.loads(asked.stdout)}
    assert asked.returncode == 0, found
    assert found["stream"].startswith("2 at work")
    assert found.keys() >= {"Kafka", "topics", "sink", "archive", "store"}


@pytest.mark.skipif(not possible(), reason="only root may make a root that is read-only")
def test_a_confined_service_can_write_its_volumes_alone(host: Host) -> None:
    host.reached("archive")
    volume, home = host.place("archive", "/var/lib/tocsin/archive"), host.folder / "archive/home"
    for folder, code in ((volume, 0), (host.place("archive", "/tmp"), 0), (home, 1), (host.checkout, 1)):
        touch = [*host.confined("archive"), "touch", str(folder / "tried")]
        assert subprocess.run(touch, capture_output=True, check=False, timeout=10).returncode == code, folder
    (volume / "tried").unlink()


@pytest.mark.parametrize("name", HERE)
def test_a_service_writes_nothing_where_its_container_is_read_only(host: Host, name: str) -> None:
    host.reached(name)
    assert host.strays(name) == []


@pytest.mark.parametrize("name", [*MACHINES, *ROLES])
def test_a_role_ends_well_in_its_time_when_docker_asks(host: Host, name: str) -> None:
    host.reached(name)
    assert host.stop(name, duration_ns(SERVICES[name].stop_grace_period) / 1e9) == 0, host.log(name)
    if name == "archive":
        assert list(host.place(name, "/var/lib/tocsin/archive").rglob("*.parquet"))
