"""A real Mosquitto broker on a free port, and a client that publishes to it."""

import os
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from tests.edge.sources.fakes import until


class Mosquitto:
    """One broker whose port stays the same when it is restarted."""

    def __init__(self, folder: Path, lines: Sequence[str] = ("allow_anonymous true",)) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self.url = f"mqtt://127.0.0.1:{self.port}"
        self._config = folder / "mosquitto.conf"
        user = ["user root"] if os.getuid() == 0 else []
        keep = [f"persistence_location {folder}/", "persistence true", "max_queued_messages 0"]
        self._config.write_text("\n".join([f"listener {self.port} 127.0.0.1", *user, *keep, *lines, ""]))
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen([_program(), "-c", str(self._config)], stderr=subprocess.DEVNULL)
        until(self._listens, what="mosquitto")

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)
            self._process = None

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait(10)
        self._process = None

    def _listens(self) -> bool:
        with socket.socket() as there:
            return there.connect_ex(("127.0.0.1", self.port)) == 0


def _program() -> str:
    return shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin") or ""


@contextmanager
def mosquitto(folder: Path, lines: Sequence[str] = ("allow_anonymous true",)) -> Iterator[Mosquitto]:
    """Run a broker; skip where there is none, except in CI."""
    if not _program():
        assert os.environ.get("CI") != "true", "mosquitto is not installed"
        pytest.skip("mosquitto is not installed")
    server = Mosquitto(folder, lines)
    try:
        server.start()
        yield server
    finally:
        server.stop()


@contextmanager
def publisher(server: Mosquitto, tls: ssl.SSLContext | None = None) -> Iterator[Client]:
    """A connected client."""
    client = Client(CallbackAPIVersion.VERSION2)
    if tls is not None:
        client.tls_set_context(tls)
    client.connect("127.0.0.1", server.port)
    client.loop_start()
    until(client.is_connected, what="publisher")
    try:
        yield client
    finally:
        client.disconnect()
        client.loop_stop()


def publish(
    server: Mosquitto,
    topic: str,
    *payloads: str | bytes,
    qos: int = 1,
    retain: bool = False,
    tls: ssl.SSLContext | None = None,
) -> None:
    """Publish and wait until the broker has it all."""
    with publisher(server, tls) as client:
        sent = [client.publish(topic, payload, qos, retain) for payload in payloads]
        for message in sent:
            message.wait_for_publish(10)
