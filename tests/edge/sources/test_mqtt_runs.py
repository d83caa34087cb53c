import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import msgspec
import pytest
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from edge.agent import Agent
from edge.log import LocalLog
from edge.sources.mqtt import MqttSource, build
from edge.sources.mqtt_runs import RunMessages
from tests.edge.sources.fakes import KeepingIntake, running, until
from tests.edge.sources.mosquitto import Mosquitto, mosquitto, publish
from wire.answer import answer
from wire.config import Config, EdgeSettings
from wire.config import MqttSource as Settings
from wire.envelope import unpack_input
from wire.messages import Advice, Batch, Measured, Origin, Refused, RunEnded, SourceState, SourceStatus, StepEnded

ADVICE = Advice(Origin("e", "0" * 32, 1), "e", "r1", "S01", 0.9, stop=True, t_ns=1, source="line-1")
_E = TypeVar("_E")
STEP = '{"event":"step","run":"r1","step":"S01","measurements":[{"name":"a","value":1.5}]}'


def messages(**changes: str) -> RunMessages:
    return RunMessages(msgspec.structs.replace(Settings(), **changes), source="line-1")


def reasons(topic: str, payload: bytes, *, retained: bool = False) -> list[str]:
    harvest = messages().read(topic, payload, retained=retained)
    assert harvest is not None
    return [event.reason for event in harvest.events if isinstance(event, Refused)]


def test_a_bench_is_known_by_its_topic_and_answered_on_another() -> None:
    harvest = messages().read("plant/bench-1/run", STEP.encode(), retained=False)
    assert harvest is not None
    assert harvest.events == (
        Measured("r1", "S01", "a", 1.5, station="bench-1", source="line-1"),
        StepEnded("r1", "S01", station="bench-1", source="line-1"),
    )
    assert messages().way_back("plant/bench-1/run") == "plant/bench-1/advice"
    assert messages(advice_pattern="").way_back("plant/bench-1/run") == ""
    assert messages(run_pattern="{station}/t", advice_pattern="a/{station}/b").way_back("x/t") == "a/x/b"


@pytest.mark.parametrize("topic", ["plant/bench-1/flow", "plant/bench-1", "plant/a/b/run", "plant//run"])
def test_other_topics_are_no_benches(topic: str) -> None:
    assert messages().read(topic, STEP.encode(), retained=False) is None
    assert messages(run_pattern="").read("plant/bench-1/run", STEP.encode(), retained=False) is None


def test_a_number_on_the_topic_of_a_bench_is_a_reading_as_ever() -> None:
    assert messages().read("plant/pump-1/run", b"1", retained=False) is None


def test_what_a_bench_says_wrong_is_refused_with_its_topic() -> None:
    assert reasons("plant/b/run", b'{"run":"r"}') == [
        'topic plant/b/run: a JSON object without "event" and "run": a bench says both in each message'
    ]
    assert reasons("plant/b/run", b'{"event":"step","run":"r"}') == [
        "topic plant/b/run: step: step: is missing or empty"
    ]
    assert reasons("plant/\x07/run", STEP.encode()) != []
    assert reasons("plant/b/run", b"{" + b" " * (1 << 20)) == ["topic plant/b/run: payload larger than 1048576 bytes"]


@pytest.mark.parametrize(
    ("payload", "why"),
    [
        (b'{"event":"step","run":', "not JSON"),
        (b'{"event":"step","run":"r","step":"\xff"}', "not text: wrong baud rate or line noise?"),
        (b'{"event":"step","run":' + b"[" * 5000 + b"]" * 5000 + b"}", "JSON nested too deeply"),
        (b'{"event":"measured","run":"r","value":' + b"9" * 5000 + b"}", "not JSON"),
    ],
)
def test_what_is_no_json_is_refused_as_such(payload: bytes, why: str) -> None:
    assert reasons("plant/b/run", payload) == [f"topic plant/b/run: {why}"]


def test_a_retained_event_counts_only_if_it_says_when_it_was() -> None:
    timed = STEP.replace("{", '{"time":1700000000,', 1).encode()
    assert reasons("plant/b/run", timed, retained=True) == []
    assert reasons("plant/b/run", STEP.encode(), retained=True) == [
        "topic plant/b/run: retained copy without a time, so of unknown age: bench events need no retain, or a time"
    ]


def test_answers_are_known_again_and_readings_beside_them_are_not_taken_for_any() -> None:
    said = answer(ADVICE).body
    assert messages().is_answer("plant/bench-1/advice", said)
    assert not messages().is_answer("plant/bench-1/other", said)
    assert not messages().is_answer("plant/bench-1/advice", b"1")


