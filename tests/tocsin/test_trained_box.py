"""A trained model in the box: a replayed file is scored live as `tocsin score` scores it, and no model is no end."""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from math import isnan, nan
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks.processes import until
from store.port import Series
from tests.tocsin.plant import DEADLINE_S, tocsin
from tocsin.examining.check import check
from tocsin.examining.doctor import examine
from tocsin.roles.box import Box
from wire.messages import Alarm, SourceStatus
from wire.settings import load

RECIPE = """
task = "anomaly"
columns = { labels = ["label"] }
features = [
  { kind = "mean", rows = 12 }, { kind = "deviation", rows = 20, floor = 0.05 }, { kind = "change", rows = 4 }
]
estimator = { kind = "mahalanobis" }
calibration = { multiple = 1.2 }
decision = { k = 3, n = 5, quiet = 10 }
"""
CONFIG = """
[[edge.sources]]
type = "replay"
path = "{file}"
device = "pump-1"
times = "own"
speed = 0
ignore = ["note"]
[[devices]]
match = "pump-*"
model = "pump"
[retention]
readings = "36500d"
scores = "36500d"
"""
NAMES = ("vibration", "heat", "flow", "current")
ROWS, FAULT = 900, (600, 700)
S = 1_000_000_000


def recording(seed: int, *, faulty: bool) -> pd.DataFrame:
    """Regular steps, then mostly one second and some two; values missing, a row of none, a sensor gone for long."""
    rng = np.random.default_rng(seed)
    load = np.sin(np.arange(ROWS) / 20.0)[:, None]
    values = load * np.array([0.2, 3.0, -1.0, 0.5]) + rng.normal(size=(ROWS, 4)) * np.array([0.1, 0.5, 0.2, 0.1])
    values += np.array([1.0, 60.0, 12.0, 4.0])
    steps = np.where((np.arange(ROWS) > 300) & (rng.random(ROWS) < 0.05), 2, 1)
    if faulty:
        values[FAULT[0] : FAULT[1], 1] += 8.0
        values[rng.random(values.shape) < 0.05] = nan
        values[450] = nan
        values[480:520, 3] = nan
    frame = pd.DataFrame(values, columns=list(NAMES))
    frame.insert(0, "time", pd.Timestamp("2026-05-01T06:00:00Z") + pd.to_timedelta(np.cumsum(steps), unit="s"))
    frame["time"] = frame["time"].dt.strftime("%Y-%m-%dT%H:%M:%SZ")
    return frame.assign(label=(np.arange(ROWS) // 100 == 6).astype(int) * int(faulty))


@pytest.fixture
def plant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a trained model, a recording to be scored, and a config that names both."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TOCSIN_REGISTRY", raising=False)
    monkeypatch.setenv("TOCSIN_MLFLOW", "off")
    Path("pump.toml").write_text(RECIPE)
    recording(1, faulty=False).to_csv("may.csv", index=False)
    recording(2, faulty=True).to_csv("june.csv", index=False)
    done("train", "pump.toml", "--data", "may.csv", "--name", "pump")
    return configured(tmp_path)


def configured(folder: Path, file: str = "june.csv") -> Path:
    path = folder / "tocsin.toml"
    path.write_text(CONFIG.format(file=file))
    return path


def done(*words: str | Path) -> str:
    result = tocsin(*words)
    assert result.exit_code == 0, result.output
    return result.stdout


def played(config: Path) -> tuple[Series, Sequence[Alarm]]:
    """What the box has stored of the recording."""
    with Box(load(config)) as box:

        def over() -> bool:
            return any(state.state is SourceStatus.ENDED for _, state in box.reader.sources())

        until(over, within_s=DEADLINE_S, what="the end of the recording")
        assert box.drained(DEADLINE_S)
        return box.reader.scores("pump-1", start_ns=0, end_ns=2**62), box.reader.alarms()


def scored(file: str) -> pd.DataFrame:
    """What `tocsin score` writes."""
    done("score", "pump", "--data", file, "--out", "scores.csv")
    table = pd.read_csv("scores.csv")
    table["t_ns"] = [pd.Timestamp(at).value for at in table["time"]]
    return table


def same(live: Mapping[str, Sequence[float | None]], batch: pd.DataFrame) -> None:
    found = np.array([nan if value is None else value for value in live["score"]], dtype=np.float32)
    np.testing.assert_array_max_ulp(found, batch["score"].to_numpy(dtype=np.float32), maxulp=1)
    near = found >= 0.5
    for name in NAMES:
        told = np.array([nan if value is None else value for value in live[name]], dtype=np.float32)[near]
        np.testing.assert_allclose(told, batch[f"contribution_{name}"][near], rtol=1e-4, atol=1e-6)


def test_live_scores_of_a_replayed_file_are_those_of_tocsin_score_row_by_row(plant: Path) -> None:
    live, alarms = played(plant)
    batch = scored("june.csv")
    known = batch[~batch["score"].isna()]
    assert len(known) == ROWS - 19
    assert live.t_ns == known["t_ns"].tolist()
    same(live.columns, known.reset_index())
    begins = known["t_ns"][(known["alarm"].astype(int).diff() == 1)].tolist()
    (alarm,) = [alarm for alarm in alarms if alarm.rule == "anomaly"]
    assert alarm.onset_ns == begins[0]
    assert (alarm.model, alarm.model_version) == ("pump", 1)
    assert not [alarm for alarm in alarms if alarm.rule == "model"]


def test_tocsin_replay_finds_the_model_beside_the_config(plant: Path) -> None:
    batch = scored("june.csv")
    begin = batch["t_ns"][batch["alarm"].astype(int).diff() == 1].tolist()[0]
    told = json.loads(done("replay", "june.csv", "--device", "pump-1", "--ignore", "label", "-c", plant, "--json"))
    rang = {alarm["rule"]: alarm for alarm in told["alarms"]}
    assert rang["anomaly"]["onset_ns"] == begin
    assert rang["anomaly"]["model"] == "pump"
    assert told["scored"] == (~batch["score"].isna()).sum()


def test_a_file_with_other_columns_in_another_order_is_scored_by_their_names(plant: Path) -> None:
    frame = pd.read_csv("june.csv").assign(note="x", counter=range(ROWS))
    frame[["counter", "time", "flow", "current", "heat", "note", "vibration"]].to_csv("other.csv", index=False)
    live, _ = played(configured(plant.parent, "other.csv"))
    batch = scored("june.csv")
    same(live.columns, batch[~batch["score"].isna()].reset_index())
    assert set(live.columns) == {"score", "counter", *NAMES}


def test_what_is_right_is_told_with_how_much_is_kept_of_each_device(plant: Path) -> None:
    assert check(plant) == []
    (found,) = [finding for finding in examine(plant) if finding.what == "model"]
    assert not found.bad
    assert found.detail.startswith("pump 1: 4 channels, 1.")


def test_the_registry_of_the_environment_goes_first(plant: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOCSIN_REGISTRY", "elsewhere")
    (problem,) = check(plant)
    assert problem.what.startswith("elsewhere has no model 'pump'; it has none")


@pytest.mark.parametrize("fault", ["absent", "damaged", "refused"])
def test_without_its_model_a_box_says_so_and_learns_by_itself(plant: Path, fault: str) -> None:
    where = Path("data/models/pump")
    if fault == "absent":
        where.rename("data/models/mill")
    elif fault == "damaged":
        payload = where / "1" / "payload.skops"
        payload.write_bytes(payload.read_bytes()[:-9])
    else:
        (where / "1" / "manifest.json").write_text("{}")
    (problem,) = check(plant)
    assert (problem.key, problem.line) == ("devices[0].model", 11)
    assert problem.what.endswith("until there is such a model the self-learning detector watches")
    (found,) = [finding for finding in examine(plant) if finding.what == "model"]
    assert found.bad
    live, alarms = played(plant)
    (alarm,) = [alarm for alarm in alarms if alarm.rule == "model"]
    assert "model pump does not watch, the self-learning detector does instead: " in alarm.summary
    assert str(plant.parent / "data/models") in alarm.summary
    assert len(live.t_ns) > ROWS / 2
    assert not any(value is not None and isnan(value) for value in live.columns["score"])


def test_a_box_without_a_trained_model_loads_none_of_their_libraries(tmp_path: Path) -> None:
    (tmp_path / "tocsin.toml").write_text('[[edge.sources]]\ntype = "host"\nevery = "1h"\n')
    program = (
        "import sys\nfrom pathlib import Path\nfrom tocsin.roles.box import Box\nfrom wire.settings import load\n"
        "with Box(load(Path('tocsin.toml'))):\n"
        "    print(sorted({'sklearn', 'skops', 'lightgbm', 'scipy'} & set(sys.modules)))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={"PYTHONPATH": str(Path.cwd()), "PATH": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout.strip() == "[]"
