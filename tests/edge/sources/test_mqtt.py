import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from edge.source import SourceError
from edge.sources.mqtt import MqttSource, build
from tests.edge.sources.fakes import KeepingIntake, running, until
from tests.edge.sources.mosquitto import Mosquitto, mosquitto, publish, publisher
from wire.config import Config, EdgeSettings
from wire.config import MqttSource as Settings
from wire.messages import Gap, Refused

pytestmark = pytest.mark.server
CONFIG = Config(edge=EdgeSettings(name="hall-3"))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Mosquitto]:
    with mosquitto(tmp_path) as there:
        yield there


def source(url: str, **changes: object) -> MqttSource:
    return build(msgspec.structs.replace(Settings(url=url), **changes), name="line-1", config=CONFIG)


def failure(line: MqttSource) -> str:
    with running(line, KeepingIntake(), connected=False) as run:
        error = run.ended()
    assert isinstance(error, SourceError)
    return str(error)


@pytest.mark.parametrize(("version", "words"), [("auto", "MQTT 5"), ("5", "MQTT 5"), ("3.1.1", "MQTT 3.1.1")])
def test_numbers_and_mappings_become_rows(server: Mosquitto, version: str, words: str) -> None:
    intake = KeepingIntake()
    with running(source(server.url, version=version), intake) as run:
        publish(server, "plant/pump-1/flow", "2.5")
        publish(server, "plant/pump-1", '{"time": 1700000000, "m": {"rms": 2}}')
        until(lambda: len(intake.rows) == 2)
        assert run.said == [f"subscribed to plant/# at 127.0.0.1:{server.port}, {words}"]
    assert [(row.channels, row.values, row.claimed_ns) for row in intake.rows] == [
        (("flow",), (2.5,), None),
        (("m.rms",), (2.0,), 1_700_000_000_000_000_000),
    ]
    assert all(a.receipt is not None and not a.receipt.again for a in intake.arrivals)
    assert run.error is None


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_what_was_not_committed_comes_again_marked_and_under_the_same_key(server: Mosquitto, version: str) -> None:
    first, second = KeepingIntake(commits=False), KeepingIntake()
    with running(source(server.url, version=version), first):
        publish(server, "plant/pump-1/flow", "1", "2", "3")
        until(lambda: len(first.rows) == 3)
    for arrival in first.arrivals:
        assert arrival.receipt is not None
        arrival.receipt.done()  # after the connection is gone: harmless
    with running(source(server.url, version=version), second):
        until(lambda: len(second.rows) == 3)
    receipts = [(a.receipt, b.receipt) for a, b in zip(first.arrivals, second.arrivals, strict=True)]
    assert all(a and b and a.key == b.key and b.again and not a.again for a, b in receipts)
    assert len({a.key for a, _ in receipts if a}) == 3
    with running(source(server.url, version=version), KeepingIntake()) as third:
        publish(server, "plant/pump-1/flow", "4")
        until(lambda: len(third.intake.rows) == 1)
    assert third.intake.rows[0].values == (4.0,)


def test_what_came_while_the_edge_was_away_is_delivered(server: Mosquitto) -> None:
    with running(source(server.url), KeepingIntake()):
        pass
    publish(server, "plant/pump-1/flow", *map(str, range(2000)))
    intake = KeepingIntake()
    with running(source(server.url), intake):
        until(lambda: len(intake.rows) == 2000)
    assert [row.values[0] for row in intake.rows] == list(range(2000))
    assert not intake.of(Gap)


def test_poison_is_refused_acknowledged_and_does_not_come_again(server: Mosquitto) -> None:
    intake = KeepingIntake()
    with running(source(server.url), intake):
        publish(server, "plant/pump-1/flow", b"\xff\xfe", "inf")
        publish(server, "plant/a/b/c", "1")
        until(lambda: intake.refused == 3)
    assert all(arrival.receipt is not None for arrival in intake.arrivals)
    after = KeepingIntake()
    with running(source(server.url), after):
        publish(server, "plant/pump-1/flow", "7")
        until(lambda: bool(after.rows))
    assert not after.of(Refused)


