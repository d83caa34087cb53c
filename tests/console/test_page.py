import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from dashboards.console.desk import BoxStatus
from dashboards.console.server import Console
from models.registry.folder import Registry
from tests.console.fakes import ORIGIN, Answering, Plant, account, small_plant, wall_ns
from tests.console.registry import stored
from tests.store.benches import over
from wire.config import Channel, DeviceRule, Limits
from wire.messages import NS_PER_S, AlarmState, Candidate, DeadLetter, Gap, Health, Priority, Verb

CHROMIUM = Path("/usr/bin/chromium")
ARGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
)
PHONE = {"width": 390, "height": 844}
NASTY = '<script>document.title="owned"</script><img src=x onerror=alert(1)>'

pytestmark = pytest.mark.server


def rules(name: str) -> DeviceRule:
    channels = {"temperature": Channel(uom="°C", limits=Limits(H=70, HH=85))}
    return DeviceRule(match=name, owner="maintenance", channels=channels)


class Screen:
    """A served console, and one browser tab whose every complaint and request is noted."""

    def __init__(self, page: Page, console: Console, plant: Plant, inbox: Answering) -> None:
        self.page, self.url, self.plant, self.inbox = page, console.url, plant, inbox
        self.complaints: list[str] = []
        self.foreign: list[str] = []
        page.on("console", lambda m: self.complaints.append(m.text) if m.type in {"error", "warning"} else None)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda r: None if r.url.startswith((self.url, "data:")) else self.foreign.append(r.url))
        page.on("websocket", lambda w: None if w.url.startswith(self.socket) else self.foreign.append(w.url))

    @property
    def socket(self) -> str:
        return self.url.replace("http", "ws")

    def open(self, path: str) -> Page:
        self.page.goto(self.url + path)
        expect(self.page.locator("header .brand")).to_be_visible()
        return self.page


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        reason = f"{CHROMIUM} is not there: apt-get install chromium"
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGS.split())
        yield chromium
        chromium.close()


@pytest.fixture
def plant() -> Plant:
    return small_plant(wall_ns())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "models"


@pytest.fixture
def screen(browser: Browser, plant: Plant, folder: Path) -> Iterator[Screen]:
    inbox = Answering(plant)
    context = browser.new_context()
    status = BoxStatus(log_room_h=312.0, lag_s=0.3)
    models = Registry.open(str(folder))
    with Console(
        plant, inbox, listen="127.0.0.1:0", site="hall-3", rule_of=rules, status=lambda: status, models=models
    ) as console:
        shown = Screen(context.new_page(), console, plant, inbox)
        yield shown
        context.close()
    assert shown.complaints == []
    assert shown.foreign == []


def test_the_fleet_shows_every_machine_with_its_health_the_loudest_first(screen: Screen) -> None:
    screen.plant.ring("pump-2", "limit:temperature:HH", priority=Priority.CRITICAL)
    page = screen.open("/")
    tiles = page.locator(".tile")
    expect(tiles).to_have_count(3)
    expect(tiles.first).to_contain_text("pump-2")
    expect(tiles.first).to_contain_text("temperature: far too high")
    expect(page.locator(".tile", has_text="spindle-1")).to_contain_text("Learning 40%")
    expect(page.locator(".tile", has_text="pump-1").locator(".spark polyline")).to_be_visible()
    expect(page.locator(".chip", has_text="Machines")).to_contain_text("3")
    expect(page.locator("header")).to_contain_text("hall-3")


def test_numbers_that_are_none_do_not_break_a_page(screen: Screen) -> None:
    screen.plant.add("nan", score=float("nan"))
    screen.plant.add("inf", score=float("inf"), channels=())
    page = screen.open("/")
    expect(page.locator(".tile", has_text="nan")).to_contain_text("no score")
    expect(page.locator(".tile", has_text="inf")).to_contain_text("no score")
    expect(screen.open("/device/nan").locator(".device-head")).to_contain_text("none yet")
    expect(screen.open("/device/inf").locator(".device-head")).to_contain_text("none yet")


def test_a_fleet_without_a_device_says_what_to_do(screen: Screen) -> None:
    screen.plant.known.clear()
    page = screen.open("/")
    expect(page.locator(".blank")).to_contain_text("No device yet")
    expect(page.locator(".blank")).to_contain_text("[[edge.sources]]")
    screen.plant.add("late-comer")
    expect(page.locator(".tile")).to_contain_text("late-comer")


