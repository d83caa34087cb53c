import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from dashboards.console.desk import BoxStatus
from dashboards.console.pages.models import kept
from dashboards.console.server import Console
from models.registry.folder import Registry
from tests.console.fakes import T0, Answering, Plant
from tests.console.registry import stored


class Site:
    """A console without its page, over a registry in a folder."""

    def __init__(self, registry: Registry | None) -> None:
        plant = Plant()
        self.troubles: dict[str, str] = {}
        self.kept: dict[str, str] = {}
        self.console = Console(
            plant,
            Answering(plant),
            listen="127.0.0.1:0",
            now_ns=lambda: T0,
            models=registry,
            status=lambda: BoxStatus(models=self.troubles, kept=self.kept),
            page=False,
        )
        self.client = httpx.Client(base_url=self.console.start(), timeout=10)

    def get(self, path: str) -> httpx.Response:
        return self.client.get(f"/api/v1/models{path}")

    def close(self) -> None:
        self.client.close()
        self.console.stop()


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Trained and drawn once for all."""
    folder = tmp_path_factory.mktemp("models")
    stored(folder, "pump", "pump", "fan")
    return folder


@pytest.fixture
def folder(trained: Path, tmp_path: Path) -> Path:
    """A registry of one's own."""
    return Path(shutil.copytree(trained, tmp_path / "models"))


@pytest.fixture
def site(folder: Path) -> Iterator[Site]:
    found = Site(Registry.open(str(folder)))
    yield found
    found.close()


def test_a_model_that_is_not_put_to_work_says_why(site: Site) -> None:
    assert [model["trouble"] for model in site.get("").json()] == ["", ""]
    site.kept["pump"] = "promoted: version 2 is no worse"
    assert [model["kept"] for model in site.get("").json() if model["name"] == "pump"] == [site.kept["pump"]]
    site.troubles["pump"] = "version 2 is not put to work: payload.skops: damaged"
    assert [model["trouble"] for model in site.get("").json()] == ["", site.troubles["pump"]]


def test_the_page_says_of_each_kept_model_what_is_done_to_keep_it_good() -> None:
    assert kept({}) == ""
    shown = kept({"pump": "a candidate is let in by a person", "eol": "<b> drifts"})
    assert "<li><b>eol</b>: &lt;b&gt; drifts</li><li><b>pump</b>: a candidate is let in by a person</li>" in shown


def test_models_tell_their_versions_aliases_and_figures(site: Site) -> None:
    fan, pump = site.get("").json()
    assert (fan["name"], fan["aliases"]) == ("fan", {"champion": 1})
    assert (pump["task"], pump["versions"], pump["aliases"]) == ("anomaly", [1, 2], {"champion": 1, "candidate": 2})
    assert pump["metrics"] == {"held_out.f1": 0.9126, "held_out.far": None}
    assert pump["made"].startswith("2026-05-28")


@pytest.mark.parametrize(("version", "number", "aliases"), [("2", 2, ["candidate"]), ("champion", 1, ["champion"])])
def test_a_version_tells_all_that_its_manifest_knows(site: Site, version: str, number: int, aliases: list[str]) -> None:
    found = site.get(f"/pump/{version}").json()
    assert (found["version"], found["aliases"], found["owner"]) == (number, aliases, "maintenance")
    assert (found["channels"], found["rows"], found["files"]) == (
        ["load", "humidity"],
        200,
        ["card.md", "scores.png", "spread.png"],
    )
    assert found["sources"][0]["name"] == "pump.csv"
    assert found["recipe"]["estimator"] == {"kind": "mahalanobis"}


def test_the_card_and_its_pictures_are_handed_out_as_what_they_are(site: Site) -> None:
    card, picture = site.get("/pump/1/files/card.md"), site.get("/pump/1/files/scores.png")
    assert (card.headers["content-type"], card.text[:17]) == ("text/markdown; charset=utf-8", "# pump, version 1")
    assert (picture.headers["content-type"], picture.content[:4]) == ("image/png", b"\x89PNG")


def test_a_file_of_another_kind_is_handed_out_but_never_shown(folder: Path) -> None:
    registry = Registry.open(str(folder))
    entry = registry.entry("pump", 1)
    model = registry.load("pump")
    registry.save(model, entry.manifest.recipe, entry.manifest.facts, files={"x.html": b"<script>alert(1)</script>"})
    site = Site(registry)
    answer = site.get("/pump/3/files/x.html")
    site.close()
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith("attachment")


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/pmp/1", "has no model 'pmp'"),
        ("/pump/9", "has no pump 9; it has 1, 2"),
        ("/pump/1/files/manifest.json", "has no 'manifest.json'"),
        ("/pump/1/files/..%2F..%2Faliases.json", "There is no /api"),
    ],
)
def test_what_is_not_there_is_refused_with_what_is(site: Site, path: str, said: str) -> None:
    answer = site.get(path)
    assert answer.status_code == 404
    assert said in answer.json()["detail"]


def test_an_unknown_name_lists_close_ones(site: Site) -> None:
    assert site.get("/pmp/1").json()["close"] == ["pump"]


def test_a_damaged_model_is_told_of_and_hides_no_other(site: Site, folder: Path) -> None:
    (folder / "pump/1/manifest.json").write_text("{")
    fan, pump = site.get("").json()
    assert (fan["trouble"], pump["task"]) == ("", None)
    assert "not a manifest" in pump["trouble"]
    answer = site.get("/pump/1")
    assert (answer.status_code, answer.headers["content-type"]) == (500, "application/problem+json")
    (folder / "fan/aliases.json").write_text("[")
    assert "aliases.json" in site.get("").json()[0]["trouble"]


def test_a_console_without_a_registry_has_no_models() -> None:
    site = Site(None)
    assert site.get("").json() == []
    assert "has no registry" in site.get("/pump/1").json()["detail"]
    site.close()