def test_qos_0_has_no_receipt(server: Mosquitto) -> None:
    intake = KeepingIntake()
    with running(source(server.url), intake):
        publish(server, "plant/pump-1/flow", "1", qos=0)
        until(lambda: bool(intake.rows))
    assert intake.arrivals[0].receipt is None


def test_a_full_outbox_leaves_messages_unacknowledged_and_loses_none(server: Mosquitto) -> None:
    intake = KeepingIntake()
    line = source(server.url, receive_maximum=10)
    with running(line, intake) as run:
        intake.full = True
        publish(server, "plant/pump-1/flow", *map(str, range(100)))
        until(lambda: len(line._waiting) == 10)
        publish(server, "plant/pump-1/flow", "-1", "-2", qos=0)
        until(lambda: line._waiting.dropped == 2)
        assert len(line._waiting) == 10
        intake.full = False
        until(lambda: len(intake.rows) == 100 and bool(intake.of(Gap)))
        assert run.error is None
    assert [row.values[0] for row in intake.rows] == list(range(100))
    (gap,) = intake.of(Gap)
    assert (gap.device, gap.rows, gap.source) == ("*", 2, "line-1")


def test_a_broker_that_restarts_is_found_again_and_keeps_its_session(server: Mosquitto) -> None:
    line, intake = source(server.url), KeepingIntake()
    with running(line, intake) as run:
        publish(server, "plant/pump-1/flow", "1")
        until(lambda: len(intake.rows) == 1)
        server.stop()
        error = run.ended()
    assert isinstance(error, SourceError)
    assert str(error).startswith((f"the connection to the broker at 127.0.0.1:{server.port} was lost", "the broker at"))
    with running(line, intake, connected=False) as run:  # waits for the broker by itself
        server.start()
        until(lambda: bool(run.said))
        publish(server, "plant/pump-1/flow", "2")
        until(lambda: len(intake.rows) == 2)
    assert run.error is None
    assert not intake.of(Gap)


def test_a_broker_that_forgot_the_session_leaves_a_gap(server: Mosquitto, tmp_path: Path) -> None:
    line, intake = source(server.url), KeepingIntake()
    with running(line, intake) as run:
        publish(server, "plant/pump-1/flow", "1")
        until(lambda: len(intake.rows) == 1)
        server.kill()
        run.ended()
    (tmp_path / "mosquitto.db").unlink(missing_ok=True)
    server.start()
    with running(line, intake):
        until(lambda: bool(intake.of(Gap)))
    (gap,) = intake.of(Gap)
    assert gap.device == "*"
    assert gap.rows == -1
    assert 0 < gap.from_ns < gap.to_ns
    assert "the broker forgot this session" in gap.reason


def test_told_to_stop_while_the_broker_is_away_ends_without_a_gap(server: Mosquitto) -> None:
    line, intake = source(server.url), KeepingIntake()
    with running(line, intake) as run:
        server.stop()
        assert isinstance(run.ended(), SourceError)
    with running(line, intake, connected=False) as run:
        run.stop.set()
        assert run.ended() is None
    assert not intake.arrivals


def test_an_old_retained_value_is_refused_once_and_what_follows_counts(server: Mosquitto) -> None:
    publish(server, "plant/pump-1/flow", "1", retain=True)
    intake = KeepingIntake()
    line = source(server.url)
    with running(line, intake):
        until(lambda: intake.refused == 1)
        publish(server, "plant/pump-1/flow", "2", retain=True)
        until(lambda: len(intake.rows) == 1)
    with running(line, intake):
        publish(server, "plant/pump-1/flow", "3", retain=True)
        until(lambda: len(intake.rows) == 2)
    assert intake.refused == 1


