import json
from pathlib import Path

import pytest
from click.testing import Result

from tests.tocsin import bench
from tests.tocsin.plant import tocsin


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A pump with a champion, a candidate that is as good, and one that was fitted on faults unseen."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TOCSIN_REGISTRY", raising=False)
    monkeypatch.setenv("TOCSIN_MLFLOW", "off")
    Path("pump.toml").write_text(bench.ANOMALY)
    bench.put(Path("may.csv"), bench.pump(rows=1200).drop(columns="fault"))
    bench.put(Path("june.csv"), bench.pump(seed=1, rows=1200, worn_from=900))
    bench.put(Path("poisoned.csv"), bench.pump(seed=2, rows=1200, worn_from=100).drop(columns="fault"))
    done("train", "pump.toml", "--data", "may.csv", "--name", "pump")
    return tmp_path


def done(*words: str, code: int = 0) -> Result:
    result = tocsin(*words)
    assert result.exit_code == code, result.output
    return result


def test_a_candidate_that_is_as_good_is_let_through_and_one_of_poisoned_rows_is_refused() -> None:
    done("train", "pump.toml", "--data", "may.csv", "--name", "pump", "--seed", "3")
    plain = done("models", "gate", "pump", "--data", "june.csv", "--label", "fault").stdout
    assert "REFUSED" not in plain
    assert "ok        f1 on 1200 labelled rows:" in plain
    done("train", "pump.toml", "--data", "poisoned.csv", "--name", "pump")
    told = json.loads(done("models", "gate", "pump", "--data", "june.csv", "--label", "fault", "--json", code=1).stdout)
    assert not told["passed"]
    assert {"f1", "ap"} & {check["what"] for check in told["checks"] if check["passed"] is False}
    refused = done("models", "promote", "pump@3", "--data", "june.csv", "--label", "fault", code=1)
    assert "pump@3 is refused; --no-gate promotes it all the same" in refused.stderr
    assert "pump@1 (champion)" in done("models", "show", "pump").stdout
    done("models", "promote", "pump@2", "--data", "june.csv", "--label", "fault")
    assert "pump@2 (champion)" in done("models", "show", "pump").stdout
    done("models", "promote", "pump@3", "--data", "june.csv", "--label", "fault", "--no-gate")
    assert "pump@3" in done("models", "show", "pump").stdout


def test_a_promotion_is_taken_back_by_one_word_and_kept_with_who_and_why() -> None:
    done("train", "pump.toml", "--data", "may.csv", "--name", "pump")
    said = done("models", "promote", "pump@candidate", "--who", "Ada", "--why", "hears more")
    assert said.stdout == "pump@2 is the champion\n"
    assert "not judged on any rows" in said.stderr
    assert done("models", "rollback", "pump", "--who", "Bob").stdout == "pump@1 is the champion again\n"
    steps = json.loads(Path("data/models/pump/history.json").read_text())
    assert [(step["old"], step["new"], step["who"], step["why"]) for step in steps] == [
        (1, 2, "Ada", "hears more"),
        (2, 1, "Bob", ""),
    ]
    shown = done("models", "show", "pump").stdout
    assert "champion 1 -> 2 by Ada: hears more" in shown
    assert "champion 2 -> 1 by Bob" in shown
    assert "no version was before it" in done("models", "rollback", "pump", code=1).stderr


def test_a_damaged_version_is_not_promoted() -> None:
    done("train", "pump.toml", "--data", "may.csv", "--name", "pump")
    Path("data/models/pump/2/payload.skops").write_bytes(b"nothing")
    assert "other bytes (7, not " in done("models", "promote", "pump@2", code=1).stderr
    assert "pump@1 (champion)" in done("models", "show", "pump").stdout


def test_what_cannot_be_judged_is_said() -> None:
    assert "is the champion already" in done("models", "gate", "pump@1", "--data", "june.csv", code=1).stderr
    assert "say what rows to judge by" in done("models", "gate", "pump", code=2).stderr
    assert "has no pump 'candidate'" in done("models", "gate", "pump", "--data", "june.csv", code=1).stderr
