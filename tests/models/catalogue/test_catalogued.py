from pathlib import Path

import msgspec

from models.catalogue.catalogued import CACHE_S, LOOKED_AT, Catalogued
from models.catalogue.entries import Catalogue, Link
from models.registry.manifest import Source
from tests.models.catalogue.plant import CONFIG, DATA, MOVED, OUT, RAW, ground, label, plant, registry, run

FILE = Source(name="pump-1.csv", sha256=OUT, rows=500)


def test_everything_there_is_stands_in_it_with_owner_source_time_count_and_digest(tmp_path: Path) -> None:
    site = plant()
    site.tested = {("edge-1", "r1"): run("r1"), ("edge-1", "r2"): run("r2", state="pass")}
    site.labelled = {"l1": label("l1"), "l2": label("l2"), "l3": label("l3", gone="Bo"), "l4": label("l4", run="r1")}
    found = Catalogued(ground(site, registry(tmp_path, FILE))).catalogue()
    assert found.site == "hall-3"
    sets = {each.id: each for each in found.sets}
    assert {"device:pump-1", "device:pump-2", "runs:EOL", "file:/data/raw.csv", "file:/data/pump-1.csv"} <= set(sets)
    pump = sets["device:pump-1"]
    assert (pump.owner, pump.source, pump.rows, pump.columns) == ("maintenance", "edge edge-1", 36_000, 3)
    assert pump.from_ns is not None
    assert len(pump.digest) == 64
    assert "not their values" in pump.digest_of
    assert pump.quality is not None
    assert pump.quality.missing_share == 0.0
    runs = sets["runs:EOL"]
    assert (runs.owner, runs.rows, runs.says) == ("quality", 2, "1 fail, 1 pass")
    assert sets["file:/data/raw.csv"].digest == RAW
    temperature = next(each for each in found.channels if (each.device, each.name) == ("pump-1", "temperature"))
    assert (temperature.uom, temperature.owner, temperature.limits) == ("°C", "maintenance", {"H": 80.0, "HH": 90.0})
    assert [(each.meaning, each.author, each.count, each.withdrawn) for each in found.labels] == [
        ("anomaly", "Ada", 2, 1),
        ("fail", "Ada", 1, 0),
    ]


def test_models_tell_their_recipe_data_aliases_and_features(tmp_path: Path) -> None:
    found = Catalogued(ground(plant(), registry(tmp_path, FILE, labels=("l1",)))).catalogue()
    first, second = found.models
    assert (first.id, first.aliases, first.recipe) == ("model:pump@1", ("champion",), "anomaly, kind mahalanobis")
    assert (second.aliases, second.recipe, second.owner, second.labels) == (
        ("candidate",),
        "pump.toml",
        "data science",
        1,
    )
    assert second.data_digest == DATA
    assert first.recipe_digest == second.recipe_digest
    assert [(each.model, each.kind, each.channels) for each in found.features] == [
        ("pump@1", "value", 2),
        ("pump@2", "value", 2),
    ]


def test_the_graph_leads_from_a_raw_file_over_device_export_data_and_model_to_the_alarm(tmp_path: Path) -> None:
    site = plant()
    alarm = site.ring("pump-1", model="pump", model_version=2)
    site.tested = {("edge-1", "r1"): run("r1", model="pump", version=2)}
    links = Catalogued(ground(site, registry(tmp_path, FILE, labels=("l1",)))).catalogue().links
    for link in (
        Link("file:/data/raw.csv", "device:pump-1", "imported"),
        Link("device:pump-1", "file:/data/pump-1.csv", "exported"),
        Link("file:/data/pump-1.csv", f"data:{DATA}", "trained on"),
        Link("label:l1", f"data:{DATA}", "labelled"),
        Link(f"data:{DATA}", "model:pump@2", "fitted"),
        Link("model:pump@2", f"alarm:{alarm.id}", "rang"),
        Link("model:pump@2", "run:edge-1/r1", "advised"),
    ):
        assert link in links
    assert len(links) == len(set(links))


def test_many_lookers_cost_what_one_costs_and_then_it_is_gathered_anew(tmp_path: Path) -> None:
    site, clock = plant(), [0.0]
    asked = Catalogued(ground(site, registry(tmp_path, FILE)), clock_s=lambda: clock[0], now_ns=lambda: 7)
    first = asked.catalogue()
    site.add("pump-3")
    assert asked.catalogue() is first
    clock[0] = CACHE_S
    assert "device:pump-3" in {each.id for each in asked.catalogue().sets}


def test_rows_are_looked_at_of_so_many_devices_and_the_rest_is_said() -> None:
    site = plant()
    for number in range(LOOKED_AT):
        site.add(f"fan-{number}")
    found = Catalogued(ground(site)).catalogue()
    looked = [each for each in found.sets if each.quality is not None]
    assert len(looked) == LOOKED_AT
    assert f"rows were looked at of the {LOOKED_AT} devices heard last" in found.notes
    assert "no registry is configured here" in found.notes


def test_a_damaged_version_is_a_note_and_hides_no_other(tmp_path: Path) -> None:
    models = registry(tmp_path, FILE)
    (tmp_path / "pump/1/manifest.json").write_text("{")
    found = Catalogued(ground(plant(), models)).catalogue()
    assert [each.id for each in found.models] == ["model:pump@2"]
    assert any("pump/1" in note for note in found.notes)


def test_a_catalogue_goes_through_json_and_back(tmp_path: Path) -> None:
    found = Catalogued(ground(plant(), registry(tmp_path, FILE))).catalogue()
    assert msgspec.json.decode(msgspec.json.encode(found), type=Catalogue) == found
    assert CONFIG.site == found.site
    assert MOVED[0].file in {each.name for each in found.sets}
