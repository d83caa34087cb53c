"""The whole way: from an alarm that a retrained model rang to its rows, recipe, data and labels, and back again."""

import json
from pathlib import Path
from typing import cast

import pytest

from benchmarks.processes import until
from store.box.box import DuckStore
from stream.state import MODELS_KEY, unpack_models
from tests.tocsin.plant import DEADLINE_S, tocsin
from tests.tocsin.test_trained_box import RECIPE, done, played, recording
from tocsin.roles.box import Box
from wire.settings import load

FAULTY = ("2026-05-01T06:10:00Z", "2026-05-01T06:13:00Z")
SOURCE = """\
[[edge.sources]]
type = "replay"
path = "{file}"
device = "{device}"
times = "own"
speed = 0
ignore = ["label"]
"""
RULES = """\
[[devices]]
match = "pump-*"
owner = "maintenance"
model = "pump"
[[models]]
name = "pump"
recipe = "pump.toml"
history = "36500d"
[retention]
readings = "36500d"
scores = "36500d"
"""


def config(folder: Path, device: str, file: str) -> Path:
    path = folder / "tocsin.toml"
    path.write_text(SOURCE.format(device=device, file=file) + RULES)
    return path


def swapped(folder: Path, *, version: int) -> None:
    """Let the box run without a recording until this version is in force."""
    (folder / "tocsin.toml").write_text('[[edge.sources]]\ntype = "host"\nevery = "1h"\n' + RULES)
    with Box(load(folder / "tocsin.toml")) as box:
        store = cast("DuckStore", box.reader)

        def in_force() -> bool:
            return unpack_models(store.resume().state[MODELS_KEY])["pump"].champion == version

        until(in_force, within_s=DEADLINE_S, what=f"version {version} to be in force", every_s=0.1)


def traced(of: str) -> dict[str, dict[str, list[dict[str, object]]]]:
    """Both sides of a lineage, by kind."""
    found = json.loads(done("data", "lineage", of, "--json"))
    sides: dict[str, dict[str, list[dict[str, object]]]] = {"made_from": {}, "made": {}}
    for side, kinds in sides.items():
        for node in found[side]:
            kinds.setdefault(node["kind"], []).append(node)
    return sides


@pytest.mark.slow
def test_from_an_alarm_of_a_retrained_model_to_everything_that_went_into_it_and_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TOCSIN_REGISTRY", raising=False)
    monkeypatch.setenv("TOCSIN_MLFLOW", "off")
    Path("pump.toml").write_text(RECIPE)
    recording(1, faulty=False).to_csv("may.csv", index=False)
    recording(2, faulty=True).to_csv("june.csv", index=False)
    recording(3, faulty=True).to_csv("july.csv", index=False)
    done("train", "pump.toml", "--data", "may.csv", "--name", "pump")
    played(config(tmp_path, "pump-1", "june.csv"))
    who = ("--who", "Ada", "--json")
    words = ("--device", "pump-1", "--from", FAULTY[0], "--to", FAULTY[1], "--as", "anomaly", "--comment", "bearing")
    label = json.loads(done("data", "label", *words, *who))["label"]
    done("models", "retrain", "pump")
    done("models", "promote", "pump@candidate", "--no-gate")
    swapped(tmp_path, version=2)
    played(config(tmp_path, "pump-2", "july.csv"))
    alarms = json.loads(done("alarms", "list", "--all", "--json"))
    alarm = next(each for each in alarms if each["device"] == "pump-2" and each["rule"] == "anomaly")
    assert (alarm["model"], alarm["model_version"]) == ("pump", 2)

    before = traced(alarm["id"])["made_from"]
    (rows,) = before["rows"]
    assert (rows["device"], rows["from_ns"]) == ("pump-2", alarm["onset_ns"])
    assert [node["id"] for node in before["model"]] == ["model:pump@2"]
    (recipe,) = before["recipe"]
    assert "pump.toml" in str(recipe["says"])
    (data,) = before["data"]
    assert len(str(recipe["digest"])) == len(str(data["digest"])) == 64
    assert "pump-1" in [node["device"] for node in before["device"]]
    assert [node["id"] for node in before["label"]] == [f"label:{label}"]
    assert "bearing" in str(before["label"][0]["says"])

    made = traced("pump-1")["made"]
    assert "model:pump@2" in [node["id"] for node in made["model"]]
    assert f"alarm:{alarm['id']}" in [node["id"] for node in made["alarm"]]
    assert "model:pump@2" in [node["id"] for node in traced(f"label:{label}")["made"]["model"]]
    assert "model:pump@1" in [node["id"] for node in traced("may.csv")["made"]["model"]]
    assert f"alarm:{alarm['id']}" in [node["id"] for node in traced(str(data["digest"])[:12])["made"]["alarm"]]
    text = tocsin("data", "lineage", alarm["id"]).stdout
    assert "made from" in text
    assert "bearing" in text
