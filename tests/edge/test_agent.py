import random
import threading
from array import array
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edge.agent import Agent
from edge.log import LocalLog
from edge.source import Source, SourceError
from wire.config import Config, EdgeSettings, HostSource, MqttSource, OnStart, ReplaySource, SerialSource
from wire.config import Source as SourceSettings
from wire.envelope import unpack_input
from wire.messages import Batch, Event, Gap, SourceState, SourceStatus
from wire.ports import Arrival, Intake, Row

DEADLINE_S = 30
Attempt = Callable[[Intake, threading.Event, Callable[[str], None]], None]


class Scripted:
    """A source that does one thing at each attempt, and then waits to be stopped."""

    def __init__(self, name: str, *attempts: Attempt, acknowledged: bool = False) -> None:
        self.name = name
        self.acknowledged = acknowledged
        self._attempts = list(attempts)

    def run(self, intake: Intake, stop: threading.Event, connected: Callable[[str], None]) -> None:
        if self._attempts:
            self._attempts.pop(0)(intake, stop, connected)
        else:
            connected("ready")
            stop.wait(DEADLINE_S)


def absent(_intake: Intake, _stop: threading.Event, _connected: Callable[[str], None]) -> None:
    msg = "no such port: plug it in"
    raise SourceError(msg)


def broken(_intake: Intake, _stop: threading.Event, _connected: Callable[[str], None]) -> None:
    msg = "a bug"
    raise KeyError(msg)


def unplugged(intake: Intake, _stop: threading.Event, connected: Callable[[str], None]) -> None:
    connected("open")
    intake.put(Arrival("serial-1", [Row("d", ("n",), (1.0,))]))
    msg = "the line was lost"
    raise SourceError(msg)


def ending(intake: Intake, _stop: threading.Event, connected: Callable[[str], None]) -> None:
    connected("open")
    intake.put(Arrival("replay-1", [Row("d", ("n",), (7.0,))]))


class Builder:
    def __init__(self, **scripts: Scripted) -> None:
        self._scripts = scripts

    def __call__(self, _settings: SourceSettings, name: str, _config: Config) -> Source:
        return self._scripts[name.replace("-", "_")]


def serial(on_start: OnStart = OnStart.RETRY) -> SerialSource:
    return SerialSource(port="/dev/none", device="d", on_start=on_start)


def config(*sources: SourceSettings) -> Config:
    return Config(edge=EdgeSettings(sources=sources))


def events(log: LocalLog) -> list[Event]:
    found: list[Event] = []
    for entry in log.read(0, limit=1000, wait_s=0):
        batch = unpack_input(entry.body)
        assert isinstance(batch, Batch)
        found.extend(batch.events)
    return found


def states(log: LocalLog, source: str) -> list[str]:
    return [e.state.value for e in events(log) if isinstance(e, SourceState) and e.source == source]


def await_state(log: LocalLog, source: str, state: SourceStatus) -> None:
    after = 0
    while state not in states(log, source):
        entries = log.read(after, limit=1000, wait_s=DEADLINE_S)
        assert entries, f"{source} never became {state}"
        after = entries[-1].pos


@pytest.fixture
def log(tmp_path: Path) -> Iterator[LocalLog]:
    with LocalLog(tmp_path / "log.sqlite", edge="e") as log:
        yield log


def test_a_source_that_cannot_start_is_tried_again_and_each_change_is_told(log: LocalLog) -> None:
    builder = Builder(serial_1=Scripted("serial-1", absent))
    with Agent(config(serial()), log=log, rng=random.Random(1), build=builder):
        await_state(log, "serial-1", SourceStatus.CONNECTED)
    assert states(log, "serial-1") == ["starting", "retrying", "connected", "stopped"]
    details = [e.detail for e in events(log) if isinstance(e, SourceState)]
    assert details == ["", "no such port: plug it in", "ready", ""]
    assert all(e.t_ns > 0 for e in events(log) if isinstance(e, SourceState))


def test_one_bad_source_never_stops_another(log: LocalLog, caplog: pytest.LogCaptureFixture) -> None:
    bad = Scripted("serial-1", broken, broken, broken, broken)
    builder = Builder(serial_1=bad, mqtt_1=Scripted("mqtt-1", acknowledged=True))
    with Agent(config(serial(), MqttSource()), log=log, rng=random.Random(1), build=builder) as agent:
        await_state(log, "serial-1", SourceStatus.RETRYING)
        await_state(log, "mqtt-1", SourceStatus.CONNECTED)
        assert agent.failure == ""
    assert "KeyError: 'a bug'" in next(
        e.detail for e in events(log) if isinstance(e, SourceState) and e.state is SourceStatus.RETRYING
    )
    assert "failed in a way that it does not know" in caplog.text


