"""`tocsin serve` over a real Kafka and a real InfluxDB: what a worker raises is seen, answered and outlives outages."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import expect, sync_playwright

from benchmarks.processes import Process, free_port
from benchmarks.roles import Role
from bus.address import Address
from bus.history import history
from bus.topics import Topics, layouts
from store.influx.address import parse
from store.influx.setup import init
from tests.servers.influx import Influx, influx
from tests.servers.kafka import Kafka, kafka
from tests.servers.ports import until
from tests.tocsin.plant import RECORDED, ROWS, RULES, page, recording, tocsin, told
from wire.config import DAY_NS, Retention
from wire.envelope import unpack_outcome
from wire.messages import Alarm, AlarmState
from wire.topics import ALARMS

pytestmark = [pytest.mark.server, pytest.mark.slow]
PARTS = 4
CHROMIUM = Path("/usr/bin/chromium")
ARGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update")


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


def write(folder: Path, *, bus: str, store: str) -> Path:
    path = folder / "tocsin.toml"
    path.write_text(
        f'site = "hall"\nbus = "kafka://{bus}"\nstore = "{store}"\n{RECORDED}{RULES}'.format(page=free_port())
    )
    (folder / "may.csv").write_text(recording())
    return path


class Serve(Process):
    """`tocsin serve` with a config."""

    def __init__(self, config: Path, name: str = "serve") -> None:
        super().__init__([sys.executable, "-m", "tocsin", "serve", "-c", str(config)], folder=config.parent, name=name)
        self.url = page(config)

    def answers(self, *, within_s: float = 60.0) -> None:
        """Wait until the page answers."""

        def alive() -> bool:
            assert self.running(), self.output.read_text()
            return status(f"{self.url}/healthz") == 200

        until(alive, what="the page to answer", within_s=within_s)

    def get(self, path: str, **query: str) -> httpx.Response:
        return httpx.get(f"{self.url}/api/v1/{path}", params=query, timeout=15)

    def alarms(self, **query: str) -> dict[str, Mapping[str, object]]:
        """The alarms of the pump by their rules."""
        found = self.get("alarms", device="pump-1", **query)
        assert found.status_code == 200, found.text
        return {str(alarm["rule"]): alarm for alarm in found.json()}

    def reasons(self) -> str:
        """Why it is not ready."""
        return " ".join(httpx.get(f"{self.url}/readyz", timeout=15).json()["reasons"])


def status(url: str) -> int:
    try:
        return httpx.get(url, timeout=15).status_code
    except httpx.TransportError:
        return 0


@pytest.fixture(scope="module")
def fleet(broker: Kafka, database: Influx, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A plant whose recording was scored and stored; worker and sink are at work."""
    config = write(tmp_path_factory.mktemp("fleet"), bus=broker.address, store=database.url("plant"))
    with Role("stream", config), Role("sink", config, "--instance", "sink") as sink:
        sink.ready()
        with Role("edge", config):
            until(lambda: len(states(broker)) >= 3, what="the alarms of the recording", within_s=60)
        yield config


@pytest.fixture(scope="module")
def served(fleet: Path) -> Iterator[Serve]:
    with Serve(fleet) as serve:
        serve.answers()
        yield serve


def states(broker: Kafka) -> list[Alarm]:
    """Every change of the pump's alarms that is on the bus, rule by rule in their order."""
    told = [unpack_outcome(record.body) for record in history(Address(servers=broker.address), ALARMS)]
    found = [one for one in told if isinstance(one, Alarm) and one.device == "pump-1" and one.rule.startswith("limit:")]
    return sorted(found, key=lambda one: (one.rule, one.version))


def test_what_a_worker_raised_is_seen_and_answered_on_the_api(served: Serve, broker: Kafka) -> None:
    alarms = served.alarms(active="true")
    assert alarms["limit:current:H"]["state"] == "unacknowledged"
    assert alarms["limit:temperature:H"]["state"] == "returned-unacknowledged"
    name = alarms["limit:current:H"]["id"]
    done = httpx.post(f"{served.url}/api/v1/alarms/{name}/acknowledge", json={"who": "Ada", "why": "seen"}, timeout=15)
    assert done.status_code == 202
    until(lambda: served.alarms()["limit:current:H"]["state"] == "acknowledged", what="the worker's next state")
    newest = [one for one in states(broker) if one.rule == "limit:current:H"][-1]
    assert (newest.id, newest.state, newest.who, newest.why) == (name, AlarmState.ACKNOWLEDGED, "Ada", "seen")

    def stored() -> list[str]:
        return [state["state"] for state in served.get(f"alarms/{name}").json()["history"]]

    until(lambda: stored() == ["unacknowledged", "acknowledged"], what="the history to be stored", within_s=60)


