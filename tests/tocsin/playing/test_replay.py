import json
import os
import signal
import subprocess
import sys
from math import sin
from pathlib import Path

import pytest

from benchmarks.processes import until
from tests.tocsin.plant import DEADLINE_S, QUIET, ROWS, recording, tocsin, write

LEARNT = 1500  # rows of a healthy machine, more than the detector needs
WORN = 200


@pytest.fixture
def may(tmp_path: Path) -> Path:
    path = tmp_path / "may.csv"
    path.write_text(recording())
    return path


def play(*words: str | Path) -> dict[str, object]:
    result = tocsin("replay", *words, "--json")
    assert result.exit_code == 0, result.output
    found: dict[str, object] = json.loads(result.stdout)
    return found


def test_limits_of_the_config_ring_at_their_times(tmp_path: Path, may: Path) -> None:
    config = write(tmp_path, QUIET)
    found = play(may, "--device", "pump-1", "-c", config)
    alarms = found["alarms"]
    assert isinstance(alarms, list)
    assert (found["rows"], found["dead"]) == (ROWS, 0)
    assert {alarm["rule"]: alarm["state"] for alarm in alarms} == {
        "limit:temperature:H": "returned-unacknowledged",
        "limit:current:H": "unacknowledged",
    }
    assert {alarm["onset_ns"] for alarm in alarms} == {1_777_615_220_000_000_000}
    result = tocsin("replay", may, "--device", "pump-1", "-c", config)
    assert f"{ROWS} rows, " in result.stdout
    assert "2026-05-01T06:00:20+00:00" in result.stdout
    assert sorted(path.name for path in tmp_path.iterdir()) == ["may.csv", "tocsin.toml"], "nothing is left behind"


def test_without_a_config_a_machine_that_leaves_its_normal_rings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    lines = ["when;a;b;note"]
    for row in range(LEARNT + WORN):
        wave = sin(row * 0.7) + 0.3 * sin(row * 12.9898)
        lines.append(f"{1_767_225_600 + row};{50 + wave:.4f};{(20 - wave) if row < LEARNT else 35 + wave:.4f};x")
    (tmp_path / "worn.csv").write_text("\n".join(lines))
    found = play("worn.csv", "--device", "mill", "--time", "when", "--separator", ";", "--ignore", "note")
    alarms = found["alarms"]
    assert isinstance(alarms, list)
    assert found["rows"] == LEARNT + WORN
    assert [(alarm["rule"], alarm["device"]) for alarm in alarms] == [("anomaly", "mill")]
    begun_ns = (1_767_225_600 + LEARNT) * 1_000_000_000
    assert 0 <= alarms[0]["onset_ns"] - begun_ns <= 60 * 1_000_000_000


def test_a_quiet_recording_rings_nothing(tmp_path: Path, may: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = tocsin("replay", may, "--device", "other")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[-1] == "nothing rang"


def test_lines_that_cannot_be_read_are_counted(tmp_path: Path, may: Path) -> None:
    may.write_text(recording() + "2026-05-01T07:00:00Z,hot,1\nyesterday,1,2\n")
    found = play(may, "--device", "pump-1", "-c", write(tmp_path, QUIET))
    assert (found["rows"], found["dead"]) == (ROWS, 2)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--time", "when"), "when"),
        (("-c", "none.toml"), "there is no such file"),
        (("--speed", "-1"), "speed"),
        (("--separator", ";"), "has no column time"),
    ],
)
def test_what_cannot_be_played_is_a_sentence(may: Path, words: tuple[str, ...], sentence: str) -> None:
    result = tocsin("replay", may, "--device", "pump-1", *words)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.startswith("tocsin: ")
    assert sentence in result.stderr


def test_a_replay_at_its_own_pace_ends_on_ctrl_c_and_tells_what_rang_so_far(tmp_path: Path, may: Path) -> None:
    folder = tmp_path / "temporary"
    folder.mkdir()
    command = [sys.executable, "-m", "tocsin", "replay", str(may), "--device", "d", "--speed", "0.1", "--json"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path, env={**os.environ, "TMPDIR": str(folder)}
    ) as child:
        until(lambda: any(folder.glob("*/store.duckdb")), within_s=DEADLINE_S, what="the store of the replay")
        child.send_signal(signal.SIGINT)
        said, complained = child.communicate(timeout=DEADLINE_S)
    assert child.returncode == 0, complained
    assert json.loads(said)["rows"] < ROWS
    assert not list(folder.iterdir())
