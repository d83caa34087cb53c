import json
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from simulators.course import Course
from simulators.lies import Dropout
from simulators.mqtt_line import MqttLine
from simulators.numbered import Numbered
from simulators.pump import Pump
from simulators.speak import speak

pytestmark = pytest.mark.server
MS = 1_000_000
MOSQUITTO = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
NUMBERED = Numbered(Pump(seed=3))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def broker(port: int, folder: Path) -> Iterator[str]:
    if MOSQUITTO is None:
        if os.environ.get("CI") == "true":
            pytest.fail("mosquitto is not installed, and CI must test against the real broker")
        pytest.skip("mosquitto is not installed")
    settings = folder / "mosquitto.conf"
    settings.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 100000\n")
    process = subprocess.Popen([MOSQUITTO, "-c", str(settings)], stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    try:
        assert any("running" in line for line in process.stderr), "mosquitto did not start"
        yield f"mqtt://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)
        process.stderr.close()


@contextmanager
def listener(url: str, count: int) -> Iterator[tuple[list[tuple[str, bytes]], threading.Event]]:
    """What a subscriber to plant/# hears, and an event for its `count`-th message."""
    heard: list[tuple[str, bytes]] = []
    ready, enough = threading.Event(), threading.Event()

    def note(_: mqtt.Client, __: object, message: mqtt.MQTTMessage) -> None:
        heard.append((message.topic, bytes(message.payload)))
        if len(heard) >= count:
            enough.set()

    client = mqtt.Client(CallbackAPIVersion.VERSION2)
    client.on_subscribe = lambda *_: ready.set()
    client.on_message = note
    client.connect("127.0.0.1", int(url.rsplit(":", 1)[1]))
    client.subscribe("plant/#", qos=1)
    client.loop_start()
    try:
        assert ready.wait(10)
        yield heard, enough
    finally:
        client.disconnect()
        client.loop_stop()


def until(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20.0
    while not done():
        assert time.monotonic() < deadline, "waited too long"
        threading.Event().wait(0.002)


def test_every_row_is_acknowledged_and_heard_once(tmp_path: Path) -> None:
    with broker(free_port(), tmp_path) as url, listener(url, 2500) as (heard, enough):
        with MqttLine(NUMBERED, every_ns=MS, url=url, fast=True, rows=2500, start_ns=10**18) as line:
            assert line.finished(30)
        assert enough.wait(10)
    assert (line.produced, line.published, line.acked) == (2500, 2500, 2500)
    assert {topic for topic, _ in heard} == {"plant/pump-1"}
    rows = [json.loads(body) for _, body in heard]
    assert [row["n"] for row in rows] == list(range(1, 2501))
    assert [row["time"] for row in rows[:3]] == [10**18, 10**18 + MS, 10**18 + 2 * MS]


def test_bare_numbers_go_to_a_topic_a_channel_without_the_missing_ones(tmp_path: Path) -> None:
    machine = Dropout(NUMBERED, Course(onset_ns=0), channel="flow")
    with broker(free_port(), tmp_path) as url, listener(url, 50) as (heard, enough):
        with MqttLine(machine, every_ns=MS, url=url, payload="numbers", rows=10) as line:
            assert line.finished(30)
        assert enough.wait(10)
    assert (line.produced, line.published, line.acked) == (10, 50, 10)
    assert [int(body) for topic, body in heard if topic == "plant/pump-1/n"] == list(range(1, 11))
    assert not [topic for topic, _ in heard if topic.endswith("/flow")]


def test_rows_wait_for_a_broker_that_is_away_and_none_is_lost(tmp_path: Path) -> None:
    port = free_port()
    with MqttLine(NUMBERED, every_ns=MS, url=f"mqtt://127.0.0.1:{port}", rows=4000, limit=100) as line:
        until(lambda: line.produced == 100)
        assert line.acked == 0
        with broker(port, tmp_path):
            until(lambda: line.acked > 50)
        assert not line.finished(0.0)
        with broker(port, tmp_path):
            assert line.finished(30)
    assert (line.produced, line.acked) == (4000, 4000)


def test_a_line_without_a_broker_can_be_left() -> None:
    with MqttLine(NUMBERED, every_ns=MS, url=f"mqtt://127.0.0.1:{free_port()}", fast=True) as line:
        assert not line.finished(0.05)
        assert not line.connected
    assert line.finished(0)


@pytest.mark.parametrize("url", ["127.0.0.1:1883", "http://127.0.0.1", "mqtt://"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="url must look like"):
        MqttLine(NUMBERED, every_ns=MS, url=url)


def test_one_call_speaks_all_three_ways(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with broker(free_port(), tmp_path) as url, speak(NUMBERED, "mqtt", url=url, rows=3, every_ns=MS) as line:
        assert line.finished(30)
    assert line.produced == 3
    with speak(NUMBERED, "serial", link=tmp_path / "tty", rows=3, every_ns=MS) as line:
        assert line.finished(30)
    assert line.produced == 3
    with speak(NUMBERED, "stdout", rows=3, every_ns=MS) as line:
        assert line.finished(30)
    assert len(capsys.readouterr().out.splitlines()) == 4
