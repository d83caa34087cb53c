"""Dead letters of a box, whether it runs or not."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tocsin.hall import Terminal, free_port, running, until
from tests.tocsin.plant import tocsin

CONFIG = """
[[edge.sources]]
type = "serial"
port = "{port}"
device = "pump-1"
channels = ["a", "b"]
[console]
listen = "127.0.0.1:{page}"
"""


@pytest.fixture
def line() -> Iterator[Terminal]:
    found = Terminal()
    yield found
    found.close()


def listed(*words: str | Path) -> list[dict[str, object]]:
    """In a process of its own, as somebody at a terminal asks."""
    command = [sys.executable, "-m", "tocsin", "dead", "list", "--json", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    found: list[dict[str, object]] = json.loads(done.stdout)
    return found


def test_dead_letters_of_a_running_box_are_listed_and_called_as_those_of_a_stopped_one(
    tmp_path: Path, line: Terminal
) -> None:
    config = tmp_path / "tocsin.toml"
    config.write_text(CONFIG.format(port=line.path, page=free_port()))
    with running(config) as there:
        there.box.serve()
        line.say("1,2", b"\xff\xfe,1", "1,2", "3")
        until(lambda: there.counts()[1] == 2, "both dead letters")
        alive = listed("-c", config)
        (newest,) = listed("-c", config, "--limit", "1")
    stopped = listed("-c", config)
    assert [letter["id"] for letter in stopped] == [letter["id"] for letter in alive]
    assert newest["id"] == alive[0]["id"]
    assert len({letter["id"] for letter in alive}) == 2
    assert [letter["reason"] for letter in alive] == [letter["reason"] for letter in stopped]
    shown = tocsin("dead", "show", str(stopped[1]["id"]), "-c", config).stdout
    assert "fffe2c31" in shown