def test_the_same_from_the_command_line(served: Serve, fleet: Path, broker: Kafka) -> None:
    listed = {str(a["rule"]): a for a in told(tocsin("alarms", "list", "--json", "-c", fleet))}
    name = str(listed["limit:temperature:H"]["id"])
    assert name == served.alarms()["limit:temperature:H"]["id"]
    assert f"{name}  high      returned-unacknowledged" in tocsin("alarms", "list", "-c", fleet).stdout
    done = tocsin("alarms", "ack", name[:8], "--who", "Bob", "--why", "cooled", "-c", fleet)
    assert (done.exit_code, done.stdout) == (0, f"{name} acknowledged by Bob\n")
    until(lambda: served.alarms()["limit:temperature:H"]["state"] == "normal", what="the worker's next state")
    newest = [one for one in states(broker) if one.rule == "limit:temperature:H"][-1]
    assert (newest.id, newest.who, newest.why) == (name, "Bob", "cooled")
    again = tocsin("alarms", "ack", name, "--who", "Bob", "-c", fleet)
    assert (again.exit_code, "needs an answer" in again.stderr) == (1, True)
    over = {str(a["rule"]): a["state"] for a in told(tocsin("alarms", "list", "--all", "--json", "-c", fleet))}
    assert over["limit:temperature:H"] == "normal"


def test_devices_and_readings_are_those_of_the_recording(served: Serve) -> None:
    until(lambda: bool(served.get("devices").json()), what="a device")
    until(lambda: bool(served.get("devices/pump-1").json()["channels"]), what="its channels")
    device = served.get("devices/pump-1").json()
    assert [channel["name"] for channel in device["channels"]] == ["current", "temperature"]
    assert (device["edge"], device["rows"], device["health"]) == ("edge-1", None, "learning")
    until(lambda: len(served.get("devices/pump-1/readings", points="0").json()["t_ns"]) == ROWS, what="all rows")
    lines = served.get("devices/pump-1/export").text.splitlines()
    assert (lines[0], lines[1], len(lines)) == (
        "time,current,temperature",
        "2026-05-01T06:00:00.000000000Z,10,60",
        ROWS + 1,
    )
    assert served.get("accounts").json() == []
    assert [source["source"] for source in served.get("sources").json()] == ["replay-1"]
    until(lambda: not served.reasons(), what="to be ready")
    # A heartbeat that has just come is a backlog for a moment.
    until(
        lambda: "tocsin_backlog_inputs 0.0" in httpx.get(f"{served.url}/metrics", timeout=15).text,
        what="a moment without backlog",
    )


