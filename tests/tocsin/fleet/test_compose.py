"""docker-compose.yml against the code: images, variables, ports, files, and what each service may do."""

import re
import subprocess
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from urllib.parse import urlsplit

import click
import pytest

from dashboards.grafana.shapes import Site
from store.influx.address import parse as influx_address
from store.influx.errors import TOKEN as INFLUX_TOKEN
from stream.fleet.settings import WorkerSettings
from tests.tocsin.fleet.compose import ROOT, Mount, Service, read, text, variables
from tests.tocsin.fleet.images import dockerfile
from tocsin.command import cli
from tocsin.examining.check import TOKEN, check
from tocsin.places import keeping_folder
from tocsin.playing.machine import PASSWORD, USERNAME
from tocsin.starting.fleet_starter import COMPOSE, EDGE, ENV, FLEET, SETTINGS, env_text, write_fleet
from wire.config import Console, MqttSource
from wire.settings import load
from wire.units import duration_ns

ENVIRON = dict(line.split("=", 1) for line in env_text({}).splitlines() if "=" in line and line[0] != "#")
FILE = read(ENVIRON)
SERVICES = FILE.services
OURS = {name: service for name, service in SERVICES.items() if service.ours}
OTHERS = {name: service for name, service in SERVICES.items() if not service.ours}
INSIDE = "/etc/tocsin/"


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files that `tocsin init --fleet` writes."""
    folder = tmp_path_factory.mktemp("fleet")
    (folder / COMPOSE).write_text(text())
    write_fleet(folder / FLEET)
    return folder


def per(services: Mapping[str, Service]) -> pytest.MarkDecorator:
    """Once for each of some services."""
    return pytest.mark.parametrize("service", services.values(), ids=list(services))


def option(service: Service, name: str) -> str:
    return service.words[service.words.index(name) + 1] if name in service.words else ""


@per(SERVICES)
def test_images_are_pinned(service: Service) -> None:
    name, _, tag = service.image.rpartition(":")
    assert name
    assert re.fullmatch(r"\d+\.\d+[\w.-]*", tag)
    if service.ours:
        assert tag == version("tocsin")


@per(SERVICES)
def test_a_service_may_do_no_more_than_it_must(service: Service) -> None:
    user = service.user.partition(":")[0]
    assert user not in {"", "0", "root"}
    assert (service.cap_drop, service.security_opt) == (("ALL",), ("no-new-privileges:true",))
    assert service.logging.options.keys() >= {"max-size", "max-file"}
    if service.ours:
        assert (service.read_only, service.init, service.tmpfs) == (True, True, ("/tmp",))


@per(SERVICES)
def test_what_runs_for_ever_is_started_again_and_what_others_wait_for_can_tell(service: Service) -> None:
    for name, wait in service.depends_on.items():
        assert SERVICES[name].once == (wait.condition == "service_completed_successfully"), name
        assert SERVICES[name].once or SERVICES[name].healthcheck, name
    simulated = service.profiles == ("simulators",)
    assert (service.healthcheck is None) == (service.once or simulated)


@per(OURS)
def test_every_command_is_one_that_can_be_typed(service: Service) -> None:
    command: click.Command = cli
    words = list(service.words)
    while isinstance(command, click.Group):
        command = command.commands[words.pop(0)]
    with command.make_context("tocsin", words) as context:
        assert not context.args


@per(OURS)
def test_a_service_is_given_the_variables_that_it_reads_and_no_other(service: Service, written: Path) -> None:
    needed: set[str] = set()
    if service.words[0] in {"sink", "store", "serve", "keep"}:
        needed.add(INFLUX_TOKEN)
    if service.words[0] == "simulate":
        needed |= {USERNAME, PASSWORD}
    # What Grafana shows is made of the config alone, and needs no secret.
    if (name := option(service, "-c").removeprefix(INSIDE)) and service.words[0] != "dashboards":
        config = written / name
        assert check(config, environ=service.environment) == []
        needed |= {each for each in (TOKEN, USERNAME, PASSWORD) if check(config, environ=without(service, each))}
    assert set(service.environment) == needed


def without(service: Service, name: str) -> dict[str, str]:
    return {key: value for key, value in service.environment.items() if key != name}


def test_every_secret_comes_from_the_file_that_init_writes_and_every_one_is_used() -> None:
    names = {each.name for each in SETTINGS}
    assert variables() == names - {"COMPOSE_PROFILES"}
    assert ENVIRON["COMPOSE_PROFILES"] in {profile for service in SERVICES.values() for profile in service.profiles}
    raw = dict(re.findall(r"^ +(\w*(?:TOKEN|PASSWORD|USERNAME)\w*): (.+)$", text(), re.MULTILINE))
    literal = {name for name, value in raw.items() if not value.startswith("${")}
    assert literal == {"DOCKER_INFLUXDB_INIT_USERNAME"}
    secrets = {ENVIRON[each.name] for each in SETTINGS if not each.value}
    arguments = [word for service in SERVICES.values() for word in (*service.command, *_test(service))]
    assert not [word for word in arguments if any(secret in word for secret in secrets)]


def _test(service: Service) -> tuple[str, ...]:
    return service.healthcheck.test if service.healthcheck else ()


def test_one_token_opens_influxdb_to_itself_to_the_sink_and_to_grafana() -> None:
    token = SERVICES["influxdb"].environment["DOCKER_INFLUXDB_INIT_ADMIN_TOKEN"]
    users = ("sink", "store", "serve", "keep", "grafana")
    assert {SERVICES[name].environment[INFLUX_TOKEN] for name in users} == {token}


@per(SERVICES)
def test_mounted_files_are_in_the_repository_or_written_by_init(service: Service, written: Path) -> None:
    tracked = subprocess.run(["git", "ls-files", "deploy"], cwd=ROOT, capture_output=True, text=True, check=True)
    there = {*tracked.stdout.split(), *(path.name for path in written.iterdir())}
    for mount in service.mounts:
        if mount.type == "bind":
            assert mount.source.removeprefix("./") in there
            assert (mount.read_only, mount.bind.create_host_path) == (True, False)
        else:
            assert mount.source in FILE.volumes


def test_every_volume_is_mounted_and_one_service_alone_writes_it_but_for_models() -> None:
    users = [(mount, service) for service in SERVICES.values() for mount in service.mounts if mount.type == "volume"]
    for name in FILE.volumes:
        writers = [service for mount, service in users if mount.source == name and not mount.read_only]
        assert len(writers) == (2 if name == "models" else 1), name  # people promote by the page's, the gate by its own


@per(OURS)
def test_a_volume_of_ours_lies_on_a_folder_that_the_image_has(service: Service) -> None:
    made = re.search(r"install -d -o tocsin -g tocsin (.+)", dockerfile())
    assert made
    folders = [mount.target for mount in service.mounts if mount.type == "volume"]
    assert set(folders) <= set(made[1].split())


def test_ports_are_published_on_this_host_alone_and_are_those_that_people_expect() -> None:
    published: dict[str, tuple[int, int]] = {}
    for name, service in SERVICES.items():
        for entry in service.ports:
            host, outside, inside = entry.split(":")
            assert host == "127.0.0.1", name
            published[name] = (int(outside), int(inside))
    page, mqtt = int(Console().listen.rpartition(":")[2]), urlsplit(MqttSource().url).port
    assert published["serve"] == (page, page)
    assert published["mosquitto"] == (mqtt, mqtt)
    assert urlsplit(Site().page).port == page
    assert published["influxdb"] == (urlsplit(Site().influx).port,) * 2
    advertised = SERVICES["kafka"].environment["KAFKA_ADVERTISED_LISTENERS"]
    assert f"HOST://127.0.0.1:{published['kafka'][0]}" in advertised
    assert f"HOST://:{published['kafka'][1]}" in SERVICES["kafka"].environment["KAFKA_LISTENERS"]


@per({name: service for name, service in OURS.items() if service.healthcheck})
def test_a_health_check_asks_the_port_that_its_role_serves(service: Service, written: Path) -> None:
    command = cli.commands[service.words[0]]
    usual = {each.name: each.default for each in command.params}.get("vitals")
    where = option(service, "--vitals") or load(written / FLEET).config.console.listen
    assert _test(service) == ("CMD", "ready", where.rpartition(":")[2])
    assert where.startswith("0.0.0.0:")
    if option(service, "--vitals"):
        assert str(usual).rpartition(":")[2] == where.rpartition(":")[2]


def test_the_configs_reach_the_services_by_their_names(written: Path) -> None:
    fleet, edge = load(written / FLEET).config, load(written / EDGE).config
    bus = urlsplit(fleet.bus).netloc
    assert f"INSIDE://{bus}" in SERVICES["kafka"].environment["KAFKA_ADVERTISED_LISTENERS"]
    store = influx_address(fleet.store, {})
    assert (store.url, store.database) == (Site().influx, Site().database)
    assert store.org == SERVICES["influxdb"].environment["DOCKER_INFLUXDB_INIT_ORG"]
    (mqtt,) = (source for source in edge.edge.sources if isinstance(source, MqttSource))
    simulated = {option(service, "--to") for service in OURS.values()} - {""}
    assert simulated == {mqtt.url}
    for place in (bus, urlsplit(store.url).netloc, urlsplit(mqtt.url).netloc):
        assert place.partition(":")[0] in SERVICES


def test_what_the_configs_keep_lies_on_volumes(written: Path) -> None:
    fleet, edge = load(written / FLEET).config, load(written / EDGE).config
    kept = {
        "archive": (fleet.archive, "archive"),
        "serve": (fleet.registry.removeprefix("folder:"), "models"),
        "keep": (str(keeping_folder(load(written / FLEET))), "keeping"),
        "stream-1": (fleet.registry.removeprefix("folder:"), "models"),
        "edge": (str(Path(edge.edge.outbox).parent), "outbox"),
        "dashboards": (option(SERVICES["dashboards"], "--out"), "provisioning"),
    }
    for name, (folder, volume) in kept.items():
        assert (folder, volume) in [(mount.target, mount.source) for mount in SERVICES[name].mounts]
    # The page says of models what their keeper wrote down.
    assert [mount for mount in SERVICES["serve"].mounts if (mount.target, mount.source) == kept["keep"]]


def test_a_worker_that_ended_itself_comes_back_after_kafka_has_forgotten_it() -> None:
    workers = [service for service in OURS.values() if service.words[0] == "stream" and not service.once]
    assert len(workers) == 2
    session_s = WorkerSettings(servers="kafka:9092").app().conf.broker_session_timeout
    for service in workers:
        assert service.command[0] == "hold"
        assert int(service.command[1]) > session_s
    names = [option(service, "--instance") for service in OURS.values() if "--instance" in service.words]
    assert len(set(names)) == len(names)


def test_grafana_is_given_the_folder_of_the_dashboards_and_updates_nothing_by_itself() -> None:
    grafana = SERVICES["grafana"]
    provisioning = next(mount for mount in grafana.mounts if mount.source == "provisioning")
    assert provisioning.target == "/etc/grafana/provisioning"
    assert (provisioning.read_only, provisioning.volume.nocopy) == (True, True)
    assert grafana.environment["GF_PLUGINS_PREINSTALL_AUTO_UPDATE"] == "false"
    assert grafana.environment["GF_PLUGINS_PREINSTALL_DISABLED"] == "true"


def test_every_role_has_time_to_write_down_what_it_holds() -> None:
    longest_ns = duration_ns("30s")
    for name, service in SERVICES.items():
        if service.healthcheck:
            assert duration_ns(service.stop_grace_period) >= longest_ns, name


def test_only_one_file_of_a_fleet_holds_its_secrets(written: Path) -> None:
    values = dict(line.split("=", 1) for line in (written / ENV).read_text().splitlines() if "=" in line)
    secrets = [values[each.name] for each in SETTINGS if not each.value]
    holders = {path.name for path in written.iterdir() if any(secret in path.read_text() for secret in secrets)}
    assert holders == {ENV}


def test_a_mount_in_short_is_read_as_one_in_full() -> None:
    assert SERVICES["archive"].mounts[1] == Mount("volume", "archive", "/var/lib/tocsin/archive")
    assert SERVICES["serve"].mounts[1].read_only