def test_500_machines_are_paged_filtered_and_found(screen: Screen) -> None:
    for i in range(500):
        screen.plant.add(f"machine-{i:03d}", health=Health.SILENT if i == 321 else Health.RUNNING)
    page = screen.open("/")
    expect(page.locator(".tile")).to_have_count(48)
    expect(page.locator(".tile").first).to_contain_text("machine-321")
    page.get_by_role("link", name="Calmer").click()
    expect(page.locator(".pages")).to_contain_text("page 2 of 11")
    page.get_by_label("Find a machine").fill("machine-49")
    expect(page.locator(".tile")).to_have_count(10)
    page.get_by_label("Find a machine").fill("")
    expect(page.locator(".tile")).to_have_count(48)
    page.get_by_role("link", name="1 Silent", exact=True).click()
    expect(page.locator(".tile")).to_have_count(1)


def test_a_new_alarm_appears_by_itself_and_is_acknowledged_in_a_name_that_is_asked_once(screen: Screen) -> None:
    page = screen.open("/alarms")
    expect(page.locator(".blank")).to_contain_text("Nothing needs you")
    screen.plant.ring("pump-1", cause="Bearing wear.", response="Inspect the bearing.", consequence="It may seize.")
    card = page.locator("[data-alarm]")
    for words in ("Unusual behaviour", "pump-1", "Inspect the bearing.", "Bearing wear.", "It may seize."):
        expect(card).to_contain_text(words)
    expect(page.locator("header .badge")).to_have_text("1")
    page.get_by_label("Comment").fill("on my way")
    page.get_by_role("button", name="Acknowledge").click()
    page.get_by_label("Your name").fill("Ana")
    page.get_by_role("button", name="This is me").click()
    expect(card).to_contain_text("Acknowledged by Ana")
    expect(page.locator("header .badge")).to_have_count(0)
    assert [(a.verb, a.who, a.why) for a in screen.inbox.taken] == [(Verb.ACKNOWLEDGE, "Ana", "on my way")]

    screen.plant.ring("pump-2", "silent")
    fresh = page.locator("[data-alarm]", has_text="pump-2")
    fresh.locator("button", has_text="Acknowledge").click()
    expect(fresh).to_contain_text("Acknowledged by Ana")
    page.reload()
    expect(page.locator("[data-who]")).to_have_text("Ana")


def test_the_keyboard_chooses_and_acknowledges(screen: Screen) -> None:
    screen.plant.ring("pump-1", priority=Priority.CRITICAL)
    screen.plant.ring("pump-2", priority=Priority.LOW)
    page = screen.open("/alarms")
    expect(page.locator("[data-alarm].chosen")).to_contain_text("pump-1")
    page.keyboard.press("ArrowDown")
    expect(page.locator("[data-alarm].chosen")).to_contain_text("pump-2")
    page.keyboard.press("a")
    page.keyboard.type("Bo")
    page.keyboard.press("Enter")
    expect(page.locator("[data-alarm]", has_text="pump-2")).to_contain_text("Acknowledged by Bo")
    assert [a.device for a in screen.inbox.taken] == ["pump-2"]


def test_what_is_being_typed_survives_live_changes(screen: Screen) -> None:
    screen.plant.ring("pump-1")
    page = screen.open("/alarms")
    comment = page.get_by_label("Comment")
    comment.fill("half a sen")
    screen.plant.ring("pump-2", priority=Priority.CRITICAL)
    expect(page.locator("[data-alarm]")).to_have_count(2)
    chosen = page.locator("[data-alarm].chosen").get_by_label("Comment")
    expect(chosen).to_have_value("half a sen")
    expect(chosen).to_be_focused()


def test_a_drift_is_accepted_as_the_new_normal(screen: Screen) -> None:
    screen.plant.ring("pump-1", "drift")
    page = screen.open("/alarms")
    page.get_by_role("button", name="Accept as the new normal").click()
    page.get_by_label("Your name").fill("Ana")
    page.get_by_role("button", name="This is me").click()
    expect(page.locator(".toast")).to_contain_text("new normal")
    assert screen.inbox.taken[0].verb is Verb.ACCEPT_NORMAL


def test_the_history_keeps_what_is_over(screen: Screen) -> None:
    screen.plant.ring("pump-1")
    screen.plant.ring("pump-1", state=AlarmState.NORMAL, who="Ana", why="greased")
    page = screen.open("/alarms?tab=history")
    expect(page.locator("tbody tr")).to_contain_text("Ana: greased")


