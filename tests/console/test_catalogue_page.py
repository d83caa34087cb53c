from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from dashboards.console.server import Console
from models.catalogue.catalogued import Catalogued
from models.registry.manifest import Source
from tests.console.fakes import Answering, Plant, wall_ns
from tests.console.test_page import NASTY, PHONE, Screen, browser
from tests.models.catalogue.plant import DATA, OUT, ground, label, registry, run

__all__ = ["browser"]  # the fixture of the other pages
pytestmark = pytest.mark.server


@pytest.fixture
def screen(browser: Browser, tmp_path: Path) -> Iterator[Screen]:
    plant = Plant(wall_ns())
    for name in ("pump-1", "pump-2", NASTY):
        plant.add(name)
    plant.labelled = {"label-1": label("label-1")}
    plant.tested = {("edge-1", "r1"): run("r1", model="pump", version=2)}
    models = registry(tmp_path, Source(name="pump-1.csv", sha256=OUT, rows=500), labels=("label-1",))
    inbox = Answering(plant)
    catalogued = Catalogued(ground(plant, models))
    context = browser.new_context()
    with Console(plant, inbox, listen="127.0.0.1:0", site="hall-3", models=models, catalogue=catalogued) as console:
        shown = Screen(context.new_page(), console, plant, inbox)
        yield shown
        context.close()
    assert shown.complaints == []
    assert shown.foreign == []


def test_the_page_shows_sets_models_channels_and_labels_with_owner_and_digest(screen: Screen) -> None:
    page = screen.open("/catalogue")
    expect(page.locator("header nav a", has_text="Data")).to_have_attribute("aria-current", "page")
    sets = page.locator("section", has=page.get_by_role("heading", name="Data sets"))
    row = sets.locator("tr", has_text="device pump-1").first
    expect(row).to_contain_text("maintenance")
    expect(row).to_contain_text("36,000")
    expect(row).to_contain_text("0.00% missing")
    model = page.locator("tr", has_text="pump@2").first
    expect(model).to_contain_text("candidate")
    expect(model).to_contain_text(DATA[:12])
    expect(page.locator("tr", has_text="Ada")).to_contain_text("anomaly")
    expect(page.locator("tr", has_text="pump-1temperature")).to_contain_text("°C")
    assert page.title().startswith("Data"), "a name is shown, not done"


def test_a_thing_is_followed_to_what_it_was_made_from_and_on_from_there(screen: Screen) -> None:
    alarm = screen.plant.ring("pump-1", model="pump", model_version=2)
    page = screen.open("/catalogue")
    page.get_by_label("What was it made from?").fill(alarm.id)
    page.get_by_role("button", name="Follow").click()
    before = page.locator(".trace").first
    for words in (
        "rows",
        "model pump@2",
        f"data {DATA[:12]}",
        "file pump-1.csv",
        "label label-1",
        "recipe pump.toml, seed 0",
    ):
        expect(before).to_contain_text(words)
    before.get_by_role("link", name="model pump@2").click()
    expect(page.locator(".trace").last).to_contain_text(alarm.summary)
    expect(page.locator(".trace").last).to_contain_text("run edge-1/r1")


def test_what_nobody_knows_is_said_and_a_phone_scrolls_only_tables(screen: Screen) -> None:
    screen.page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    page = screen.open("/catalogue?of=nothing-of-this-name")
    expect(page.locator(".blank")).to_contain_text("nothing here is called 'nothing-of-this-name'")
    page = screen.open("/catalogue")
    expect(page.get_by_role("heading", name="Data sets")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