class OldBroker:
    """Answers MQTT 5 as a broker of before it, and passes everything else on to a real broker."""

    def __init__(self, there: Mosquitto, answer: bytes | None) -> None:
        self._there = there
        self._answer = answer  # None: it says nothing and waits
        self._silent: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"mqtt://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._listener.close()
        for client in self._silent:
            client.close()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            connect = client.recv(4096)
            if connect[connect.index(b"MQTT") + 4] == 5:
                if self._answer is None:
                    self._silent.append(client)
                    continue
                client.sendall(self._answer)
                client.close()
                continue
            broker = socket.create_connection(("127.0.0.1", self._there.port))
            broker.sendall(connect)
            for source, sink in ((client, broker), (broker, client)):
                threading.Thread(target=self._pass, args=(source, sink), daemon=True).start()

    @staticmethod
    def _pass(source: socket.socket, sink: socket.socket) -> None:
        while data := _received(source):
            sink.sendall(data)
        sink.close()


def _received(there: socket.socket) -> bytes:
    try:
        return there.recv(65536)
    except OSError:
        return b""


@pytest.mark.parametrize("answer", [b"\x20\x02\x00\x01", b"", None], ids=["refuses", "hangs up", "falls silent"])
def test_a_broker_of_before_mqtt_5_is_spoken_to_in_3_1_1(server: Mosquitto, answer: bytes | None) -> None:
    intake = KeepingIntake()
    with closing(OldBroker(server, answer)) as old, running(source(old.url), intake) as run:
        assert run.said[0].endswith("MQTT 3.1.1")
        publish(server, "plant/pump-1/flow", "1")
        until(lambda: bool(intake.rows))
    assert intake.arrivals[0].receipt is not None


def test_a_broker_that_is_not_there_is_named() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    assert failure(source(f"mqtt://127.0.0.1:{port}")) == f"no broker reached at 127.0.0.1:{port}: Connection refused"


def test_a_missing_variable_is_named() -> None:
    settings = Settings(username_env="HALL_USER", password_env="HALL_PASSWORD")
    line = MqttSource(settings, name="x", client_id="x", environ={"HALL_USER": "edge"})
    assert failure(line) == "environment variable HALL_PASSWORD, named in password_env, is not set"


def test_a_refused_login_names_its_variables(tmp_path: Path) -> None:
    passwords = tmp_path / "passwords"
    subprocess.run(["mosquitto_passwd", "-b", "-c", str(passwords), "edge", "right"], check=True)
    settings = Settings(username_env="HALL_USER", password_env="HALL_PASSWORD")
    with mosquitto(tmp_path, ("allow_anonymous false", f"password_file {passwords}")) as server:
        for version in ("5", "3.1.1"):
            there = msgspec.structs.replace(settings, url=server.url, version=version)
            environ = {"HALL_USER": "edge", "HALL_PASSWORD": "wrong"}
            text = failure(MqttSource(there, name="x", client_id="x", environ=environ))
            assert "refused the login" in text
            assert text.endswith("check HALL_USER and HALL_PASSWORD")
            environ["HALL_PASSWORD"] = "right"
            with running(MqttSource(there, name="x", client_id="x", environ=environ), KeepingIntake()):
                pass
        assert failure(source(server.url)).endswith("name a login in username_env and password_env")


def test_a_second_client_of_the_same_name_is_told(server: Mosquitto) -> None:
    first, second = (running(source(server.url, client_id="twin"), KeepingIntake()) for _ in range(2))
    with first as run, second:
        error = run.ended()
    assert str(error).endswith("does another client use the id twin? Each edge needs an [edge] name of its own")


