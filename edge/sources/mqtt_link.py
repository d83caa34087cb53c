"""One connection to an MQTT broker, driven turn by turn by one thread; acknowledgements may come from any."""

import select
import socket
import ssl
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from edge.source import SourceError
from edge.sources.mqtt_broker import UNSUPPORTED_VERSION, UnreachableError, refusal, unreachable
from edge.sources.mqtt_client import V5, Peer, connect, unconnected

ANSWER_S = 4.0
V5_ANSWER_S = 2.5
SOON_S = 5.0
TURN_S = 0.1  # the longest it takes to hear that it shall stop
READS = 500  # messages a turn, so that acknowledgements are not kept waiting


class VersionRefusedError(SourceError):
    """The broker would not speak this version of MQTT, hung up on hearing it, or fell silent."""


class MqttLink:
    """A connection with a session that outlives it; messages are acknowledged one by one, when told to."""

    def __init__(self, peer: Peer, version: MQTTProtocolVersion, *, take: Callable[[MQTTMessage], None]) -> None:
        self.version = version
        self.session_present = False
        self.unacknowledged = 0
        self._peer = peer
        self._take = take
        self._refused: SourceError | None = None
        self._welcomed = False
        self._welcomed_s = 0.0
        self._granted: Sequence[ReasonCode] | None = None
        self._messages = 0
        self._acks: deque[int] = deque()  # at most what the broker sends unacknowledged, its receive maximum
        self._woken = False
        self._client = unconnected(peer, version)
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_message = self._on_message
        self._client.on_publish = self._on_publish
        self._wake, self._waker = socket.socketpair()
        self._wake.setblocking(False)
        self._waker.setblocking(False)

    def open(self, stop: threading.Event) -> None:
        """Connect; raises SourceError."""
        try:
            connect(self._client, self._peer, self.version)
        except (OSError, UnicodeError) as error:
            raise unreachable(self._peer.there, error) from error
        self._await(lambda: self._welcomed, stop)

    def subscribe(self, topics: Sequence[str], stop: threading.Event) -> None:
        """Subscribe with QoS 1; raises SourceError naming a topic that is not granted."""
        if self.version == V5:
            self._client.subscribe([(topic, _options(topic)) for topic in topics])
        else:
            self._client.subscribe([(topic, 1) for topic in topics])
        self._await(lambda: self._granted is not None, stop)
        for topic, code in zip(topics, self._granted or (), strict=False):
            if code.is_failure:
                msg = f"the broker at {self._peer.there} does not grant a subscription to {topic}: {code}"
                raise SourceError(msg)

    def turn(self, timeout_s: float = TURN_S) -> None:
        """Wait for something to do and do it; raises SourceError when the connection is lost."""
        there = self._socket()
        # The client holds what it took from the socket, and TLS what it decrypted: select sees neither.
        pending = self._client.holds or (isinstance(there, ssl.SSLSocket) and there.pending() > 0)
        writing = [there] if self._client.want_write() else []
        readable, writable, _ = select.select([there, self._wake], writing, [], 0.0 if pending else timeout_s)
        if self._wake in readable:
            self._acknowledge()
        if pending or there in readable:
            self._read()
        if writable:
            self._client.loop_write()
        self._client.loop_misc()
        self._socket()

    def publish(self, topic: str, payload: bytes, *, expires_s: int) -> None:
        """Send with QoS 1 and forget; brokers of before MQTT 5 do not let it expire."""
        properties = None
        if self.version == V5:
            properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
            properties.MessageExpiryInterval = expires_s
        self._client.publish(topic, payload, 1, properties=properties)

    def acknowledge(self, mid: int) -> None:
        """Let a message be acknowledged; from any thread, and harmless once the connection is gone."""
        self._acks.append(mid)
        self.wake()

    def wake(self) -> None:
        """End the turn under way; from any thread, and harmless once the connection is gone."""
        if not self._woken:
            self._woken = True
            with suppress(OSError):
                self._waker.send(b"\0")

    def close(self, *, grace_s: float) -> None:
        """Send what acknowledgements still come within the grace, and hang up; the broker keeps the session."""
        deadline = time.monotonic() + grace_s
        while self.unacknowledged and (left_s := deadline - time.monotonic()) > 0:
            select.select([self._wake], [], [], left_s)
            self._acknowledge()
        self._client.disconnect()
        for _ in range(10):
            if not self._client.want_write() or self._client.loop_write() is not MQTTErrorCode.MQTT_ERR_SUCCESS:
                break
        self._wake.close()
        self._waker.close()

    def _acknowledge(self) -> None:
        with suppress(BlockingIOError):
            self._wake.recv(64)
        self._woken = False  # before they are taken: an acknowledgement that comes later wakes again
        while self._acks:
            self._client.ack(self._acks.popleft(), 1)
            self.unacknowledged -= 1

    def _read(self) -> None:
        for _ in range(READS):
            before = self._messages
            if self._client.loop_read() is not MQTTErrorCode.MQTT_ERR_SUCCESS or self._messages == before:
                return

    def _socket(self) -> socket.socket:
        there = self._client.socket()
        if self._refused is not None:
            raise self._refused
        if not isinstance(there, socket.socket):
            raise self._lost()
        return there

    def _lost(self) -> UnreachableError:
        lived_s = time.monotonic() - self._welcomed_s
        # Brokers hang up on the first of two clients with one id, older ones without a word.
        twin = (
            f" soon: does another client use the id {self._peer.client_id}? Each edge needs an [edge] name of its own"
            if lived_s < SOON_S
            else ""
        )
        return UnreachableError(f"the connection to the broker at {self._peer.there} was lost{twin}")

    def _await(self, answered: Callable[[], bool], stop: threading.Event) -> None:
        first = self.version == V5 and not self._welcomed
        deadline = time.monotonic() + (V5_ANSWER_S if first else ANSWER_S)
        while not answered() and not stop.is_set():
            try:
                self.turn()
                self._expect(deadline)
            except UnreachableError as error:
                # Not every broker of before MQTT 5 refuses it in words: some hang up, amqtt waits for ever.
                if first:
                    raise VersionRefusedError(str(error)) from error
                raise

    def _expect(self, deadline: float) -> None:
        if time.monotonic() > deadline:
            msg = f"the broker at {self._peer.there} does not answer; is another service on this port?"
            raise UnreachableError(msg)

    def _on_connect(
        self, _client: Client, _data: object, flags: ConnectFlags, code: ReasonCode, _properties: Properties | None
    ) -> None:
        if not code.is_failure:
            self.session_present = flags.session_present
            self._welcomed, self._welcomed_s = True, time.monotonic()
        elif code.value == UNSUPPORTED_VERSION and self.version == V5:
            self._refused = VersionRefusedError(str(self._refusal(code)))
        else:
            self._refused = self._refusal(code)

    def _on_disconnect(
        self,
        _client: Client,
        _data: object,
        flags: DisconnectFlags,
        code: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        if flags.is_disconnect_packet_from_server and self._refused is None:
            self._refused = self._refusal(code)

    def _on_subscribe(
        self, _client: Client, _data: object, _mid: int, codes: list[ReasonCode], _properties: Properties | None
    ) -> None:
        self._granted = codes

    def _on_publish(
        self, _client: Client, _data: object, _mid: int, _code: ReasonCode, _properties: Properties | None
    ) -> None:
        # A broker that gathers small packets holds the bench's next step until this one is acknowledged, and the
        # kernel takes 40 ms over that unless it is told not to.
        there = self._client.socket()
        if sys.platform == "linux" and isinstance(there, socket.socket):
            there.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)

    def _on_message(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        self._messages += 1
        self.unacknowledged += message.qos > 0
        self._take(message)

    def _refusal(self, code: ReasonCode) -> SourceError:
        peer = self._peer
        return refusal(peer.there, code.value, str(code), settings=peer.settings, client_id=peer.client_id)


def _options(topic: str) -> SubscribeOptions:
    """What this client publishes does not come back to it; a shared subscription must not ask for that."""
    alone = not topic.startswith("$share/")
    return SubscribeOptions(qos=1, noLocal=alone, retainHandling=SubscribeOptions.RETAIN_SEND_IF_NEW_SUB)
