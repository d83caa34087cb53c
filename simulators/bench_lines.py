"""The lines that test benches speak over and hear advice on: a broker, a serial port, a stream of text."""

import json
import os
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO
from urllib.parse import urlsplit

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from simulators.port import Port
from simulators.speech import Body

_ANSWER_S = 10.0
_MOST = 1000  # messages under way, and answers that nobody fetched yet
_LEAVING_S = 0.5
_OPENING_S = 0.1  # a reader that has just opened a port throws away what it finds there


class MqttBenches:
    """Benches on a broker: each says what happens on `plant/{station}/run` and is answered on `plant/{station}/advice`.

    At most 1000 messages wait for the broker; then the benches wait, too.
    """

    def __init__(self, url: str, *, login: tuple[str, str] | None = None) -> None:
        address = urlsplit(url)
        self._address = (address.hostname or "", address.port or 1883)
        self._heard: deque[Body] = deque(maxlen=_MOST)
        self._ready = threading.Event()
        self._last: mqtt.MQTTMessageInfo | None = None
        self._client = client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=f"sim-benches-{os.getpid()}")
        client.max_queued_messages_set(_MOST)
        client.on_socket_open = _send_at_once
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        if login is not None:
            client.username_pw_set(*login)

    def __enter__(self) -> Self:
        """Connect; raises OSError where there is no broker."""
        self._client.connect(*self._address, keepalive=30)
        self._client.loop_start()
        if not self._ready.wait(_ANSWER_S):
            self._client.loop_stop()
            msg = "the broker does not let the benches hear their advice"
            raise OSError(msg)
        return self

    def __exit__(self, _kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None) -> None:
        """Wait for what is under way, then hang up."""
        deadline = time.monotonic() + _ANSWER_S
        while self._last is not None and not self._last.is_published() and time.monotonic() < deadline:
            time.sleep(0.01)
        self._client.disconnect()
        self._client.loop_stop()

    def say(self, station: str, body: Body) -> None:
        """Publish with QoS 1; waits while too much is under way."""
        payload = json.dumps(body, separators=(",", ":"))
        while (
            sent := self._client.publish(f"plant/{station}/run", payload, 1)
        ).rc is MQTTErrorCode.MQTT_ERR_QUEUE_SIZE:
            time.sleep(0.01)
        self._last = sent

    def heard(self) -> list[Body]:
        """The advice that came since the last time."""
        return [self._heard.popleft() for _ in range(len(self._heard))]

    def _on_connect(
        self, _client: mqtt.Client, _data: object, _flags: mqtt.ConnectFlags, _code: ReasonCode, _: Properties | None
    ) -> None:
        # Nothing is to be acknowledged, so no step waits for that to be sent; an answer that got lost means go on.
        self._client.subscribe("plant/+/advice", 0)

    def _on_subscribe(
        self, _client: mqtt.Client, _data: object, _mid: int, codes: list[ReasonCode], _: Properties | None
    ) -> None:
        if not any(code.is_failure for code in codes):
            self._ready.set()

    def _on_message(self, _client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        if (body := answer(bytes(message.payload))) is not None:
            self._heard.append(body)


class SerialBench:
    """A bench on a pseudo-terminal: lines that are JSON objects, there and back; while nobody reads, lines are lost."""

    def __init__(self, link: Path) -> None:
        self._port = Port(link, buffer_bytes=1 << 16)
        self._rest = b""
        self._awake = False

    @property
    def dropped_bytes(self) -> int:
        """Bytes that nobody took."""
        return self._port.dropped_bytes

    def __enter__(self) -> Self:
        """Put the plug in; raises OSError where the link cannot be made."""
        self._port.replug()
        return self

    def __exit__(self, _kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None) -> None:
        """Pull the plug, a moment after the last line: who reads it has to come round to that."""
        self._port.flush()
        if self._port.listened_to:
            time.sleep(_LEAVING_S)
        self._port.unplug()

    def await_reader(self, wait: Callable[[float], bool]) -> None:
        """Wait until somebody has opened the port, or until `wait` says to end."""
        while not self._port.listened_to and not wait(_OPENING_S):
            pass

    def say(self, _station: str, body: Body) -> None:
        """Write a line, behind an empty one for a reader that has just come."""
        opened = self._port.listened_to and not self._awake
        self._awake = self._port.listened_to
        if opened:
            time.sleep(_OPENING_S)
        while self._port.listened_to and not self._port.flush():
            time.sleep(0.005)
        self._port.write(b"\n" * opened + json.dumps(body, separators=(",", ":")).encode() + b"\n")

    def heard(self) -> list[Body]:
        """The advice that came since the last time."""
        self._port.flush()
        self._rest += self._port.read()
        *lines, self._rest = self._rest.split(b"\n")
        self._rest = self._rest[:65536]
        return [body for line in lines if (body := answer(line)) is not None]


class TextBenches:
    """Benches on a stream of text, a JSON object a line; nobody answers."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def __enter__(self) -> Self:
        """Nothing has to be opened."""
        return self

    def __exit__(self, _kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None) -> None:
        """Nothing has to be closed."""

    def say(self, station: str, body: Body) -> None:
        """Write a line."""
        self._out.write(json.dumps({"station": station, **body}) + "\n")
        self._out.flush()

    def heard(self) -> list[Body]:
        """Nothing."""
        return []


def _send_at_once(_client: mqtt.Client, _data: object, there: object) -> None:
    # Else a step waits up to 40 ms for the kernel's acknowledgement of what was sent before it.
    if isinstance(there, socket.socket):
        there.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def answer(text: bytes) -> Body | None:
    """The advice that a message holds, None if it is none."""
    with suppress(ValueError):
        body = json.loads(text)
        if isinstance(body, dict) and body.get("event") == "advice":
            return body
    return None
