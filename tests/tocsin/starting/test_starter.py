"""A first config: from whatever is connected it is valid, names what was found, and never replaces a file unasked."""

import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.examining.check import check
from tocsin.starting.starter import StarterError, config_text, write
from tocsin.starting.surroundings import Broker, SerialPort, Surroundings, broker, serial_ports
from wire.config import Costs, HostSource, MqttSource, SerialSource
from wire.settings import Loaded, load, parse

USB = SerialPort(name="usb:0403:6001/FT9", path="/dev/ttyUSB0", description="FT232R USB UART", usb=True)
BUILT_IN = SerialPort(name="/dev/ttyS0", path="/dev/ttyS0", description="", usb=False)


class Listed(msgspec.Struct):
    """A port as pyserial lists it."""

    device: str
    vid: int | None = None
    pid: int | None = None
    serial_number: str | None = None
    description: str = "n/a"


def config(here: Surroundings) -> Loaded:
    return parse(config_text(here), name="tocsin.toml", folder=Path("/plant"))


def test_a_bare_machine_watches_itself() -> None:
    assert [type(source) for source in config(Surroundings()).config.edge.sources] == [HostSource]


def test_what_is_connected_becomes_a_source() -> None:
    got = config(Surroundings(ports=(USB, BUILT_IN), broker=Broker.LOGIN)).config
    _, serial, mqtt = got.edge.sources
    assert isinstance(serial, SerialSource)
    assert (serial.port, serial.device) == ("usb:0403:6001/FT9", "ft232r-usb-uart-1")
    assert isinstance(mqtt, MqttSource)
    assert (mqtt.username_env, mqtt.password_env) == ("MQTT_USERNAME", "MQTT_PASSWORD")


def test_a_config_is_valid_with_its_comments_taken_off(tmp_path: Path) -> None:
    text = config_text(Surroundings())
    taken_off = "\n".join(
        line.removeprefix("# ") if "=" in line or line.startswith("# [") else line for line in text.splitlines()
    )
    (tmp_path / "tocsin.toml").write_text(taken_off.replace('match = "*"', 'match = "*-1"', 1))
    assert check(tmp_path / "tocsin.toml", environ={"MQTT_USERNAME": "a", "MQTT_PASSWORD": "b"}) == []
    got = load(tmp_path / "tocsin.toml").config
    assert [type(source) for source in got.edge.sources] == [HostSource, SerialSource, MqttSource]
    assert got.device("pump-1").running_when == "current > 0.5"
    assert got.procedure("end-of-line-7").costs == Costs(bench_hour=60, scrap_good=100, repair=40)


printable = st.text(st.characters(codec="utf-8"), max_size=20)
listed = st.builds(
    Listed,
    device=st.integers(0, 99).map("/dev/ttyUSB{}".format),
    vid=st.none() | st.integers(0, 65535),
    pid=st.none() | st.integers(0, 65535),
    serial_number=st.none() | printable,
    description=printable,
)


@given(st.lists(listed, max_size=4, unique_by=lambda port: port.device), st.sampled_from(Broker))
def test_any_hardware_gives_a_valid_config(ports: list[Listed], found: Broker) -> None:
    here = serial_ports(ports)
    sources = config(Surroundings(ports=here, broker=found)).config.edge.sources
    assert sum(isinstance(source, SerialSource) for source in sources) == sum(port.usb for port in here)


def test_two_ports_of_one_identity_are_told_apart_by_path() -> None:
    twins = [Listed("/dev/ttyUSB1", 0x403, 0x6010, "A"), Listed("/dev/ttyUSB0", 0x403, 0x6010, "A")]
    assert [port.name for port in serial_ports(twins)] == ["/dev/ttyUSB0", "/dev/ttyUSB1"]


def test_it_says_what_it_found_and_what_comes_next(tmp_path: Path) -> None:
    path = tmp_path / "tocsin.toml"
    said = write(path, look=lambda: Surroundings(ports=(USB,), broker=Broker.OPEN))
    assert "found: serial port /dev/ttyUSB0 (usb:0403:6001/FT9)" in said
    assert "found: an MQTT broker on 127.0.0.1:1883" in said
    assert said.endswith(f"next:  tocsin up -c {path}")
    assert check(path) == []


def test_a_file_is_replaced_only_when_forced(tmp_path: Path) -> None:
    path = tmp_path / "tocsin.toml"
    path.write_text("mine")
    with pytest.raises(StarterError, match="--force"):
        write(path, look=Surroundings)
    assert path.read_text() == "mine"
    write(path, force=True, look=Surroundings)
    assert check(path) == []
    assert [entry.name for entry in tmp_path.iterdir()] == ["tocsin.toml"]


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(StarterError, match="No such file or directory"):
        write(tmp_path / "none" / "tocsin.toml", look=Surroundings)


@contextmanager
def answering(answer: bytes) -> Iterator[int]:
    """A server that answers one connection with some bytes, as long as it was sent a greeting."""

    def serve() -> None:
        line, _ = server.accept()
        with line:
            if line.recv(64).startswith(b"\x10\x0c\x00\x04MQTT"):
                line.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()[1]
        thread.join(timeout=10)


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        (b"\x20\x02\x00\x00", Broker.OPEN),
        (b"\x20\x02\x00\x05", Broker.LOGIN),
        (b"HTTP/1.1 400", Broker.NONE),
        (b"", Broker.NONE),
    ],
)
def test_a_broker_is_known_by_its_answer(answer: bytes, found: Broker) -> None:
    with answering(answer) as port:
        assert broker("127.0.0.1", port, timeout_s=5) is found


@pytest.mark.server
@pytest.mark.skipif(shutil.which("mosquitto") is None and "CI" not in os.environ, reason="no mosquitto here")
@pytest.mark.parametrize(("anonymous", "found"), [("true", Broker.OPEN), ("false", Broker.LOGIN)])
def test_mosquitto_is_known_by_its_answer(tmp_path: Path, anonymous: str, found: Broker) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    (tmp_path / "m.conf").write_text(f"listener {port} 127.0.0.1\nallow_anonymous {anonymous}\n")
    with subprocess.Popen(["mosquitto", "-c", tmp_path / "m.conf"], stderr=subprocess.DEVNULL) as process:
        try:
            deadline_s = time.monotonic() + 20
            while (answer := broker("127.0.0.1", port)) is Broker.NONE and time.monotonic() < deadline_s:
                assert process.poll() is None
            assert answer is found
        finally:
            process.terminate()


def test_no_one_listening_is_no_broker() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert broker("127.0.0.1", port) is Broker.NONE
