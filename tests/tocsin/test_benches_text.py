"""docs/test-benches.md against a box, a broker and a simulator: every block is sent or typed as it stands there."""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import cast

import pandas as pd
import pytest

from benchmarks.processes import free_port, until
from dashboards.console.bench_shapes import ProcedureOut, StepOut
from models.runs.row import KEYS
from tests.edge.sources.mosquitto import Mosquitto, mosquitto, publisher
from tests.tocsin.plant import DEADLINE_S, Up
from tocsin.reaching.client import Client
from wire.settings import load

TEXT = (Path(__file__).parent.parent.parent / "docs/test-benches.md").read_text(encoding="utf-8")
STORED_S = 120.0
# What takes an afternoon there is made shorter here: as many units, less time between them.
SHORTER = (
    ("--speed 60 --runs 600", "--speed 0 --runs 240"),
    ("--speed 60 --runs 200", "--speed 0 --runs 24"),
    ("--speed 60 --runs 100", "--speed 0 --runs 4"),
)
pytestmark = [pytest.mark.server, pytest.mark.slow, pytest.mark.timeout(400)]


def blocks(kind: str) -> list[str]:
    found = re.findall(r"^```(\w*)\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)
    return [body for name, body in found if name == kind]


class Desk:
    """Somebody who follows the text in a folder of their own, on free ports."""

    def __init__(self, folder: Path, broker: Mosquitto) -> None:
        self.config = folder / "tocsin.toml"
        self._port, self._broker = free_port(), broker
        self._box: Up | None = None
        self.config.write_text(self.here(blocks("toml")[0]))

    def here(self, text: str) -> str:
        """The text with the addresses of this test."""
        for long, short in SHORTER:
            text = text.replace(long, short)
        text = text.replace("127.0.0.1:8765", f"127.0.0.1:{self._port}")
        return text.replace("127.0.0.1:1883", f"127.0.0.1:{self._broker.port}").replace(
            "-p 1883", f"-p {self._broker.port}"
        )

    @property
    def api(self) -> Client:
        return Client.of(load(self.config).config.console.listen)

    def start(self) -> None:
        self.stop()
        self._box = Up(self.config)
        self._box.ready()

    def stop(self) -> None:
        if self._box is not None and self._box.child.poll() is None:
            assert self._box.end(signal.SIGINT) in {0, 130, -signal.SIGINT}, self._box.said
        self._box = None

    def type(self, line: str) -> str:
        """One line as a shell would run it; what it printed."""
        words = shlex.split(self.here(line))
        if words == ["tocsin", "up"]:
            self.start()
            return ""
        program = [sys.executable, "-m", *words] if words[0] == "tocsin" else words
        environment = os.environ | {"TOCSIN_MLFLOW": "off"}
        done = subprocess.run(
            program, cwd=self.config.parent, env=environment, capture_output=True, text=True, check=False, timeout=300
        )
        assert done.returncode == 0, f"{line}: {done.stdout}{done.stderr}"
        assert '"remedy":' not in done.stdout, f"{line} was refused: {done.stdout}"
        return done.stdout

    def block(self, number: int) -> list[str]:
        return [self.type(line) for line in blocks("")[number].splitlines()]

    def procedure(self, name: str) -> dict[str, object]:
        told = cast("list[dict[str, object]]", self.api.get("procedures"))
        return next((each for each in told if each["procedure"] == name), {"runs": 0, "states": {}})

    def over(self, runs: int) -> None:
        """Wait until so many runs of the simulator are over."""

        def over() -> bool:
            states = cast("dict[str, int]", self.procedure("servo-final")["states"])
            return sum(states.values()) - states.get("running", 0) >= runs

        until(over, within_s=STORED_S, what=f"{runs} runs to be over", every_s=0.2)

    def run(self, name: str) -> dict[str, object]:
        def known() -> bool:
            runs = cast("list[dict[str, object]]", self.api.get("runs", procedure="EOL"))
            return any(each["run"] == name and each["state"] != "running" for each in runs)

        until(known, within_s=DEADLINE_S, what=f"run {name} to be over")
        return cast("dict[str, object]", self.api.get(f"runs/{name}"))


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    if not shutil.which("mosquitto_pub") or not shutil.which("curl"):
        pytest.skip("mosquitto_pub or curl is not there: apt-get install mosquitto-clients curl")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TOCSIN_REGISTRY", raising=False)
    with ExitStack() as stack:
        broker = stack.enter_context(mosquitto(tmp_path))
        found = Desk(tmp_path, broker)
        stack.callback(found.stop)
        yield found


def test_the_text_is_followed_from_the_first_run_to_savings_word_for_word(desk: Desk) -> None:
    desk.block(0)
    told = [json.loads(line) for line in desk.block(1)]
    assert told[0] == {"run": "R-1", "durable": True}
    assert told[1]["stop"] is False
    if told[1]["advice"] is not None:  # on a busy machine none comes in time, which is said and means go on
        assert (told[1]["needed"], told[1]["withheld"]) == (30, "no-model")
    assert desk.run("R-1")["state"] == "pass"
    with publisher(desk._broker) as client:
        for line in blocks("json")[0].splitlines():
            client.publish("plant/bench-1/run", line, qos=1).wait_for_publish(DEADLINE_S)
    desk.block(2)
    assert desk.run("R-2")["state"] == "fail"
    assert desk.run("R-3")["state"] == "aborted"
    whole, catalogue = desk.block(3)
    assert json.loads(whole)["row"]["leak/rate.margin"] == pytest.approx(-0.3)
    assert "runs:EOL" in catalogue
    assert "quality@hall-3" in catalogue

    (summary,) = desk.block(4)
    assert "240 runs" in summary
    desk.over(235)
    exported, _, shown = desk.block(5)
    rows = pd.read_csv("runs.csv")
    assert f"{len(rows)} runs of servo-final" in exported
    assert list(rows.columns[: len(KEYS)]) == list(KEYS)
    assert "eol" in shown

    assert 'match = "servo-final"' in blocks("toml")[2]
    whole_config = desk.config.read_text().replace("[console]", f"{blocks('toml')[2]}\n[console]")
    desk.config.write_text(whole_config)
    desk.start()
    desk.block(6)
    desk.over(255)
    procedure = desk.procedure("servo-final")
    assert (procedure["model"], procedure["advice"], procedure["told"]) == ("eol", "shadow", 0)

    switched, _, _ = desk.block(7)
    assert json.loads(switched)["on"] is True
    desk.over(258)
    assert desk.procedure("servo-final")["advice"] == "on"
    made, listed, lineage = desk.block(8)
    assert "R-1 was fail, says Ada" in made
    assert "came back from the customer" in listed
    assert "fail, says Ada" in lineage

    *_, promoted = desk.block(9)
    assert "eol@2 is the champion" in promoted
    of_model, of_file = desk.block(10)
    assert "training data of eol@2" in of_model
    assert "newer.csv was exported from servo-final" in of_model
    assert "eol@1, outcome" in of_file


def test_every_number_that_the_text_explains_is_one_that_is_told_and_the_other_way_round() -> None:
    table = TEXT.split("## What the numbers mean", 1)[1].split("\n## ", 1)[0]
    rows = re.findall(r"^\| (`.*?) \|", table, re.MULTILINE)
    explained = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    told = set(StepOut.model_fields) | set(ProcedureOut.model_fields)
    assert explained <= told
    plain = {"procedure", "owner", "edges", "stations", "versions", "runs", "states", "passed_share", "currency"}
    plain |= {"run", "step", "durable", "advice", "model", "model_version"}
    assert told - explained - plain == set()
