"""What stands in a fleet's way is said in a sentence with a remedy, by the roles, on /readyz, and by doctor."""

import socket
import subprocess
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]

from benchmarks.processes import free_port
from benchmarks.roles import Role
from bus.address import PASSWORD, USERNAME, parse
from bus.topics import Topics, layouts
from store.influx.address import parse as influx_address
from store.influx.client import InfluxClient
from store.influx.errors import TOKEN, InfluxAwayError
from store.influx.setup import init, store_check
from tests.servers.influx import Influx, influx
from tests.servers.kafka import Kafka, kafka
from tests.servers.ports import until
from tests.tocsin.plant import QUIET, tocsin
from wire.config import Retention
from wire.ports import BusError
from wire.topics import DEAD, INPUTS, STATE

pytestmark = [pytest.mark.server, pytest.mark.slow]
GUARDED = """
listeners=PLAINTEXT://127.0.0.1:{port},LOGIN://127.0.0.1:{login},TLS://127.0.0.1:{tls},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port},LOGIN://127.0.0.1:{login},TLS://127.0.0.1:{tls}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,LOGIN:SASL_PLAINTEXT,TLS:SSL,CONTROLLER:PLAINTEXT
sasl.enabled.mechanisms=PLAIN
listener.name.login.plain.sasl.jaas.config=\
org.apache.kafka.common.security.plain.PlainLoginModule required user_tocsin="right";
ssl.keystore.type=PEM
ssl.keystore.location={folder}/both.pem
"""


class Guarded(Kafka):
    """A broker with a port that wants a login and one that wants TLS, beside the plain one."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.login, self.tls = free_port(), free_port()

    def format(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        certificate(self._folder)
        super().format()
        plain = self._properties.read_text()
        replaced = ("listeners=", "advertised.listeners=", "listener.security.protocol.map=")
        kept = [line for line in plain.splitlines() if not line.startswith(replaced)]
        controller = plain.partition("controller.quorum.voters=1@127.0.0.1:")[2].split()[0]
        ports = {"port": self.port, "login": self.login, "tls": self.tls, "controller": controller}
        self._properties.write_text("\n".join(kept) + GUARDED.format(folder=self._folder, **ports))


def certificate(folder: Path) -> None:
    """One that nobody knows."""
    words = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "own.key", "-out", "own.crt", "-days", "2"]
    subprocess.run(["openssl", *words, "-subj", "/CN=127.0.0.1"], check=True, cwd=folder, capture_output=True)
    (folder / "both.pem").write_text((folder / "own.key").read_text() + (folder / "own.crt").read_text())


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    with kafka(tmp_path_factory.mktemp("kafka"), Guarded) as server:
        assert isinstance(server, Guarded)
        Topics(parse(f"kafka://{server.address}", {})).create(layouts(2))
        yield server


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Influx]:
    with influx(tmp_path_factory.mktemp("influx")) as server:
        init(influx_address(server.url("plant"), server.environ), Retention())
        yield server


@contextmanager
def silent() -> Iterator[int]:
    """A port that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


class Welcome(BaseHTTPRequestHandler):
    """A web server that finds everything fine."""

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b"<html><h1>Welcome!</h1></html>"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET  # noqa: N815 -- the name of the base class

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the name of the base class
        """Say nothing."""


@contextmanager
def web_server() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Welcome) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield server.server_port
        server.shutdown()


def write(folder: Path, *, bus: str, store: str = "influxdb://127.0.0.1:1/plant") -> Path:
    path = folder / "tocsin.toml"
    path.write_text(f'bus = "{bus}"\nstore = "{store}"\n{QUIET}')
    return path


def refusal(url: str, environ: Mapping[str, str]) -> str:
    try:
        Topics(parse(url, environ)).partitions()
    except BusError as error:
        return str(error)
    return ""


