"""The keeper of a fleet: one at work, whatever number is started, and its word in every partition that it concerns."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from benchmarks.processes import Process
from benchmarks.roles import Role
from bus.address import Address
from bus.history import history
from bus.topics import Topics, layouts
from models.registry.folder import Registry
from store.influx.address import parse
from store.influx.client import InfluxClient
from store.influx.reading.book import Book
from store.influx.setup import init
from tests.servers.influx import TOKEN, Influx, influx
from tests.servers.kafka import Kafka, kafka
from tests.servers.ports import until
from tests.tocsin.plant import QUIET, RULES, tocsin
from tocsin.roles.keep import Term, WholeInbox
from wire.config import Retention
from wire.envelope import unpack_input
from wire.messages import Alarm, AlarmState, ModelChange, Watched
from wire.ports import BusError
from wire.topics import ALARMS, INPUTS


class Bus:
    """Keeps what is published; `broken` is what it says of the last partition."""

    def __init__(self, broken: str = "") -> None:
        self.records: list[tuple[str, int, bytes]] = []
        self._broken = broken

    def publish(
        self,
        topic: str,
        key: bytes,  # noqa: ARG002 -- the partition is given, or there is one edge
        body: bytes,
        done: Callable[[str], None],
        *,
        partition: int = -1,
    ) -> None:
        self.records.append((topic, partition, body))
        done(self._broken if partition == 2 else "")

    def flush(self, timeout_s: float) -> bool:  # noqa: ARG002 -- nothing is under way
        return True


def test_a_refused_candidate_is_told_of_in_every_partition_and_a_drift_at_its_edge() -> None:
    bus = Bus()
    inbox = WholeInbox(bus, 3)
    change = ModelChange("c1", "pump", 2, role="candidate", trouble="refused by the gate")
    inbox.append(change)
    assert [(topic, partition) for topic, partition, _ in bus.records] == [(INPUTS, at) for at in range(3)]
    assert {unpack_input(body) for *_, body in bus.records} == {change}
    inbox.append(Watched("w1", "edge", "pump-1", "pump", 1, stands=True))
    assert bus.records[-1][1] == -1


def test_a_change_that_a_partition_did_not_take_is_an_error() -> None:
    with pytest.raises(BusError, match="no room"):
        WholeInbox(Bus("no room"), 3).append(ModelChange("c1", "pump", 2))


def test_a_box_has_no_role_and_is_told_so(tmp_path: Path) -> None:
    config = tmp_path / "tocsin.toml"
    config.write_text(QUIET + RULES.format(page=8765))
    found = tocsin("keep", "-c", config)
    assert found.exit_code == 2
    assert "kafka://" in found.stderr


class Turns:
    """Has the turns that it is told; each look takes the next, and the last one stands."""

    def __init__(self, *mine: bool) -> None:
        self._mine = list(mine)
        self.looks = 0

    def mine(self, wait_s: float) -> bool:  # noqa: ARG002 -- it knows at once
        self.looks += 1
        return self._mine.pop(0) if len(self._mine) > 1 else self._mine[0]


def test_a_keeper_works_while_it_is_its_turn_and_begins_anew_with_the_next_one() -> None:
    stop, terms = threading.Event(), list[threading.Event]()

    def work(over: threading.Event) -> None:
        terms.append(over)
        if len(terms) == 2:
            stop.set()
        assert over.wait(20)

    Term(Turns(False, True, True, False, True), lambda: work).run(stop)
    assert [over.is_set() for over in terms] == [True, True]


def test_a_keeper_whose_turn_it_is_not_begins_nothing() -> None:
    stop, turns = threading.Event(), Turns(False)

    def begins() -> Callable[[threading.Event], None]:
        raise AssertionError

    standing = threading.Thread(target=Term(turns, begins).run, args=(stop,))
    standing.start()
    until(lambda: turns.looks > 3, what="some looks")
    stop.set()
    standing.join(20)
    assert not standing.is_alive()


def test_a_keeper_that_cannot_go_on_ends_its_role_with_the_reason() -> None:
    def breaks(over: threading.Event) -> None:  # noqa: ARG001 -- it ends before
        msg = "the folder is gone"
        raise OSError(msg)

    with pytest.raises(OSError, match="the folder is gone"):
        Term(Turns(True), lambda: breaks).run(threading.Event())


RECIPE = """\
task = "anomaly"
features = [{ kind = "mean", rows = 4 }]
estimator = { kind = "mahalanobis" }
calibration = { multiple = 4.0 }
decision = { k = 3, n = 5, quiet = 10 }
"""
HALL = """\
site = "hall"
bus = "kafka://{kafka}"
store = "{influx}"
registry = "folder:{folder}/shared/models"
[edge]
name = "edge-1"
outbox = "edge-1.sqlite"
[[edge.sources]]
type = "replay"
path = "{recording}"
device = "pump-1"
moved_to_now = true
loop = true
[[devices]]
match = "pump-1"
model = "pump"
[[models]]
name = "pump"
recipe = "pump.toml"
history = "1h"
retrain = ["drift"]
after_drift = "10s"
check_every = "1s"
"""
ROWS, EVERY_MS = 1000, 20
DRIFT = "model-drift:pump"
AT_WORK, STANDS_BY, BEGINS = "this keeper keeps the models", "this one stands by", "is trained anew"


class Plant:
    """A fleet whose pump is what a recording says, and two keepers of its model."""

    def __init__(self, folder: Path, bus: Kafka, store: Influx) -> None:
        self.folder, self.bus, self.store = folder, bus, store
        self.registry = Registry.open(str(folder / "shared/models"))
        self.calm, self.drifted = self._config("calm", off=0.0), self._config("drifted", off=2.0)
        self.keepers = [Role("keep", self.calm, name=f"keep-{number}") for number in (1, 2)]

    def _config(self, name: str, *, off: float) -> Path:
        """A recording of three sensors, the first of them off by so many of its spreads, and a config that plays it."""
        values = np.random.default_rng(7).normal([50.0 + off, 3.0, 12.0], [1.0, 0.2, 0.5], (ROWS, 3))
        begun = np.datetime64("2026-05-01T06:00:00.000")
        lines = [
            f"{begun + np.timedelta64(EVERY_MS * at, 'ms')}Z,{','.join(f'{value:.4f}' for value in row)}"
            for at, row in enumerate(values)
        ]
        (self.folder / f"{name}.csv").write_text("\n".join(["time,temperature,vibration,current", *lines]) + "\n")
        (self.folder / "pump.toml").write_text(RECIPE)
        path = self.folder / f"{name}.toml"
        text = HALL.format(
            kafka=self.bus.address, influx=self.store.url("plant"), folder=self.folder, recording=f"{name}.csv"
        )
        path.write_text(text)
        return path

    def edge(self, config: Path) -> Role:
        return Role("edge", config)

    def alarm(self) -> Alarm | None:
        """What rings of the drift, as the bus tells it."""
        book = Book(history(Address(servers=self.bus.address), ALARMS))
        return next((each for each in book.alarms() if each.rule == DRIFT), None)

    def scored(self, version: int) -> int:
        """How many rows a version scored as champion, as InfluxDB tells it."""
        return self._count(f"scores WHERE device = 'pump-1' AND model_version = {version}")

    def tried(self, version: int) -> int:
        """How many rows a version scored beside the champion."""
        return self._count(f"shadow_scores WHERE device = 'pump-1' AND version = '{version}' AND role = 'candidate'")

    def _count(self, which: str) -> int:
        with InfluxClient(parse(self.store.url("plant"), self.store.environ)) as client:
            found = client.query(f"SELECT count(score) FROM {which}")
        return int(found[0].values[0][1] or 0) if found else 0

    def promote(self, version: str) -> None:
        """What a person types where the registry is."""
        with pytest.MonkeyPatch.context() as patched:
            patched.setenv("TOCSIN_REGISTRY", self.registry.url)
            done = tocsin("models", "promote", version, "--who", "ana")
        assert done.exit_code == 0, done.output

    def said(self, words: str) -> list[int]:
        """How often each keeper said so."""
        return [keeper.output.read_text().count(words) for keeper in self.keepers]

    def at_work(self) -> list[Role]:
        """The keepers that run and say that it is their turn."""
        logs = [(keeper, keeper.output.read_text()) for keeper in self.keepers if keeper.running()]
        return [keeper for keeper, log in logs if log.rfind(AT_WORK) > log.rfind(STANDS_BY)]


@pytest.fixture
def plant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Plant]:
    monkeypatch.setenv("TOCSIN_INFLUX_TOKEN", TOKEN)
    monkeypatch.setenv("TOCSIN_MLFLOW", "off")
    with ExitStack() as stack:
        bus = stack.enter_context(kafka(tmp_path / "kafka"))
        store = stack.enter_context(influx(tmp_path / "influx"))
        Topics(Address(servers=bus.address)).create(layouts(4))
        init(parse(store.url("plant"), store.environ), Retention())
        hall = Plant(tmp_path, bus, store)
        monkeypatch.setenv("TOCSIN_REGISTRY", hall.registry.url)
        trained = tocsin("train", hall.folder / "pump.toml", "--data", hall.folder / "calm.csv", "--name", "pump")
        assert trained.exit_code == 0, trained.output
        monkeypatch.delenv("TOCSIN_REGISTRY")
        roles: list[Process] = [Role("stream", hall.calm, "--instance", f"w{at}", name=f"worker-{at}") for at in (1, 2)]
        roles += [Role("sink", hall.calm), *hall.keepers]
        for role in roles:
            stack.enter_context(role)
        for role in roles:
            assert isinstance(role, Role)
            role.ready()
        yield hall


@pytest.mark.server
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_fleet_finds_its_pump_drifting_and_has_one_new_model_from_its_two_keepers(plant: Plant) -> None:
    with plant.edge(plant.calm):
        until(lambda: plant.scored(1) > 300, what="scores of the pump", within_s=90)
        until(lambda: len(plant.at_work()) == 1, what="one of the two keepers", within_s=30)
        assert plant.alarm() is None
    with plant.edge(plant.drifted):
        until(lambda: plant.alarm() is not None, what="the alarm of drift", within_s=60)
        rung = plant.alarm()
        assert rung is not None
        assert (rung.device, rung.model, rung.model_version) == ("pump-1", "pump", 1)
        until(lambda: plant.registry.versions("pump") == [1, 2], what="a second version", within_s=60)
        until(lambda: plant.tried(2) > 0, what="scores of it beside the first", within_s=60)
        plant.promote("pump@2")
        until(lambda: plant.scored(2) > 0, what="scores of it in the place of the first", within_s=60)
        until(lambda: over(plant.alarm()), what="the end of the drift", within_s=60)
        until(lambda: sum(plant.said("version 2: trained on")) == 1, what="the end of the training's process")
        assert sorted(plant.said(BEGINS)) == [0, 1]

        (first,) = plant.at_work()
        assert first.stop() == 0
        until(lambda: len(plant.at_work()) == 1, what="the other keeper to take over", within_s=30)
        asked = tocsin("models", "retrain", "pump", "-c", plant.calm)
        assert asked.exit_code == 0, asked.output
        assert plant.registry.versions("pump") == [1, 2, 3]
    assert plant.said(BEGINS) == [1, 1]


def over(alarm: Alarm | None) -> bool:
    return alarm is not None and alarm.state is AlarmState.RETURNED
