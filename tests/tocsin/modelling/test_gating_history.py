"""The gate on what a box recorded, and on what people said of it."""

import json
from pathlib import Path

import pytest

from benchmarks.processes import until
from tests.tocsin.plant import DEADLINE_S, tocsin
from tests.tocsin.test_trained_box import CONFIG, RECIPE, recording
from tocsin.roles.box import Box
from wire.messages import SourceStatus
from wire.settings import load


def done(*words: str | Path, code: int = 0) -> str:
    result = tocsin(*words)
    assert result.exit_code == code, result.output
    return result.stdout if code == 0 else result.output


@pytest.fixture
def recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stopped box that recorded a pump with a fault, its champion, and two versions fitted since."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TOCSIN_REGISTRY", raising=False)
    monkeypatch.setenv("TOCSIN_MLFLOW", "off")
    Path("pump.toml").write_text(RECIPE)
    recording(1, faulty=False).to_csv("may.csv", index=False)
    recording(2, faulty=True).to_csv("june.csv", index=False)
    poisoned = recording(3, faulty=False).drop(columns="label")
    poisoned.loc[poisoned.index[100:800:2], "heat"] += 30.0
    poisoned.to_csv("poisoned.csv", index=False)
    config = tmp_path / "tocsin.toml"
    config.write_text(CONFIG.format(file="june.csv"))
    done("train", "pump.toml", "--data", "may.csv", "--name", "pump")
    with Box(load(config)) as box:

        def over() -> bool:
            return any(state.state is SourceStatus.ENDED for _, state in box.reader.sources())

        until(over, within_s=DEADLINE_S, what="the end of the recording")
        assert box.drained(DEADLINE_S)
    done("train", "pump.toml", "--data", "may.csv", "--name", "pump", "--seed", "4")
    done("train", "pump.toml", "--data", "poisoned.csv", "--name", "pump")
    return tmp_path


@pytest.mark.slow
def test_candidates_are_judged_by_what_the_store_holds_and_by_what_people_said(recorded: Path) -> None:
    span = ("--from", "2026-05-01T06:00Z", "--to", "2026-05-02")
    plain = done("models", "gate", "pump@2", *span)
    assert "no row has a label" in plain
    assert "REFUSED" not in plain
    from_, to = "2026-05-01T06:10:10Z", "2026-05-01T06:11:50Z"
    for meaning, begin, end in (("anomaly", from_, to), ("normal", "2026-05-01T06:01:00Z", "2026-05-01T06:05:00Z")):
        words = ("--device", "pump-1", "--from", begin, "--to", end, "--as", meaning, "--who", "ada")
        done("data", "label", *words)
    good = done("models", "gate", "pump@2", *span)
    assert "labelled rows" in good
    assert "REFUSED" not in good
    told = json.loads(tocsin("models", "gate", "pump@3", *span, "--json").stdout)
    assert not told["passed"]
    assert {"f1", "ap"} & {check["what"] for check in told["checks"] if check["passed"] is False}
    assert "nothing between these times" in done("models", "gate", "pump@2", "--from", "2030-01-01", code=1)
    assert "expected a time such as" in done("models", "gate", "pump@2", "--from", "may", code=2)
    assert recorded.is_dir()
