import hashlib
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import httpx
import msgspec
import pandas as pd
import pytest

from dashboards.console.server import Console
from models.catalogue.catalogued import Catalogued
from models.catalogue.entries import Moved
from models.catalogue.ground import Ground
from models.catalogue.ledger import Ledger
from models.registry.manifest import Source
from tests.console.fakes import T0, Answering
from tests.models.catalogue.plant import CONFIG, OUT, label, plant, registry, run
from wire.messages import NS_PER_S


class Site:
    """A console without its page over a plant in memory, a registry and a ledger on disk."""

    def __init__(self, folder: Path, *, catalogue: bool = True) -> None:
        self.plant = plant()
        self.ledger = Ledger(folder / "moved.jsonl")
        models = registry(folder / "models", Source(name="pump-1.csv", sha256=OUT, rows=5))
        ground = Ground(reader=self.plant, config=CONFIG, models=models, moved=self.ledger.read, note=self.ledger.note)
        self.console = Console(
            self.plant,
            Answering(self.plant),
            listen="127.0.0.1:0",
            now_ns=lambda: T0,
            catalogue=Catalogued(ground) if catalogue else None,
            page=False,
        )
        self.client = httpx.Client(base_url=self.console.start(), timeout=10)

    def close(self) -> None:
        self.client.close()
        self.console.stop()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    found = Site(tmp_path)
    yield found
    found.close()


def test_the_catalogue_and_a_lineage_are_json(site: Site) -> None:
    alarm = site.plant.ring("pump-1", model="pump", model_version=2)
    found = site.client.get("/api/v1/catalogue").json()
    assert {each["id"] for each in found["sets"]} >= {"device:pump-1", "file:pump-1.csv"}
    assert {each["id"] for each in found["models"]} == {"model:pump@1", "model:pump@2"}
    told = site.client.get("/api/v1/lineage", params={"of": alarm.id}).json()
    assert told["of"]["id"] == f"alarm:{alarm.id}"
    assert {node["kind"] for node in told["made_from"]} == {"rows", "model", "recipe", "data", "file"}


def test_what_nobody_knows_is_404_with_a_remedy(site: Site) -> None:
    refused = site.client.get("/api/v1/lineage", params={"of": "nothing"})
    assert refused.status_code == 404
    assert "nothing here is called 'nothing'" in refused.json()["title"]
    assert refused.json()["remedy"] == "GET /api/v1/catalogue lists what there is."
    assert site.client.get("/api/v1/lineage").status_code == 422


def test_a_console_without_a_catalogue_says_so(tmp_path: Path) -> None:
    site = Site(tmp_path, catalogue=False)
    try:
        assert site.client.get("/api/v1/catalogue").status_code == 404
    finally:
        site.close()


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_the_runs_of_a_procedure_come_as_a_file_whose_digest_is_remembered(site: Site, form: str) -> None:
    for number in range(3):
        made = run(f"r{number}", state="pass" if number else "fail", at_ns=T0 - number * NS_PER_S)
        site.plant.tested["edge-1", made.run] = made
        site.plant.labelled[made.run] = msgspec.structs.replace(
            label(made.run, run=made.run), meaning="pass" if number else "fail"
        )
    site.plant.tested["edge-1", "r9"] = run("r9", state="aborted")
    answer = site.client.get("/api/v1/procedures/EOL/rows", params={"format": form, "name": f"runs.{form}"})
    rows = pd.read_csv(BytesIO(answer.content)) if form == "csv" else pd.read_parquet(BytesIO(answer.content))
    assert list(rows["run"]) == ["r2", "r1", "r0"]
    assert list(rows["outcome"]) == ["pass", "pass", "fail"]
    assert answer.headers["X-Rows"] == "3"
    (moved,) = site.ledger.read()
    digest = hashlib.sha256(answer.content).hexdigest()
    assert moved == Moved("exported", f"runs.{form}", digest, 3, T0, procedure="EOL")


def test_runs_of_a_time_are_those_that_began_in_it_and_what_a_gate_asks_for_is_not_remembered(site: Site) -> None:
    for number in range(4):
        made = run(f"r{number}", state="pass", at_ns=T0 + number * NS_PER_S)
        site.plant.tested["edge-1", made.run] = made
        at_ns = T0 + 9 * NS_PER_S
        site.plant.labelled[made.run] = msgspec.structs.replace(label(made.run, run=made.run), at_ns=at_ns)
    span = {"start": str(T0), "end": str(T0 + 2 * NS_PER_S), "noted": "false", "format": "parquet"}
    answer = site.client.get("/api/v1/procedures/EOL/rows", params=span)
    assert list(pd.read_parquet(BytesIO(answer.content))["run"]) == ["r1", "r2"]
    later = site.client.get("/api/v1/procedures/EOL/rows", params=span | {"start": str(T0 + 9 * NS_PER_S), "end": ""})
    assert later.status_code == 404
    exported = site.client.get("/api/v1/devices/pump-1/export", params={"format": "csv", "noted": "false"})
    assert exported.status_code == 200
    assert site.ledger.read() == []


def test_a_procedure_without_an_ended_run_is_404(site: Site) -> None:
    site.plant.tested["edge-1", "r9"] = run("r9", state="aborted")
    refused = site.client.get("/api/v1/procedures/EOL/rows")
    assert refused.status_code == 404
    assert "No run of 'EOL' ended pass or fail yet." in refused.json()["detail"]


def test_a_download_of_a_device_is_remembered_with_its_digest_and_times(site: Site) -> None:
    answer = site.client.get("/api/v1/devices/pump-1/export", params={"format": "csv"})
    assert answer.status_code == 200
    (moved,) = site.ledger.read()
    assert (moved.device, moved.file, moved.to_ns) == ("pump-1", "pump-1.csv", T0)
    assert moved.sha256 == hashlib.sha256(answer.content).hexdigest()
    told = site.client.get("/api/v1/lineage", params={"of": moved.sha256}).json()
    assert [node["id"] for node in told["made_from"]] == ["device:pump-1"]