def test_a_device_shows_score_signals_limits_and_what_made_the_score(screen: Screen) -> None:
    screen.plant.ring("pump-1", contributions={"vibration_rms": 1.0, "current": 0.3})
    page = screen.open("/device/pump-1")
    expect(page.locator(".device-head")).to_contain_text("1.60 of 1.00")
    expect(page.locator(".chart canvas")).to_have_count(4)
    expect(page.locator(".signals")).to_contain_text("°C")
    expect(page.locator(".signals")).to_contain_text("HH 85")
    expect(page.locator(".score-row .share").first).to_contain_text("vibration_rms")
    expect(page.locator(".score-row")).to_contain_text("Where the score was highest")
    page.get_by_role("link", name="1 h", exact=True).click()
    expect(page.locator(".ways .note")).to_contain_text("(1 h)")
    expect(page.locator("a[data-span]")).to_have_attribute("href", re.compile(r"start=\d+&end=\d+"))
    with page.expect_download() as download:
        page.get_by_role("link", name="Download CSV").click()
    assert download.value.suggested_filename == "pump-1.csv"


def test_an_unknown_device_says_so(screen: Screen) -> None:
    expect(screen.open("/device/pump-9").locator(".blank")).to_contain_text("no device “pump-9”")


def test_markup_in_any_name_stays_text(screen: Screen) -> None:
    screen.plant.add(NASTY, channels=(NASTY, "b"))
    screen.plant.ring(
        NASTY, f"silent:{NASTY}", summary=NASTY, cause=NASTY, response=NASTY, channel=NASTY, contributions={NASTY: 1.0},
        state=AlarmState.ACKNOWLEDGED, who=NASTY, why=NASTY,
    )  # fmt: skip
    screen.plant.losses = [("edge-1", Gap(device=NASTY, from_ns=1, to_ns=2, rows=1, reason=NASTY))]
    screen.plant.letters = [DeadLetter(origin=ORIGIN, source=NASTY, reason=NASTY, body=NASTY.encode())]
    for path in ("/", "/alarms", "/alarms?tab=history", "/health", f"/?find={NASTY}"):
        page = screen.open(path)
        expect(page.locator("#main")).to_contain_text(NASTY[:20])
        assert page.title().endswith("hall-3 · Tocsin")
        assert page.locator("img").count() == 0
    page = screen.open("/")
    page.locator(".tile").first.click()
    expect(page.locator("h1")).to_have_text(NASTY)
    expect(page.locator(".chart canvas")).to_have_count(3)
    page.locator(".chart canvas").last.hover()
    assert page.locator("img").count() == 0


def test_without_a_model_the_page_says_how_one_is_made(screen: Screen) -> None:
    page = screen.open("/models")
    expect(page.locator(".blank")).to_contain_text("No model yet")
    expect(page.locator(".blank")).to_contain_text("tocsin train")
    expect(screen.open("/models/pump/1").locator(".blank")).to_contain_text("has no model 'pump'")


def test_a_candidate_that_runs_are_called_with_leads_to_what_both_would_have_stopped(
    screen: Screen, folder: Path
) -> None:
    stored(folder, "eol", "eol")
    tried = Candidate(2, 0.5, throughout=True)
    screen.plant.tested["edge", "r1"] = over("r1", "pass", model="eol", model_version=1, candidate=tried)
    page = screen.open("/models")
    page.get_by_role("link", name="what both would have stopped").click()
    expect(page.locator(".procedure")).to_contain_text("version 2 beside the champion")


def test_models_are_listed_with_what_is_in_use_and_open_their_cards(screen: Screen, folder: Path) -> None:
    stored(folder, "pump", "pump", "fan")
    (folder / "fan/1/manifest.json").write_text("{")
    page = screen.open("/models")
    rows = page.locator("tbody tr")
    expect(rows).to_have_count(2)
    expect(rows.nth(0)).to_contain_text("cannot be read")
    for words in ("pump", "Is it unlike normal?", "f1 0.9126", "200"):
        expect(rows.nth(1)).to_contain_text(words)
    rows.nth(1).get_by_role("link", name="pump").click()
    card = page.locator(".card")
    for words in ("It rings when 4 of 40 rows", "pump.csv", "F1 of single calls", "When not to rely on it"):
        expect(card).to_contain_text(words)
    expect(card.locator("img")).to_have_count(2)
    assert page.evaluate("[...document.images].every(image => image.complete && image.naturalWidth > 100)")
    versions = page.get_by_role("navigation", name="Versions")
    expect(versions.locator("[aria-current]")).to_have_text("1 (champion)")
    versions.get_by_role("link", name="2 (candidate)").click()
    expect(versions.locator("[aria-current]")).to_have_text("2 (candidate)")


