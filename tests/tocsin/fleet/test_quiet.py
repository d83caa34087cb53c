"""How much a role writes while the broker is away: what a person needs to know, and not again and again."""

import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

from benchmarks.processes import Process, answers, free_port
from benchmarks.roles import Role
from bus.address import Address
from bus.topics import Topics, layouts
from store.influx.address import parse
from store.influx.setup import init
from tests.servers.influx import Influx, influx
from tests.servers.kafka import Kafka, kafka
from tests.servers.ports import until
from tests.tocsin.plant import page
from wire.config import DAY_NS, Retention

pytestmark = [pytest.mark.server, pytest.mark.slow]
OUTAGE_S, LINES = 5.0, 6
ROLES = ("edge", "sink", "serve")
CONFIG = """\
site = "hall"
bus = "kafka://{bus}"
store = "{store}"
[console]
listen = "127.0.0.1:{page}"
[edge]
name = "edge-1"
[[edge.sources]]
type = "host"
every = "1s"
"""


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    with kafka(tmp_path_factory.mktemp("kafka")) as server:
        Topics(Address(servers=server.address)).create(layouts(2))
        yield server


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Influx]:
    with influx(tmp_path_factory.mktemp("influx")) as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("TOCSIN_INFLUX_TOKEN", server.token)
        init(parse(server.url("plant"), os.environ), Retention(readings_ns=36500 * DAY_NS))
        yield server


class Page(Process):
    """`tocsin serve` with a config."""

    def __init__(self, config: Path) -> None:
        super().__init__(
            [sys.executable, "-m", "tocsin", "serve", "-c", str(config)], folder=config.parent, name="page"
        )
        self.url = page(config)

    def ready(self) -> None:
        until(lambda: answers(f"{self.url}/healthz"), what="the page to answer", within_s=60)


@pytest.fixture(scope="module")
def said(broker: Kafka, database: Influx, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """The lines that each role writes in one outage for all."""
    with ExitStack() as stack:
        roles = {name: configured(name, tmp_path_factory.mktemp(name), broker, database) for name in ROLES}
        for role in roles.values():
            stack.enter_context(role)
        for role in roles.values():
            role.ready()
        before = {name: len(lines(role)) for name, role in roles.items()}
        broker.kill()
        begun_s = time.monotonic()
        until(lambda: time.monotonic() - begun_s > OUTAGE_S, what="the outage to last")
        found = {name: lines(role)[before[name] :] for name, role in roles.items()}
        broker.start()
        assert all(role.running() for role in roles.values())
        return found


def configured(name: str, folder: Path, broker: Kafka, database: Influx) -> Page | Role:
    config = folder / "tocsin.toml"
    config.write_text(CONFIG.format(bus=broker.address, store=database.url("plant"), page=free_port()))
    return Page(config) if name == "serve" else Role(name, config)


def lines(role: Page | Role) -> list[str]:
    return role.output.read_text().splitlines()


@pytest.mark.parametrize("name", ROLES)
def test_a_role_says_of_an_outage_what_it_is_and_no_more(name: str, said: Mapping[str, list[str]]) -> None:
    assert any("the bus is in trouble" in line for line in said[name])
    assert len(said[name]) <= LINES, "\n".join(said[name])