def test_a_source_that_may_be_missing_is_left_out(log: LocalLog) -> None:
    builder = Builder(serial_1=Scripted("serial-1", absent))
    with Agent(config(serial(OnStart.IGNORE)), log=log, build=builder) as agent:
        assert agent.wait(DEADLINE_S)
    assert agent.failure == ""
    assert states(log, "serial-1") == ["starting", "failed"]


def test_a_source_that_must_start_ends_the_program_with_its_sentence(log: LocalLog) -> None:
    builder = Builder(serial_1=Scripted("serial-1", absent), mqtt_1=Scripted("mqtt-1"))
    sources = serial(OnStart.FAIL), MqttSource()
    with Agent(config(*sources), log=log, build=builder) as agent:
        assert agent.wait(DEADLINE_S)
        assert agent.failure == "source serial-1 could not start: no such port: plug it in"


def test_a_line_that_is_lost_after_it_was_open_is_tried_again_whatever_its_policy(log: LocalLog) -> None:
    builder = Builder(serial_1=Scripted("serial-1", unplugged))
    with Agent(config(serial(OnStart.FAIL)), log=log, rng=random.Random(1), build=builder) as agent:
        await_state(log, "serial-1", SourceStatus.RETRYING)
        while states(log, "serial-1").count("connected") < 2:
            log.read(log.status().last_pos, limit=1, wait_s=DEADLINE_S)
        assert agent.failure == ""
    gaps = [e for e in events(log) if isinstance(e, Gap)]
    assert [(g.source, g.rows, g.reason) for g in gaps] == [("serial-1", -1, "line was lost")]
    batch = next(
        b for e in log.read(0, limit=99, wait_s=0) if isinstance(b := unpack_input(e.body), Batch) and b.frames
    )
    assert gaps[0].from_ns == array("q", batch.frames[0].t_ns)[0] < gaps[0].to_ns


def test_an_edge_that_was_not_running_is_a_gap_of_its_lines_but_not_of_brokers_and_files(tmp_path: Path) -> None:
    sources = serial(), MqttSource(), ReplaySource(path="x.csv", device="d"), HostSource()
    for _ in range(2):
        builder = Builder(
            serial_1=Scripted("serial-1"),
            mqtt_1=Scripted("mqtt-1", acknowledged=True),
            replay_1=Scripted("replay-1"),
            host_1=Scripted("host-1"),
        )
        with LocalLog(tmp_path / "log.sqlite", edge="e") as log:
            with Agent(config(*sources), log=log, build=builder):
                for name in ("serial-1", "mqtt-1", "replay-1", "host-1"):
                    while states(log, name)[-1:] != ["connected"]:
                        log.read(log.status().last_pos, limit=1, wait_s=DEADLINE_S)
            found = [e for e in events(log) if isinstance(e, Gap)]
    assert {gap.source for gap in found} == {"serial-1", "host-1"}
    assert {gap.reason for gap in found} == {"edge was not running"}
    assert len(found) == 2


def test_it_is_over_when_every_source_has_ended_and_nothing_is_lost(log: LocalLog) -> None:
    settings = ReplaySource(path="x.csv", device="d")
    with Agent(config(settings), log=log, build=Builder(replay_1=Scripted("replay-1", ending))) as agent:
        assert agent.wait(DEADLINE_S)
    assert states(log, "replay-1") == ["starting", "connected", "ended"]
    assert log.lane.rows == 1


def test_threads_carry_the_names_of_their_sources(log: LocalLog) -> None:
    with Agent(config(serial()), log=log, build=Builder(serial_1=Scripted("serial-1"))):
        assert {"source-serial-1", "outbox"} <= {thread.name for thread in threading.enumerate()}
    assert not {"source-serial-1", "outbox"} & {thread.name for thread in threading.enumerate()}


def test_names_are_unique(log: LocalLog) -> None:
    with pytest.raises(ValueError, match="mqtt-1 is the name of more than one source"):
        Agent(config(MqttSource(), serial(), HostSource(name="mqtt-1")), log=log)