def _certificates(folder: Path) -> None:
    def openssl(*words: str) -> None:
        subprocess.run(["openssl", *words], check=True, cwd=folder, capture_output=True)

    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    openssl("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.crt", "-subj", "/CN=Hall 3", "-days", "2")
    for name in ("server", "client"):
        openssl("req", *key, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", "/CN=127.0.0.1")
        (folder / "ext").write_text("subjectAltName=IP:127.0.0.1\n")
        signed = ["-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "ext"]
        openssl("x509", "-req", "-in", f"{name}.csr", "-out", f"{name}.crt", *signed)


def test_tls_proves_both_ends_and_failures_say_what_to_do(tmp_path: Path) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    _certificates(tmp_path)
    files = [f"{key} {tmp_path}/{name}" for key, name in (("cafile", "ca.crt"), ("certfile", "server.crt"))]
    lines = ["allow_anonymous true", *files, f"keyfile {tmp_path}/server.key", "require_certificate true"]
    own = {"cert_file": str(tmp_path / "client.crt"), "key_file": str(tmp_path / "client.key")}
    with mosquitto(tmp_path, lines) as server:
        url = server.url.replace("mqtt:", "mqtts:")
        line = source(url, ca_file=str(tmp_path / "ca.crt"), receive_maximum=5, **own)
        intake = KeepingIntake()
        with running(line, intake):
            context = ssl.create_default_context(cafile=tmp_path / "ca.crt")
            context.load_cert_chain(own["cert_file"], own["key_file"])
            publish(server, "plant/pump-1/flow", *map(str, range(300)), tls=context)
            until(lambda: len(intake.rows) == 300)
        assert "is not trusted" in failure(source(url))
        assert "name its authority in ca_file" in failure(source(url))
        assert "TLS files cannot be used (ca_file /nowhere)" in failure(source(url, ca_file="/nowhere"))
    with mosquitto(tmp_path) as plain:
        assert "is this the broker's TLS port?" in failure(source(plain.url.replace("mqtt:", "mqtts:")))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"url": "http://x"}, "url: expected"),
        ({"url": "mqtt://x:99999"}, "url: expected"),
        ({"url": "mqtt://["}, "url: expected"),
        ({"ca_file": "ca.crt"}, "must begin with mqtts://"),
        ({"key_file": "x.key"}, "key_file: needs cert_file"),
        ({"password_env": "P"}, "password_env: needs username_env"),
        ({"topics": ("plant/#/x",)}, "topics: "),
        ({"topics": ("plant/pump+",)}, "topics: "),
        ({"topics": ("",)}, "topics: "),
        ({"url": "mqtt://user:secret@x"}, "url: holds a login"),
        ({"topics": ()}, "topics: name at least one"),
        ({"receive_maximum": 0}, "receive_maximum: expected 1 to 65535"),
        ({"pattern": "plant"}, "pattern: expected"),
    ],
)
def test_settings_that_cannot_be_are_named(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        source(**{"url": "mqtt://x", **changes})  # type: ignore[arg-type]


def test_the_session_is_named_after_edge_and_source() -> None:
    assert source("mqtt://x")._client_id == "tocsin-hall-3-line-1"


def test_acknowledgements_from_another_thread_keep_up_with_the_broker(server: Mosquitto) -> None:
    batches: list[int] = []
    intake = KeepingIntake(commits=False)
    wake = threading.Event()

    def commit() -> None:
        done = 0
        while not wake.wait(0.05):
            batches.append(len(intake.arrivals) - done)
            for arrival in intake.arrivals[done : done + batches[-1]]:
                assert arrival.receipt is not None
                arrival.receipt.done()
            done += batches[-1]

    committer = threading.Thread(target=commit)
    with running(source(server.url), intake), publisher(server) as client:
        committer.start()
        for number in range(5000):
            client.publish("plant/pump-1/flow", str(number), 1)
        until(lambda: len(intake.rows) == 5000)
        wake.set()
        committer.join()
    assert max(batches) > 20  # more than a broker sends to a client that names no receive maximum
    assert [row.values[0] for row in intake.rows] == list(range(5000))