def test_a_broker_that_lets_nobody_in_says_why_and_what_to_do(broker: Guarded) -> None:
    right, wrong = {USERNAME: "tocsin", PASSWORD: "right"}, {USERNAME: "tocsin", PASSWORD: "wrong"}
    plain, login, tls = broker.address, f"127.0.0.1:{broker.login}", f"127.0.0.1:{broker.tls}"
    with silent() as hole:
        nobody = f"127.0.0.1:{hole}"
        cases = {
            f"kafka://{login}/?sasl=PLAIN": (wrong, f"Kafka at {login} refuses the login by PLAIN: correct {USERNAME}"),
            f"kafka://{login}/?sasl=SCRAM-SHA-512": (right, "knows no login by SCRAM-SHA-512, only by PLAIN"),
            f"kafka://{plain}/?sasl=PLAIN": (right, "wants no login there: take sasl=PLAIN out of `bus`"),
            f"kafka://{login}": (right, "If it wants TLS or a login, `bus` has to say so: tls=true, sasl=…"),
            f"kafka://{plain}/?tls=true": (right, "speaks no TLS there: take tls=true out of `bus`"),
            f"kafka://{tls}/?tls=true": (right, "shows a certificate that nobody trusts here"),
            f"kafka://{tls}": (right, "If it wants TLS or a login, `bus` has to say so: tls=true, sasl=…"),
            f"kafka://{nobody}": (right, f"no Kafka broker answers at {nobody} (something there takes connections"),
            "kafka://nobody.invalid:9092": (right, "there is no host of the name nobody.invalid:9092"),
            f"kafka://{tls}/?tls=true&ca_file=/nowhere": (right, "`bus` cannot be used as it is"),
        }
        with ThreadPoolExecutor(len(cases)) as pool:
            said = list(pool.map(refusal, cases, [environ for environ, _ in cases.values()]))
    for (_, expected), sentence in zip(cases.values(), said, strict=True):
        assert expected in sentence


def test_a_login_that_is_right_is_let_in(broker: Guarded) -> None:
    trusted = f"kafka://127.0.0.1:{broker.login}/?sasl=PLAIN"
    assert refusal(trusted, {USERNAME: "tocsin", PASSWORD: "right"}) == ""


def test_a_file_that_the_bus_names_and_that_is_not_there_is_a_mistake_of_the_config(tmp_path: Path) -> None:
    config = write(tmp_path, bus="kafka://a:9092/?tls=true&ca_file=/nowhere/ca.crt")
    for role in ("edge", "stream", "sink", "archive"):
        said = tocsin(role, "-c", config, "--vitals", "")
        assert (said.exit_code, "there is no file /nowhere/ca.crt" in said.stderr) == (2, True)


def test_a_worker_refuses_topics_that_would_lose_data(broker: Guarded, tmp_path: Path) -> None:
    config, admin = (
        write(tmp_path, bus=f"kafka://{broker.address}"),
        AdminClient({"bootstrap.servers": broker.address, "log_level": 0}),
    )

    def remake(topic: str, partitions: int, settings: Mapping[str, str]) -> None:
        admin.delete_topics([topic])[topic].result(10)
        until(lambda: topic not in admin.list_topics(timeout=10).topics, what=f"no {topic}")
        if partitions:
            admin.create_topics([NewTopic(topic, partitions, 1, config=dict(settings))])[topic].result(10)

    def said() -> str:
        refused, examined = tocsin("stream", "-c", config, "--vitals", ""), tocsin("doctor", "-c", config)
        assert (refused.exit_code, examined.exit_code) == (1, 1)
        sentence = refused.stderr.removeprefix("tocsin: ").strip()
        return sentence if f"BAD  topics: {sentence}" in examined.stdout else f"{sentence} / {examined.stdout}"

    remake(DEAD, 0, {})
    assert said() == f"there is no topic {DEAD}: run tocsin stream --create-topics"
    remake(STATE, 2, {"cleanup.policy": "delete"})
    Topics(parse(f"kafka://{broker.address}", {})).create([each for each in layouts(2) if each.name == DEAD])
    assert said().startswith(f"{STATE} has cleanup.policy=delete and needs compact, or data is lost: kafka-configs.sh")
    remake(STATE, 3, {"cleanup.policy": "compact"})
    assert (
        f"Delete {STATE}, its devices then start cold, and run tocsin stream --create-topics --partitions 2" in said()
    )
    remake(STATE, 2, {"cleanup.policy": "compact"})
    assert INPUTS in admin.list_topics(timeout=10).topics


def test_an_edge_starts_and_keeps_what_it_reads_while_kafka_is_away(tmp_path: Path) -> None:
    port = free_port()
    with Role("edge", write(tmp_path, bus=f"kafka://127.0.0.1:{port}")) as edge:
        until(lambda: f"no Kafka broker answers at 127.0.0.1:{port} (Connection refused)" in ready(edge), what="why")
        until(lambda: edge.figure("tocsin_edge_backlog_records") > 0, what="something kept")
        assert edge.stop() == 0


