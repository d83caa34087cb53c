import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.processes import free_port, until
from simulators.faults import FAULTS
from tests.edge.sources.mosquitto import Mosquitto, mosquitto, publisher
from tests.tocsin.plant import DEADLINE_S, tocsin

COMMAND = [sys.executable, "-m", "tocsin", "simulate"]


def test_stdout_carries_a_header_and_so_many_rows() -> None:
    result = tocsin("simulate", "pump", "--every", "10ms", "--for", "200ms")
    head, *rows = result.stdout.splitlines()
    assert result.exit_code == 0
    assert head.split(",")[:3] == ["time", "vibration_rms", "temperature"]
    assert len(rows) == 20
    assert {len(row.split(",")) for row in rows} == {len(head.split(","))}


def test_the_same_seed_is_the_same_machine() -> None:
    def values(seed: int) -> list[str]:
        words = ("simulate", "spindle", "--every", "10ms", "--for", "50ms", "--seed", str(seed))
        return [row.partition(",")[2] for row in tocsin(*words).stdout.splitlines()[1:]]

    assert values(1) != values(2)


def test_a_reader_that_goes_away_ends_it_quietly() -> None:
    with subprocess.Popen(
        [*COMMAND, "pump", "--every", "1ms"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        assert child.stdout.readline().startswith(b"time,")
        child.stdout.close()
        assert child.wait(DEADLINE_S) == 0
        assert child.stderr.read() == b""


def test_a_serial_line_is_there_until_a_signal(tmp_path: Path) -> None:
    link = tmp_path / "pump.tty"
    with subprocess.Popen(
        [*COMMAND, "pump", "--to", f"serial:{link}", "--every", "10ms"], stderr=subprocess.PIPE
    ) as child:
        until(link.exists, within_s=DEADLINE_S, what="the port")
        reader = os.open(link, os.O_RDONLY | os.O_NOCTTY)
        heard = b""
        while heard.count(b"\n") < 5:
            heard += os.read(reader, 4096)
        os.close(reader)
        child.send_signal(signal.SIGTERM)
        assert child.wait(DEADLINE_S) == 0
        assert child.stderr is not None
        assert child.stderr.read() == b""
    assert b"vibration_rms" in heard
    assert not os.path.lexists(link)


def test_a_file_is_not_taken_for_a_port(tmp_path: Path) -> None:
    precious = tmp_path / "letters.txt"
    precious.write_text("dear Ada")
    (tmp_path / "link").symlink_to(precious)
    for path in (precious, tmp_path / "link"):
        result = tocsin("simulate", "pump", "--to", f"serial:{path}", "--for", "10ms")
        assert result.exit_code == 2
        assert "name another path" in result.stderr
        assert path.read_text() == "dear Ada"


@pytest.mark.server
def test_a_broker_gets_every_row(tmp_path: Path) -> None:
    with mosquitto(tmp_path) as server:
        heard = _heard(server, rows=10)
    assert heard == ["plant/spin"] * 10


def _heard(server: Mosquitto, *, rows: int) -> list[str]:
    topics: list[str] = []
    with publisher(server) as client:
        client.on_message = lambda _client, _data, message: topics.append(message.topic)
        subscribed = []
        client.on_subscribe = lambda *_: subscribed.append(True)
        client.subscribe("plant/#", qos=1)
        until(lambda: bool(subscribed), within_s=DEADLINE_S, what="the subscription")
        words = ("--to", server.url, "--device", "spin", "--every", "10ms", "--for", f"{rows * 10}ms")
        result = tocsin("simulate", "spindle", *words)
        assert result.exit_code == 0, result.output
        until(lambda: len(topics) >= rows, within_s=DEADLINE_S, what="the rows")
    return topics


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--to", "carrier-pigeon"), '--to must be "stdout"'),
        (("--to", "mqtt://127.0.0.1:PORT"), "cannot speak to mqtt://127.0.0.1:"),
        (("--to", "mqtt://127.0.0.1:high"), "cannot speak to mqtt://127.0.0.1:high"),
        (("--to", "serial:/none/here/pump"), "cannot speak to serial:/none/here/pump"),
        (("--fault", "gremlins"), "there is no fault 'gremlins'"),
        (("--every", "0s"), "--every"),
    ],
)
def test_what_cannot_be_simulated_is_a_sentence(words: tuple[str, ...], sentence: str) -> None:
    port = str(free_port())
    result = tocsin("simulate", "pump", "--for", "10ms", *(word.replace("PORT", port) for word in words))
    assert result.exit_code == 2
    assert sentence in result.stderr


def test_the_faults_are_listed() -> None:
    result = tocsin("simulate", "--faults")
    assert result.exit_code == 0
    assert [line.split()[0] for line in result.stdout.splitlines()] == list(FAULTS)


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_can_be_had_from_the_command(fault: str) -> None:
    words = ("--every", "10ms", "--for", "30ms", "--at", "0s", "--ramp", "10ms")
    results = [tocsin("simulate", kind, "--fault", fault, *words) for kind in ("pump", "spindle")]
    assert 0 in {result.exit_code for result in results}, results[0].output
    assert all(result.exit_code == 0 or "tocsin: " in result.stderr for result in results)


def test_simulating_loads_neither_the_store_nor_the_page() -> None:
    code = "import sys, tocsin.playing.machine; print({'duckdb', 'nicegui', 'fastapi'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout == b"set()\n"
