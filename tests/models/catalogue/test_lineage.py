from pathlib import Path

import pytest

from models.catalogue.catalogued import Catalogued
from models.catalogue.entries import Lineage, Node
from models.catalogue.lineage import UnknownThingError
from models.registry.manifest import Source
from tests.console.fakes import T0, Plant
from tests.models.catalogue.plant import DATA, HOUR_NS, OUT, RAW, ground, label, plant, registry, run
from wire.messages import AlarmState

FILE = Source(name="pump-1.csv", sha256=OUT, rows=500, from_ns=T0 - HOUR_NS, to_ns=T0)


def kinds(found: tuple[Node, ...]) -> dict[str, list[str]]:
    by_kind: dict[str, list[str]] = {}
    for node in found:
        by_kind.setdefault(node.kind, []).append(node.id)
    return by_kind


class Site:
    """A site whose alarm was rung by the second version of `pump`."""

    def __init__(self, folder: Path, source: Source = FILE) -> None:
        self.plant: Plant = plant()
        self.alarm = self.plant.ring("pump-1", model="pump", model_version=2)
        self.plant.ring("pump-1", "limit:temperature:H", limit=80.0)
        self.plant.labelled = {"label-1": label("label-1"), "label-2": label("label-2", alarm=self.alarm.id)}
        self.plant.tested = {("edge-1", "r1"): run("r1", model="pump", version=2)}
        self.asked = Catalogued(ground(self.plant, registry(folder, source, labels=("label-1", "gone-1"))))

    def trace(self, of: str) -> Lineage:
        return self.asked.lineage(of)


def test_from_an_alarm_to_rows_device_version_recipe_data_sources_and_labels(tmp_path: Path) -> None:
    site = Site(tmp_path)
    found = site.trace(site.alarm.id)
    before = kinds(found.made_from)
    rows = next(node for node in found.made_from if node.kind == "rows")
    assert (rows.device, rows.from_ns, rows.to_ns) == ("pump-1", site.alarm.onset_ns, site.alarm.changed_ns)
    assert before["model"] == ["model:pump@2"]
    assert before["data"] == [f"data:{DATA}"]
    assert before["file"] == ["file:pump-1.csv"]
    assert before["device"] == ["device:pump-1"], "the file was exported from it"
    assert before["label"] == ["label:label-1", "label:gone-1"]
    recipe = next(node for node in found.made_from if node.kind == "recipe")
    assert "pump.toml" in recipe.says
    assert len(recipe.digest) == 64
    assert kinds(found.made) == {"label": ["label:label-2"]}
    assert "anomaly, says Ada" in found.made[0].says


def test_the_beginning_of_an_id_is_enough_where_it_fits_one_alarm(tmp_path: Path) -> None:
    site = Site(tmp_path)
    whole = site.trace(site.alarm.id)
    assert site.trace(f"alarm:{site.alarm.id}") == whole
    assert site.trace(site.alarm.id[:-1]) == whole
    with pytest.raises(UnknownThingError, match="MODEL@VERSION"):
        site.trace(site.alarm.id[:6])  # fits both of the device


def test_a_limit_that_rang_names_its_rule_and_no_model(tmp_path: Path) -> None:
    site = Site(tmp_path)
    alarm = next(each for each in site.plant.alarms() if each.rule.startswith("limit"))
    found = site.trace(alarm.id)
    assert kinds(found.made_from) == {
        "rows": [f"rows:pump-1/{alarm.onset_ns}"],
        "rule": ["rule:limit:temperature:H"],
    }


def test_a_model_that_lies_in_no_registry_is_said_to_be_so(tmp_path: Path) -> None:
    site = Site(tmp_path)
    alarm = site.plant.ring("pump-2", model="online", model_version=1, state=AlarmState.NORMAL)
    says = [node.says for node in site.trace(alarm.id).made_from if node.kind == "model"]
    assert says == [
        "online@1 is not in the registry; it learns from pump-2 by itself: its data are the rows before these"
    ]


def test_from_a_device_everything_made_from_it(tmp_path: Path) -> None:
    found = Site(tmp_path).trace("pump-1")
    assert kinds(found.made_from) == {"file": ["file:/data/raw.csv"]}
    made = kinds(found.made)
    assert made["file"] == ["file:/data/pump-1.csv"]
    assert made["model"] == ["model:pump@2"], "by the digest of the file that was exported"
    assert len(made["alarm"]) == 2
    assert made["run"] == ["run:edge-1/r1"]
    assert made["label"] == ["label:label-1", "label:label-2"]


def test_a_stretch_of_the_store_that_was_trained_on_leads_to_its_device_too(tmp_path: Path) -> None:
    source = Source(name="device:pump-2", sha256="9" * 64, rows=10, device="pump-2")
    site = Site(tmp_path, source)
    assert kinds(site.trace("pump-2").made)["model"] == ["model:pump@2"]
    assert "device:pump-2" in kinds(site.trace("pump@2").made_from)["device"]
    assert kinds(site.trace("pump-1").made).get("model") is None


@pytest.mark.parametrize("name", ["pump-1.csv", "/data/pump-1.csv", OUT, OUT[:8], "file:pump-1.csv", DATA[:12]])
def test_from_a_file_by_name_or_digest_everything_made_from_it(tmp_path: Path, name: str) -> None:
    site = Site(tmp_path)
    found = site.trace(name)
    made = kinds(found.made)
    assert made["model"] == ["model:pump@2"]
    assert made["alarm"] == [f"alarm:{site.alarm.id}"]
    assert made["run"] == ["run:edge-1/r1"]


def test_from_a_raw_file_to_the_device_it_went_into(tmp_path: Path) -> None:
    found = Site(tmp_path).trace(RAW[:10])
    assert kinds(found.made) == {"device": ["device:pump-1"]}


@pytest.mark.parametrize(("name", "version"), [("pump", 1), ("pump@champion", 1), ("pump@candidate", 2), ("pump@2", 2)])
def test_a_model_by_name_alias_or_version(tmp_path: Path, name: str, version: int) -> None:
    found = Site(tmp_path).trace(name)
    assert found.of.id == f"model:pump@{version}"
    assert ("alarm" in kinds(found.made)) is (version == 2)


def test_from_a_run_to_the_model_that_advised_and_to_its_label_and_what_that_taught(tmp_path: Path) -> None:
    source = Source(name="runs:EOL", sha256="8" * 64, rows=9, procedure="EOL", from_ns=0, to_ns=2 * T0)
    site = Site(tmp_path, source)
    site.plant.labelled["label-1"] = label("label-1", run="r1", who="test")
    found = site.trace("r1")
    assert site.trace("run:edge-1/r1") == found
    assert kinds(found.made_from)["model"] == ["model:pump@2"]
    assert kinds(found.made) == {"label": ["label:label-1"], "model": ["model:pump@2"]}
    assert kinds(site.trace("EOL").made)["model"] == ["model:pump@2"]


def test_from_a_label_to_what_it_judges_and_what_learnt_from_it(tmp_path: Path) -> None:
    site = Site(tmp_path)
    assert kinds(site.trace("label-1").made) == {"model": ["model:pump@2"]}
    judged = site.trace("label:label-2")
    assert kinds(judged.made_from) == {
        "rows": [f"rows:pump-1/{judged.of.from_ns}"],
        "alarm": [f"alarm:{site.alarm.id}"],
    }


def test_what_nobody_knows_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(UnknownThingError, match=r"nothing here is called 'pmp'.*data catalogue"):
        Site(tmp_path).trace("pmp")
