"""A running box takes up what is promoted, tries what is not yet, and goes on when what is promoted cannot be read."""

from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.processes import until
from benchmarks.swap import campaign
from tests.tocsin.plant import tocsin
from tests.tocsin.test_trained_box import CONFIG, RECIPE, recording
from tocsin.roles.box import Box
from wire.settings import load

WITHIN_S = 10.0  # as promised
BUSY_S = 20.0  # for a machine with much to do


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A box that plays a recording twenty times as fast as it was, by a model of two versions."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TOCSIN_REGISTRY", raising=False)
    monkeypatch.setenv("TOCSIN_MLFLOW", "off")
    Path("pump.toml").write_text(RECIPE)
    recording(1, faulty=False).to_csv("may.csv", index=False)
    recording(2, faulty=False).to_csv("june.csv", index=False)
    for _ in range(3):
        done("train", "pump.toml", "--data", "may.csv", "--name", "pump")
    path = tmp_path / "tocsin.toml"
    path.write_text(CONFIG.format(file="june.csv").replace("speed = 0", "speed = 20"))
    return path


def done(*words: str | Path) -> str:
    result = tocsin(*words)
    assert result.exit_code == 0, result.output
    return result.stdout


def scored(box: Box, version: int, role: str = "champion") -> Callable[[], bool]:
    def found() -> bool:
        rows = box.reader.scores(
            "pump-1",
            start_ns=0,
            end_ns=2**62,
            role="candidate" if role == "candidate" else "champion",
            model="pump",
            version=version,
        )
        return bool(rows.t_ns)

    return found


@pytest.mark.slow
def test_a_running_box_takes_up_what_is_promoted_and_goes_back(config: Path) -> None:
    with Box(load(config)) as box:
        until(scored(box, 1), within_s=WITHIN_S + BUSY_S, what="scores of the champion")
        until(scored(box, 3, "candidate"), within_s=WITHIN_S + BUSY_S, what="scores of the candidate")
        done("models", "promote", "pump@3")
        until(scored(box, 3), within_s=WITHIN_S + BUSY_S, what="scores of what was promoted")
        damaged = Path("data/models/pump/2/payload.skops")
        damaged.write_bytes(damaged.read_bytes()[:-5])
        done("models", "promote", "pump@2", "--no-gate")
        until(lambda: bool(box.status().notes), within_s=WITHIN_S + BUSY_S, what="a note")
        assert "version 2 is not put to work" in box.status().notes[0]

        def rings() -> bool:
            return any(alarm.active for alarm in box.reader.alarms(active=True) if alarm.rule == "model-refused:pump")

        until(rings, within_s=WITHIN_S + BUSY_S, what="an alarm")
        newest = max(box.reader.scores("pump-1", start_ns=0, end_ns=2**62, model="pump", version=3).t_ns)

        def goes_on() -> bool:
            return max(box.reader.scores("pump-1", start_ns=0, end_ns=2**62, model="pump", version=3).t_ns) > newest

        until(goes_on, within_s=WITHIN_S + BUSY_S, what="further scores of the champion in force")
        done("models", "rollback", "pump")
        until(lambda: not rings(), within_s=WITHIN_S + BUSY_S, what="the end of the alarm")


@pytest.mark.slow
def test_swaps_under_load_lose_and_double_nothing(tmp_path: Path) -> None:
    found = campaign(tmp_path, rounds=1, swaps=6, calm_s=1.0, settle_s=2.0)
    assert (found.lost, found.doubled, found.swaps) == (0, 0, 6), found
