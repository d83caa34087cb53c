"""The fleet under attack: a broker of each kind, edges, workers, a sink and an archive, all on loopback."""

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import msgspec

from benchmarks.processes import Process, broker, free_port
from benchmarks.roles import Role
from benchmarks.soak.keeper import Keeper
from benchmarks.soak.readings import HIGH
from bus.address import Address
from bus.topics import Topics, layouts
from store.influx.address import parse
from store.influx.setup import init
from tests.servers.influx import Influx, influx
from tests.servers.kafka import Kafka, kafka
from wire.config import Config, Retention
from wire.settings import load

PARTITIONS = 5
EDGE = """\
site = "soak"
bus = "kafka://{kafka}"
store = "{influx}"
archive = "{archive}"
[edge]
name = "{edge}"
outbox = "data/{edge}.sqlite"
[[edge.sources]]
type = "mqtt"
url = "mqtt://127.0.0.1:{mqtt}"
topics = ["plant/{edge}/#"]
pattern = "plant/{edge}/{{device}}"
times = "own"
[[devices]]
match = "m-*"
every = "100ms"
channels.level.limits = {{ H = {high}, deadband = 2 }}
channels.level.silent_after = "1d"
channels.n.silent_after = "1d"
silent_after = "1d"
"""


class Plant(msgspec.Struct, frozen=True):
    """What can be broken, and where the results lie."""

    kafka: Kafka
    influx: Influx
    mqtt_port: int
    keeper: Keeper
    config: Config
    archive: Path
    folder: Path
    spare: Path  # the config that another worker takes

    def role(self, name: str) -> Role:
        """One of the roles by its name."""
        return next(role for role in self.keeper.roles if role.output.stem == name)


@contextmanager
def plant(folder: Path, edges: Sequence[str]) -> Iterator[Plant]:
    """Start everything; end everything."""
    mqtt_port = free_port()
    with ExitStack() as stack:
        bus = stack.enter_context(kafka(folder / "kafka"))
        store = stack.enter_context(influx(folder / "influx"))
        os.environ.update(store.environ)
        stack.callback(lambda: [os.environ.pop(name, None) for name in store.environ])
        stack.enter_context(_mosquitto(folder, mqtt_port))
        Topics(Address(servers=bus.address)).create(layouts(PARTITIONS))
        init(parse(store.url("soak"), os.environ), Retention())
        paths = {edge: _config(folder, edge, bus, store, mqtt_port) for edge in edges}
        first = paths[edges[0]]
        roles = [Role("edge", path, name=edge) for edge, path in paths.items()]
        roles += [Role("stream", first, "--instance", name, name=name) for name in ("worker-1", "worker-2")]
        roles += [Role(role, first, "--instance", role) for role in ("sink", "archive")]
        keeper = stack.enter_context(Keeper(roles))
        for role in roles:
            role.ready()
        yield Plant(bus, store, mqtt_port, keeper, load(first).config, folder / "archive", folder, first)


def _config(folder: Path, edge: str, bus: Kafka, store: Influx, mqtt_port: int) -> Path:
    path = folder / f"{edge}.toml"
    path.write_text(
        EDGE.format(
            kafka=bus.address,
            influx=store.url("soak"),
            archive=folder / "archive",
            edge=edge,
            mqtt=mqtt_port,
            high=HIGH,
        )
    )
    return path


def _mosquitto(folder: Path, port: int) -> Process:
    assert shutil.which("mosquitto") or Path("/usr/sbin/mosquitto").exists(), "no mosquitto"
    return broker(folder, port)
