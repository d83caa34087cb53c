"""A paho client as this edge needs it: a session that outlives the connection, every acknowledgement by hand."""

import socket

import msgspec
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from edge.sources.mqtt_broker import Broker, Login, tls_context
from wire.config import MqttSource
from wire.messages import NS_PER_S

V5 = MQTTProtocolVersion.MQTTv5
V311 = MQTTProtocolVersion.MQTTv311
KEEPALIVE_S = 30
CONNECT_S = 4.0
READ_BYTES = 64 << 10
MAX_PACKET = 64 << 20  # a broker sends nothing larger to this edge
MOST_QUEUED = 1000  # answers to benches that the broker has not taken; further ones are dropped
_LONGEST_EXPIRY_S = 0xFFFFFFFF


class Peer(msgspec.Struct, frozen=True):
    """Both ends of a connection."""

    there: Broker
    login: Login
    client_id: str
    settings: MqttSource


class BufferedClient(Client):
    """Takes from its socket what is there, where paho asks for one byte, then one more, then the rest of a packet.

    For one connection. Three system calls a message were a quarter of what an edge does.
    """

    _held = b""
    _taken = 0

    @property
    def holds(self) -> bool:
        """Whether something is here that waiting for the socket would not show."""
        return self._taken < len(self._held)

    def _sock_recv(self, bufsize: int) -> bytes:
        if not self.holds:
            self._held, self._taken = super()._sock_recv(max(bufsize, READ_BYTES)), 0
        begun = self._taken
        self._taken = min(begun + bufsize, len(self._held))
        return self._held[begun : self._taken]


def unconnected(peer: Peer, version: MQTTProtocolVersion) -> BufferedClient:
    """A client that has opened nothing yet; raises SourceError naming a TLS file that is wrong."""
    client = BufferedClient(
        CallbackAPIVersion.VERSION2,
        client_id=peer.client_id,
        clean_session=None if version == V5 else False,
        protocol=version,
        reconnect_on_failure=False,
        manual_ack=True,
    )
    client.max_queued_messages_set(MOST_QUEUED)
    client.on_socket_open = _send_at_once
    client.connect_timeout = CONNECT_S
    if peer.login.username is not None:
        client.username_pw_set(peer.login.username, peer.login.password)
    if peer.there.tls:
        client.tls_set_context(tls_context(peer.settings))
    return client


def connect(client: Client, peer: Peer, version: MQTTProtocolVersion) -> None:
    """Open the connection and ask for the session; the answer comes later."""
    if version != V5:
        client.connect(peer.there.host, peer.there.port, KEEPALIVE_S)
        return
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    properties.SessionExpiryInterval = min(peer.settings.session_expiry_ns // NS_PER_S, _LONGEST_EXPIRY_S)
    properties.ReceiveMaximum = peer.settings.receive_maximum
    properties.MaximumPacketSize = MAX_PACKET
    client.connect(peer.there.host, peer.there.port, KEEPALIVE_S, clean_start=False, properties=properties)


def _send_at_once(_client: Client, _data: object, there: object) -> None:
    # Acknowledgements are four bytes each; held back for a full packet they would stall the broker's window.
    if isinstance(there, socket.socket):
        there.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
