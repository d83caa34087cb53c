"""What a worker is told: where Kafka is, how to log in, and how often it writes down what it knows."""

import ssl
import tempfile
from typing import Any

import faust
import msgspec
from faust.types.auth import CredentialsT


class WorkerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Times in seconds. `instance` names this worker for static membership: a restart then moves no partition."""

    servers: str  # "HOST:PORT,HOST:PORT"
    group: str = "tocsin-stream"
    instance: str = ""
    tls: bool = False
    sasl: str = ""
    username: str = ""
    password: str = ""
    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""
    checkpoint_s: float = 1.0
    tick_s: float = 5.0
    held: int = 4000  # inputs worked on and not yet acknowledged, at most
    take: int = 200  # inputs a micro-batch, at most
    at_once_bytes: int = 8 * 1024 * 1024  # of a micro-batch, at most, but for one input
    within_s: float = 0.02
    load_s: float = 60.0
    step_s: float = 300.0  # the largest input there may be, with rows far apart, was measured to take half of that
    assigned_s: float = 15.0  # a worker that the group has not taken in by then ends, and is started anew
    idle_s: float = 120.0  # one that was taken in and given nothing

    def context(self) -> ssl.SSLContext | None:
        """What TLS needs; None without TLS."""
        if not self.tls:
            return None
        context = ssl.create_default_context(cafile=self.ca_file or None)
        if self.cert_file:
            context.load_cert_chain(self.cert_file, self.key_file or None)
        return context

    def credentials(self) -> CredentialsT | None:
        """The login as Faust takes it."""
        if self.sasl:
            return faust.SASLCredentials(
                username=self.username, password=self.password, mechanism=self.sasl, ssl_context=self.context()
            )
        return faust.SSLCredentials(context=self.context()) if self.tls else None

    def client(self) -> dict[str, Any]:
        """The same for a consumer of our own."""
        protocol = ("SASL_" if self.sasl else "") + ("SSL" if self.tls else "PLAINTEXT")
        said: dict[str, Any] = {"bootstrap_servers": self.servers.split(","), "security_protocol": protocol}
        if self.tls:
            said["ssl_context"] = self.context()
        if self.sasl:
            said |= {
                "sasl_mechanism": self.sasl,
                "sasl_plain_username": self.username,
                "sasl_plain_password": self.password,
            }
        return said

    def app(self) -> faust.App:
        """The Faust application, to be built inside a running loop."""
        return faust.App(
            self.group,
            broker=[f"aiokafka://{server}" for server in self.servers.split(",")],
            broker_credentials=self.credentials(),
            consumer_group_instance_id=self.instance or None,
            value_serializer="raw",
            key_serializer="raw",
            consumer_auto_offset_reset="earliest",
            topic_disable_leader=True,
            topic_allow_declare=False,
            web_enabled=False,
            datadir=f"{tempfile.gettempdir()}/tocsin-stream",  # made, and never used
            stream_wait_empty=False,
            stream_buffer_maxsize=400,  # two micro-batches: an input may weigh a megabyte
            broker_session_timeout=10,
            broker_heartbeat_interval=3,
            broker_rebalance_timeout=10,
            broker_request_timeout=15,
            broker_commit_interval=1,
            producer_acks=-1,
            producer_linger=0.005,
            producer_request_timeout=60,
            producer_compression_type="lz4",
            producer_max_request_size=8 << 20,
            consumer_max_fetch_size=8 << 20,
        )