@pytest.mark.parametrize("pattern", ["plant/run", "{station}/{station}", "{device}/run", "plant/+/{station}"])
def test_a_pattern_that_names_no_station_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"run_pattern: expected \{station\} once"):
        messages(run_pattern=pattern)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Mosquitto]:
    with mosquitto(tmp_path) as there:
        yield there


def source(url: str, **changes: object) -> MqttSource:
    settings = msgspec.structs.replace(Settings(url=url), **changes)
    return build(settings, name="line-1", config=Config(edge=EdgeSettings(name="hall-3")))


class Bench:
    """A test bench that hears its advice."""

    def __init__(self, server: Mosquitto) -> None:
        self.heard: list[dict[str, object]] = []
        self._ready = threading.Event()
        self.client = Client(CallbackAPIVersion.VERSION2)
        self.client.on_message = self._hear
        self.client.on_subscribe = lambda *_: self._ready.set()
        self.client.connect("127.0.0.1", server.port)
        self.client.loop_start()
        self.client.subscribe("plant/bench-1/advice", 1)
        assert self._ready.wait(10)

    def _hear(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        self.heard.append(json.loads(message.payload))


def kept(log: LocalLog, kind: type[_E]) -> list[_E]:
    """The events of one kind that are on disk."""
    batches = [unpack_input(entry.body) for entry in log.read(0, limit=1000, wait_s=0.0)]
    return [e for batch in batches if isinstance(batch, Batch) for e in batch.events if isinstance(e, kind)]


@contextmanager
def bench(server: Mosquitto) -> Iterator[Bench]:
    one = Bench(server)
    try:
        yield one
    finally:
        one.client.disconnect()
        one.client.loop_stop()


@pytest.mark.server
@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_advice_goes_back_by_mqtt_and_is_not_taken_for_a_reading(server: Mosquitto, version: str) -> None:
    intake = KeepingIntake()
    line = source(server.url, version=version)
    with bench(server) as there, running(line, intake):
        publish(server, "plant/bench-1/run", STEP)
        until(lambda: bool(intake.of(StepEnded)))
        line.answer(ADVICE)
        line.answer(msgspec.structs.replace(ADVICE, run="r2"))  # nobody asked
        until(lambda: bool(there.heard))
        publish(server, "plant/pump-1/flow", "1")
        until(lambda: bool(intake.rows))
    assert there.heard == [{"event": "advice", "run": "r1", "step": "S01", "stop": True, "p_fail": 0.9}]
    assert len(intake.rows) == 1
    assert intake.refused == 0


@pytest.mark.server
def test_another_edge_at_the_same_broker_does_not_take_an_answer_for_input(server: Mosquitto) -> None:
    intake = KeepingIntake()
    with running(source(server.url), intake):
        publish(server, "plant/bench-1/advice", answer(ADVICE).body)
        publish(server, "plant/pump-1/flow", "1")
        until(lambda: bool(intake.rows))
    assert intake.refused == 0


@pytest.mark.server
def test_a_run_event_that_was_not_committed_comes_again(server: Mosquitto) -> None:
    first, second = KeepingIntake(commits=False), KeepingIntake()
    with running(source(server.url), first):
        publish(server, "plant/bench-1/run", STEP, '{"event":"run-ended","run":"r1","outcome":"pass"}')
        until(lambda: bool(first.of(RunEnded)))
    with running(source(server.url), second):
        until(lambda: bool(second.of(RunEnded)))
    assert first.events == second.events
    assert all(arrival.receipt is not None and arrival.receipt.again for arrival in second.arrivals)


@pytest.mark.server
def test_an_agent_keeps_a_step_on_disk_and_returns_what_the_core_says_of_it(server: Mosquitto, tmp_path: Path) -> None:
    settings = Settings(url=server.url, name="line-1")
    config = Config(edge=EdgeSettings(name="hall-3", sources=(settings,)))
    with (
        LocalLog(tmp_path / "log.sqlite", edge="hall-3") as log,
        bench(server) as there,
        Agent(config, log=log) as agent,
    ):
        until(lambda: any(event.state is SourceStatus.CONNECTED for event in kept(log, SourceState)))
        publish(server, "plant/bench-1/run", STEP)
        until(lambda: bool(kept(log, StepEnded)))
        seen = kept(log, StepEnded)
        assert (seen[0].station, seen[0].source) == ("bench-1", "line-1")
        agent.returns.give([msgspec.structs.replace(ADVICE, source=seen[0].source)])
        until(lambda: bool(there.heard))
    assert there.heard[0]["stop"] is True