def ready(role: Role) -> str:
    """What it says on /readyz."""
    try:
        with urllib.request.urlopen(f"{role.vitals}/readyz", timeout=5) as answer:
            return str(answer.read().decode())
    except urllib.error.HTTPError as error:
        return f"{error.code} {error.read().decode()}"
    except OSError:
        return ""


def test_a_store_that_cannot_be_used_says_why_and_what_to_do(store: Influx) -> None:
    right = store.environ
    here = f"127.0.0.1:{store.port}"
    with silent() as hole, web_server() as web:
        cases = {
            f"influxdb://127.0.0.1:{free_port()}/plant": (right, "(Connection refused): start it, or correct `store`"),
            f"influxdb://127.0.0.1:{hole}/plant": (right, "(it takes connections and says nothing)"),
            f"influxdb://127.0.0.1:{web}/plant": (right, "(what answers there is no InfluxDB)"),
            f"influxdbs://{here}/plant": (right, '(it speaks no TLS there: "influxdb:" is without'),
            "influxdb://nobody.invalid/plant": (right, "(there is no host of that name)"),
            f"influxdb://{here}/plant?org=acme": (
                {TOKEN: "wrong"},
                "refuses the token (HTTP 401: unauthorized access)",
            ),
            f"influxdb://{here}/plant?org=": (
                {},
                "wants a token (HTTP 401: unauthorized access): put one that may write",
            ),
            f"influxdb://{here}/nowhere?org=acme": (right, 'has no bucket "nowhere" (database not found: nowhere)'),
        }
        with ThreadPoolExecutor(len(cases)) as pool:
            said = list(pool.map(store_check, cases, [environ for environ, _ in cases.values()]))
        for (_, expected), sentences in zip(cases.values(), said, strict=True):
            assert expected in "; ".join(sentences)


def test_a_bucket_of_another_organization_is_found_out_before_anything_is_written(store: Influx) -> None:
    store.version, store.buckets = "v2.7.1", [{"id": "b1", "name": "plant"}]
    try:
        assert store_check(store.url("plant"), store.environ) == []
        wrong = store_check(store.url("plant", "?org=other"), store.environ)
        assert 'has no organization "other" for this token' in wrong[0]
        assert "correct org= in `store`" in wrong[0]
        assert 'has no bucket "elsewhere"' in store_check(store.url("elsewhere"), store.environ)[0]
    finally:
        store.version, store.buckets = "", []


def test_what_a_web_server_welcomes_is_not_taken_for_stored() -> None:
    with (
        web_server() as web,
        InfluxClient(influx_address(f"influxdb://127.0.0.1:{web}/plant", {})) as client,
        pytest.raises(InfluxAwayError, match="HTTP 200 to a write: what answers there is no InfluxDB"),
    ):
        client.write(b"readings a=1 1\n")


def test_a_sink_waits_for_a_store_that_is_away_and_says_so(broker: Guarded, tmp_path: Path) -> None:
    bus = f"kafka://{broker.address}"
    with silent() as hole, web_server() as web, ExitStack() as stack:
        sinks = {}
        for port, why in ((hole, "it takes connections and says nothing"), (web, "what answers there is no InfluxDB")):
            (folder := tmp_path / str(port)).mkdir()
            config = write(folder, bus=bus, store=f"influxdb://127.0.0.1:{port}/plant")
            sinks[why] = stack.enter_context(Role("sink", config, "--instance", str(port)))
        for why, sink in sinks.items():
            until(lambda: why in ready(sink), what=why, within_s=60)  # noqa: B023 -- used within this turn
            assert sink.running()
            sink.kill()  # else it would give a write that is under way its half a minute


def test_a_token_that_is_wrong_ends_a_sink_and_one_that_becomes_wrong_is_told(
    broker: Guarded, store: Influx, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = write(tmp_path, bus=f"kafka://{broker.address}", store=store.url("plant"))
    monkeypatch.setenv(TOKEN, "wrong")
    refused = tocsin("sink", "-c", config, "--vitals", "")
    assert (refused.exit_code, "refuses the token" in refused.stderr) == (1, True)

    monkeypatch.setenv(TOKEN, store.token)
    with Role("sink", config) as sink:
        sink.ready()
        kept, store.token = store.token, "another"
        try:
            until(lambda: "refuses the token" in ready(sink), what="the token to be told")
        finally:
            store.token = kept
        until(lambda: ready(sink) == "ok\n", what="the sink to be well again")
