import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from benchmarks.processes import accepts, free_port, until
from models.contract import Task
from tests.tocsin.plant import DEADLINE_S, tocsin
from tocsin.examining.check import checked
from tocsin.modelling.shelf import champions
from tocsin.places import REGISTRY
from tocsin.playing.broker import EmbeddedBroker
from tocsin.playing.demo_hall import CONFIG
from tocsin.playing.demo_lesson import command

KEYS = {
    "readings", "duplicates", "dead", "gaps", "alarms", "first_stored_s", "first_score_s", "fault_to_alarm_s",
    "benches",
}  # fmt: skip


def test_a_headless_demo_ends_by_itself_and_its_accounts_add_up(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "error::ResourceWarning", "-m", "tocsin", "demo", "--headless", "--json"]
    done = subprocess.run(
        [*command, "--for", "20s", "--folder", str(tmp_path / "demo")],
        check=False,
        capture_output=True,
        text=True,
        timeout=90,
    )
    assert done.returncode == 0, done.stderr
    assert not [word for word in ("Traceback", "Exception ignored", "Warning:") if word in done.stderr], done.stderr
    told = json.loads(done.stdout)
    assert set(told) == KEYS
    readings = told["readings"]
    assert set(readings) == {"produced", "stored", "scored"}
    assert readings["produced"] == readings["stored"] + told["dead"]
    assert readings["stored"] > 200
    assert told["duplicates"] == 0
    assert told["first_stored_s"] is not None
    # The bearing wears later than this: nothing may ring for it, and nothing else may.
    assert told["fault_to_alarm_s"] is None
    assert [alarm for alarm in told["alarms"] if alarm["device"] in {"pump-1", "spindle-1"}] == []
    assert told["benches"]["said"] > 8
    assert told["benches"]["answers"] > 4
    # What it left is a box like any other.
    doctor = tocsin("doctor", "--json", "-c", tmp_path / "demo" / "tocsin.toml")
    assert [finding for finding in json.loads(doctor.stdout) if finding["what"] == "device"] == []
    accounts = [finding for finding in json.loads(doctor.stdout) if finding["what"] in {"accounts", "log"}]
    assert [finding["ok"] for finding in accounts] == [True, True], accounts


def test_the_benches_of_the_demo_are_judged_by_a_model_of_runs_of_the_past(tmp_path: Path) -> None:
    (tmp_path / "tocsin.toml").write_text(f'site = "demo"\n[[edge.sources]]\ntype = "host"\n{CONFIG}')
    subprocess.run(command(tmp_path / "tocsin.toml", 1, 150), check=True, cwd=tmp_path, timeout=300)
    loaded = checked(tmp_path / "tocsin.toml")
    (rule,) = loaded.config.procedures
    found = champions(loaded).found[str(rule.model)]
    assert (rule.match, rule.advice, found.task) == ("servo-final", "on", Task.OUTCOME)
    assert set(found.channels) >= {"S01/.seconds", "S40/.seconds"}
    assert {path.name for path in tmp_path.iterdir()} == {"tocsin.toml", "history.csv", "data"}


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (("--listen", "0.0.0.0:80"), 2, "can be reached from other machines"),
        (("--listen", "here"), 2, "console.listen"),
        (("--folder", "DIR"), 1, "is not empty"),
        (("--folder", "DIR/file/below"), 1, "Not a directory"),
    ],
)
def test_what_cannot_be_shown_is_a_sentence(tmp_path: Path, words: tuple[str, ...], code: int, sentence: str) -> None:
    (tmp_path / "file").write_text("")
    done = tocsin("demo", "--for", "1s", *(word.replace("DIR", str(tmp_path)) for word in words))
    assert done.exit_code == code
    assert sentence in done.stderr


def test_a_demo_puts_no_model_among_those_of_a_plant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(REGISTRY, str(tmp_path / "models of the plant"))
    (tmp_path / "file").write_text("")
    assert "is not empty" in tocsin("demo", "--for", "1s", "--folder", tmp_path).stderr
    assert REGISTRY not in os.environ


def test_the_demo_broker_is_gone_after_its_block() -> None:
    before = set(threading.enumerate())
    port = free_port()
    with EmbeddedBroker(port):
        client = Client(CallbackAPIVersion.VERSION2)
        client.connect("127.0.0.1", port)
        client.loop_start()
        until(client.is_connected, within_s=DEADLINE_S, what="the broker's answer")
        client.disconnect()
        client.loop_stop()
    assert not accepts(port)
    for thread in set(threading.enumerate()) - before:
        thread.join(DEADLINE_S)
        assert not thread.is_alive(), thread.name


def test_the_demo_broker_says_that_its_port_is_taken_and_leaves_no_thread() -> None:
    port = free_port()
    with EmbeddedBroker(port), pytest.raises(OSError, match=f"cannot listen on 127.0.0.1:{port}"):
        EmbeddedBroker(port).__enter__()
    assert "demo-broker" not in {thread.name for thread in threading.enumerate()}