def test_markup_in_a_card_stays_text(screen: Screen, folder: Path) -> None:
    stored(folder, "pump", channels=(NASTY, "[a](javascript:alert(1))"), warnings=(NASTY,))
    page = screen.open("/models/pump/1")
    expect(page.locator(".card td").filter(has_text=NASTY)).to_have_count(1)
    expect(page.locator(".card li").filter(has_text=NASTY)).to_have_count(1)
    assert page.locator('.card a, .card script, .card img[src="x"]').count() == 0
    registry = Registry.open(str(folder))
    manifest = registry.entry("pump").manifest
    foreign = f"# x\n\n{NASTY}\n\n![a](https://example.org/a.png)\n\n[b](javascript:alert(1)) <b onclick=alert(1)>c</b>"
    registry.save(registry.load("pump"), manifest.recipe, manifest.facts, files={"card.md": foreign.encode()})
    page = screen.open("/models/pump/2")
    expect(page.locator(".card")).to_contain_text(NASTY)
    assert page.title().startswith("pump")


def test_the_pipeline_shows_sources_losses_and_whether_counts_add_up(screen: Screen) -> None:
    screen.plant.losses = [("edge-1", Gap(device="*", from_ns=1, to_ns=3 * NS_PER_S, rows=-1, reason="unplugged"))]
    page = screen.open("/health")
    for words in (
        "312 h",
        "They add up",
        "Retrying",
        "No broker answers",
        "unplugged",
        "clocks of Tocsin and of this",
    ):
        expect(page.locator("#main")).to_contain_text(words)
    screen.plant.counts = [account(stored=11_000)]
    expect(page.locator("#main")).to_contain_text("1,000 accepted rows are not stored")


def test_a_store_that_cannot_be_read_is_said_on_the_page_and_passes(screen: Screen) -> None:
    page = screen.open("/")
    screen.plant.broken = OSError("disk gone")
    expect(page.get_by_role("alert")).to_contain_text("disk gone")
    screen.plant.broken = None
    expect(page.get_by_role("alert")).to_have_count(0)


def test_light_and_dark_are_chosen_and_kept(screen: Screen) -> None:
    page = screen.open("/")
    page.emulate_media(color_scheme="light")
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    page.get_by_role("button", name="Light or dark").click()
    assert page.evaluate(ground) != light
    page.reload()
    expect(page.locator(".tile").first).to_be_visible()
    assert page.evaluate(ground) != light


def test_a_phone_shows_all_without_scrolling_sideways(screen: Screen, folder: Path) -> None:
    screen.plant.ring("pump-1", contributions={"vibration_rms": 1.0})
    screen.page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    stored(folder, "pump")
    for path in ("/", "/alarms", "/device/pump-1", "/models", "/models/pump/1", "/health"):
        page = screen.open(path)
        expect(page.locator("#main")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], path
        expect(page.get_by_role("navigation", name="Pages").get_by_role("link", name="Alarms")).to_be_in_viewport()


@pytest.mark.parametrize("width", [830, 1024, 1200, 1280])
def test_a_tablet_shows_its_site_and_all_ways_in_one_line(screen: Screen, width: int) -> None:
    screen.plant.ring("pump-1")
    screen.page.set_viewport_size({"width": width, "height": 768})
    page = screen.open("/")
    expect(page.locator("header .badge")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("header .bar").bounding_box()["height"] <= 53  # type: ignore[index] # it is visible
    assert page.evaluate("(e => e.scrollWidth - e.clientWidth)(document.querySelector('header .site'))") <= 0


def test_the_documentation_opens_with_no_network(screen: Screen) -> None:
    screen.page.goto(f"{screen.url}/api/docs")
    expect(screen.page.locator("h1")).to_contain_text("Tocsin API")
    expect(screen.page.locator("pre").first).to_contain_text(screen.url)


def test_a_box_that_has_gone_is_said_and_what_it_showed_fades(browser: Browser, plant: Plant) -> None:
    plant.ring("pump-1")
    context = browser.new_context()
    page = context.new_page()
    with Console(plant, Answering(plant), listen="127.0.0.1:0") as console:
        page.goto(console.url)
        expect(page.locator(".tile").first).to_be_visible()
    expect(page.get_by_text("Connection lost")).to_be_visible()
    expect(page.locator(".page")).to_have_css("opacity", "0.45")
    context.close()


def test_the_login_form_opens_the_live_page(browser: Browser, plant: Plant) -> None:
    token = "correct-horse-battery-staple"
    with Console(plant, Answering(plant), listen="127.0.0.1:0", token=token) as console:
        context = browser.new_context()
        page = context.new_page()
        page.goto(f"{console.url}/alarms")
        page.get_by_label("Token").fill(token)
        page.get_by_role("button", name="Sign in").click()
        expect(page.locator(".blank")).to_contain_text("Nothing needs you")
        plant.ring("pump-1")
        expect(page.locator("[data-alarm]")).to_contain_text("pump-1")
        context.close()