def test_the_page_shows_the_fleet(served: Serve) -> None:
    if not CHROMIUM.exists():
        assert os.environ.get("CI") != "true", f"{CHROMIUM} is not there"
        pytest.skip(f"{CHROMIUM} is not there: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGS))
        tab = browser.new_page(viewport={"width": 1280, "height": 800})
        complaints: list[str] = []
        tab.on("console", lambda m: complaints.append(m.text) if m.type == "error" else None)
        tab.goto(f"{served.url}/")
        expect(tab.locator(".tile", has_text="pump-1")).to_contain_text("current: too high")
        tab.goto(f"{served.url}/health")
        expect(tab.locator("#main")).to_contain_text("tocsin sink: at work")
        expect(tab.locator("#main")).to_contain_text("counted in its archive")
        expect(tab.locator("#main")).not_to_contain_text("Room in the log")
        tab.goto(f"{served.url}/device/pump-1")
        expect(tab.locator(".device-head")).to_contain_text("not counted")
        if folder := os.environ.get("TOCSIN_SCREENSHOTS"):
            for name, path in (
                ("fleet", "/"),
                ("alarms", "/alarms"),
                ("device", "/device/pump-1"),
                ("health", "/health"),
            ):
                tab.goto(f"{served.url}{path}")
                tab.wait_for_load_state("networkidle")
                tab.screenshot(path=f"{folder}/{name}.png", full_page=True)
        browser.close()
    assert complaints == []


def test_without_influxdb_the_alarm_list_still_answers_also_after_a_restart(
    served: Serve, fleet: Path, database: Influx, tmp_path: Path
) -> None:
    before = served.alarms(active="true")
    with gone(database):
        until(lambda: "takes nothing now" in served.reasons(), what="the outage to be said")
        assert "Alarms come from Kafka and are current" in served.reasons()
        assert served.alarms(active="true") == before
        assert [device["device"] for device in served.get("devices").json()] == ["pump-1"]
        readings = served.get("devices/pump-1/readings")
        assert (readings.status_code, "takes nothing now" in readings.json()["title"]) == (503, True)
        other = tmp_path / "tocsin.toml"
        other.write_text(fleet.read_text().replace(served.url.removeprefix("http://"), f"127.0.0.1:{free_port()}"))
        (tmp_path / "may.csv").write_text(recording())
        with Serve(other) as new:
            new.answers()
            assert new.alarms(active="true") == before
            assert "InfluxDB" in new.reasons()
    until(lambda: not served.reasons(), what="to be ready again", within_s=60)


@contextmanager
def gone(database: Influx) -> Iterator[None]:
    database.vanish()
    try:
        yield
    finally:
        database.appear()


def test_without_kafka_nothing_is_acknowledged_and_it_goes_on_when_it_is_back(served: Serve, broker: Kafka) -> None:
    name = served.alarms()["limit:current:H"]["id"]
    broker.kill()
    try:
        until(lambda: "no Kafka broker tells" in served.reasons(), what="the outage to be said", within_s=60)
        assert served.alarms(active="true")["limit:current:H"]["id"] == name
        refused = httpx.post(f"{served.url}/api/v1/alarms/{name}/accept-normal", json={"who": "Ada"}, timeout=30)
        assert (refused.status_code, "Kafka did not take it" in refused.json()["title"]) == (503, True)
    finally:
        broker.start()
    until(lambda: "no Kafka broker tells" not in served.reasons(), what="the bus to be found again", within_s=60)
    done = httpx.post(f"{served.url}/api/v1/alarms/{name}/accept-normal", json={"who": "Ada"}, timeout=30)
    assert (done.status_code, done.json()["repeated"]) == (202, False)


def test_it_ends_when_it_is_told_to(served: Serve) -> None:
    served.send(signal.SIGTERM)
    until(lambda: not served.running(), what="the end")
    assert served.code == 0, served.output.read_text()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"token": "wrong"}, "TOCSIN_INFLUX_TOKEN"),
        ({"bucket": "nowhere"}, "run tocsin store init"),
        ({"bus": "nobody"}, "no Kafka broker answers at"),
        ({"store": "duckdb:data/x.duckdb"}, "is a box's: a fleet needs store"),
        ({"listen": "0.0.0.0:1"}, "TOCSIN_TOKEN"),
    ],
)
def test_what_stands_in_its_way_at_the_start_is_a_sentence(
    broker: Kafka, database: Influx, tmp_path: Path, change: Mapping[str, str], sentence: str
) -> None:
    bus = f"127.0.0.1:{free_port()}" if "bus" in change else broker.address
    config = write(tmp_path, bus=bus, store=change.get("store") or database.url(change.get("bucket", "plant")))
    if "listen" in change:
        config.write_text(config.read_text().replace(page(config).removeprefix("http://"), change["listen"]))
    environ = {**os.environ, "TOCSIN_INFLUX_TOKEN": change.get("token", database.token)}
    begun = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "tocsin", "serve", "-c", str(config)],
        check=False,
        env=environ,
        capture_output=True,
        timeout=60,
    )
    assert time.monotonic() - begun < 60
    assert done.returncode in {1, 2}
    assert sentence in done.stderr.decode()
    assert b"Traceback" not in done.stderr


def test_the_command_line_says_when_nobody_answers(tmp_path: Path) -> None:
    config = write(tmp_path, bus=f"127.0.0.1:{free_port()}", store="influxdb://127.0.0.1:1/plant")
    found = tocsin("alarms", "list", "-c", config)
    assert found.exit_code == 1
    assert f"{ALARMS} cannot be read at 127.0.0.1" in found.stderr
