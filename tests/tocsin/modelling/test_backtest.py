"""Backtests: the scores are those of live, they lie beside the live ones, and alarms are held against labels."""

import json
import shutil
from pathlib import Path
from typing import cast

import numpy as np
import pytest

from benchmarks.processes import free_port, until
from store.archive.archive import Archive
from store.archive.place import place
from store.box.box import DuckStore
from tests.tocsin.plant import DEADLINE_S, QUIET, tocsin, up
from tests.tocsin.test_trained_box import RECIPE, ROWS, configured, done, played, recording
from tocsin.places import store_path
from tocsin.reaching.client import Client
from tocsin.reaching.importing import recorded
from wire.envelope import pack
from wire.ports import Record
from wire.settings import load

BEGIN, FAULTY = "2026-05-01T06:00:00Z", ("2026-05-01T06:10:00Z", "2026-05-01T06:13:00Z")


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a box that scored a recording live by `pump@1`, and of a second version of it."""
    folder = tmp_path_factory.mktemp("scored")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.delenv("TOCSIN_REGISTRY", raising=False)
        patch.setenv("TOCSIN_MLFLOW", "off")
        Path("pump.toml").write_text(RECIPE)
        recording(1, faulty=False).to_csv("may.csv", index=False)
        recording(2, faulty=True).to_csv("june.csv", index=False)
        done("train", "pump.toml", "--data", "may.csv", "--name", "pump")
        played(configured(folder))
        done("train", "pump.toml", "--data", "may.csv", "--name", "pump", "--seed", "1")
    return folder


@pytest.fixture
def plant(scored: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The config of such a box of one's own."""
    monkeypatch.delenv("TOCSIN_REGISTRY", raising=False)
    shutil.copytree(scored, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "tocsin.toml"


def kept(config: Path, role: str, version: int = 0) -> dict[int, float]:
    """Scores in the store of one role, by time."""
    with DuckStore(path=store_path(load(config)), read_only=True) as store:
        found = store.scores("pump-1", start_ns=0, end_ns=2**62, role=role, version=version)  # type: ignore[arg-type]
    scores = zip(found.t_ns, found.columns["score"], strict=True)
    return {at: score for at, score in scores if score is not None}


def report(*words: str | Path) -> dict[str, object]:
    found: dict[str, object] = json.loads(done("backtest", *words, "--json"))
    return found


def tally(found: dict[str, object], which: str = "tested") -> dict[str, float]:
    made = found[which]
    assert isinstance(made, dict)
    return made


def test_history_is_scored_as_live_rows_were_to_the_bit_and_written_beside_them(plant: Path) -> None:
    live = kept(plant, "champion")
    found = report("pump@1", "-c", plant)
    tested = kept(plant, "backtest", 1)
    assert found["written"] == len(tested) > ROWS - 60
    assert set(tested) <= set(live)
    assert len(live) - len(tested) <= 1, "the newest row closes when one comes after it"
    assert np.array_equal([live[at] for at in tested], list(tested.values()))
    assert kept(plant, "champion") == live, "what is live stays as it was"
    assert tally(found)["alarms"] == tally(found, "live")["alarms"] == 1


def test_another_version_lies_beside_under_its_own_number_and_the_same_again_changes_nothing(plant: Path) -> None:
    report("pump@1", "-c", plant)
    report("pump@candidate", "-c", plant)
    first, second = kept(plant, "backtest", 1), kept(plant, "backtest", 2)
    assert first
    assert set(first) == set(second)
    report("pump@candidate", "-c", plant)
    assert kept(plant, "backtest", 2) == second


def test_alarms_are_held_against_labels_and_the_live_ones_beside(plant: Path) -> None:
    who = ("--who", "Ada", "-c", plant)
    span = ("--from", FAULTY[0], "--to", FAULTY[1])
    told = tally(report("pump", "--dry-run", "-c", plant))
    assert (told["alarms"], told["unjudged"], told["events"]) == (1, 1, 0)
    label = json.loads(done("data", "label", "--device", "pump-1", *span, "--as", "anomaly", "--json", *who))["label"]
    for which in ("tested", "live"):
        told = tally(report("pump", "--dry-run", "-c", plant), which)
        assert (told["found"], told["events"], told["right"], told["unjudged"]) == (1, 1, 1, 0)
    done("data", "label", "--withdraw", label, *who)
    done("data", "label", "--device", "pump-1", *span, "--as", "normal", *who)
    told = tally(report("pump", "--dry-run", "-c", plant))
    assert (told["events"], told["false"]) == (0, 1)
    text = done("backtest", "pump", "--dry-run", "-c", plant)
    assert "no score was written back" in text
    assert "live at the time" in text
    assert kept(plant, "backtest") == {}, "nothing is written in a dry run"


def test_a_stretch_is_scored_and_what_leads_in_only_warms(plant: Path) -> None:
    span = ("--from", FAULTY[0], "--to", "2026-05-01T06:12:00Z")
    led = report("pump", *span, "-c", plant)["devices"]
    warm = kept(plant, "backtest", 1)
    live = kept(plant, "champion")
    inside = [at for at in live if min(warm) <= at <= max(warm)]
    assert set(warm) == set(inside)
    assert np.allclose([warm[at] for at in inside], [live[at] for at in inside]), "windows are full by then"
    cold = report("pump", *span, "--lead-in", "0s", "--dry-run", "-c", plant)
    devices = cold["devices"]
    assert isinstance(devices, list)
    assert 0 < devices[0]["scored"] < len(warm)
    assert isinstance(led, list)
    assert led[0]["rows"] == devices[0]["rows"] == led[0]["scored"] == len(warm), "what leads in is not tested"


def test_rows_may_come_from_an_archive(plant: Path, tmp_path: Path) -> None:
    live = kept(plant, "champion")
    (rows,) = recorded(tmp_path / "june.csv", device="pump-1", time="time", ignore=["label"])
    records = [Record("", 0, at, b"", pack(batch), 0) for at, batch in enumerate(rows.batches("edge"))]
    Archive(place(str(tmp_path / "kept")), cut_offsets=1).take(records)
    found = report("pump@1", "--data", tmp_path / "kept", "-c", plant)
    tested = kept(plant, "backtest", 1)
    assert found["written"]
    both = sorted(set(live) & set(tested))
    assert len(both) > ROWS - 60
    assert np.allclose([live[at] for at in both], [tested[at] for at in both])


@pytest.mark.parametrize(
    ("words", "sentence", "code"),
    [
        (("pump@9",), "has no pump 9", 1),
        (("pump", "--device", "fan-*"), "no device fits 'fan-*'; there are pump-1", 1),
        (("pump", "--from", "2027-01-01"), "it has no rows in that time", 1),
        (("pump", "--from", "May"), "--from: expected a time", 2),
        (("pump", "--data", "none"), "no device fits", 1),
    ],
)
def test_what_cannot_be_tested_is_a_sentence(plant: Path, words: tuple[str, ...], sentence: str, code: int) -> None:
    result = tocsin("backtest", *words, "-c", plant)
    assert (result.exit_code, result.stdout) == (code, "")
    assert sentence in result.stderr


def test_a_device_that_lacks_the_models_channels_is_passed_over_and_said(plant: Path) -> None:
    other = Path("fan.csv")
    other.write_text("time,speed\n" + "".join(f"2026-04-01T00:00:{at:02}Z,{at}\n" for at in range(60)))
    done("data", "import", other, "--device", "fan-1", "-c", plant)
    text = done("backtest", "pump", "--dry-run", "-c", plant)
    assert "not scored: it lacks 4 of the model's 4 channels" in text


def test_a_running_box_gives_its_rows_and_takes_the_scores_over_its_api(plant: Path) -> None:
    live = kept(plant, "champion")
    quiet = plant.read_text().split("[[devices]]")[1]
    plant.write_text(f'{QUIET}[[devices]]{quiet}\n[console]\nlisten = "127.0.0.1:{free_port()}"\n')
    with up(plant) as box:
        box.ready()
        written = report("pump@candidate", "-c", plant)["written"]
        api = Client.of(load(plant).config.console.listen)

        def stored() -> int:
            told = api.get("devices/pump-1/scores", start="0", role="backtest", version="2", points="0")
            return len(cast("dict[str, list[int]]", told)["t_ns"])

        until(lambda: stored() == written, within_s=DEADLINE_S, what="the scores to be stored")
        alarms = json.loads(done("alarms", "list", "--all", "--json", "-c", plant))
        alarm = next(each for each in alarms if each["rule"] == "anomaly")
        lineage = json.loads(done("data", "lineage", alarm["id"], "--json", "-c", plant))
    tested = kept(plant, "backtest", 2)
    assert written
    assert set(tested) <= set(live)
    assert len(tested) > ROWS - 60
    told = {node["kind"]: node for node in lineage["made_from"]}
    assert told["model"]["id"] == "model:pump@1"
    assert told["file"]["id"] == "file:may.csv"
    assert told["data"]["digest"]
    assert told["recipe"]["digest"]
