"""The pages about test benches, and what operators say on them, in a real browser."""

import math
import re
from collections.abc import Iterator

import msgspec
import pytest
from playwright.sync_api import Browser, expect

from dashboards.console.server import Console
from tests.console.fakes import Answering, Plant, small_plant, wall_ns
from tests.console.test_page import NASTY, PHONE, Screen, browser
from tests.store.benches import advice, beside, label, measured, over, run
from tests.store.plant import START_NS
from wire.messages import NS_PER_S, AlarmState, Candidate, Run, Verb

__all__ = ["browser"]  # the fixture of that name
pytestmark = pytest.mark.server
STEPS = ("S01", "S02", "S03")


def moved(run: Run, to_ns: int) -> Run:
    ended_ns = to_ns + 180 * NS_PER_S if run.ended_ns else 0
    return msgspec.structs.replace(run, started_ns=to_ns, changed_ns=to_ns + 180 * NS_PER_S, ended_ns=ended_ns)


@pytest.fixture
def plant() -> Plant:
    plant, now_ns = small_plant(wall_ns()), wall_ns()
    would = over("f/1", "fail", would_stop_at="S02", saved_s=600.0, remarks=("S09 is missing",), unit=NASTY)
    odd = msgspec.structs.replace(would, row={"S01/torque": 1.5, "S01/torque.margin": -0.25, "S02/gap": math.nan})
    runs = [*(over(f"p{number}", "pass") for number in range(9)), odd, run("live")]
    for number, one in enumerate(runs):
        plant.tested[one.edge, one.run] = moved(one, now_ns - (len(runs) - number) * 600 * NS_PER_S)
    plant.said = [measured("f/1", "S01")]
    said = {"would_stop": True, "withheld": "shadow", "mode": "shadow", "p_fail": 0.83, "low": 0.7, "high": 0.9}
    plant.advised = [
        advice("f/1", "S01", 1, t_ns=START_NS),
        advice("f/1", "S02", 2, t_ns=START_NS + 1, **said),
        advice("live", "S01", 1, p_fail=math.nan, low=None, high=None, withheld="no-model", needed=29, mode="shadow"),
    ]
    return plant


@pytest.fixture
def screen(browser: Browser, plant: Plant) -> Iterator[Screen]:
    inbox, context = Answering(plant), browser.new_context()
    with Console(plant, inbox, listen="127.0.0.1:0", site="hall-3") as console:
        shown = Screen(context.new_page(), console, plant, inbox)
        yield shown
        context.close()
    assert shown.complaints == []
    assert shown.foreign == []


def named(screen: Screen) -> None:
    """Say who acts, once."""
    screen.page.get_by_label("Your name").fill("Ana")
    screen.page.get_by_role("button", name="This is me").click()


def test_procedures_show_their_yield_and_what_a_stop_would_have_saved_and_live_runs_their_chance(
    screen: Screen,
) -> None:
    page = screen.open("/runs")
    card = page.locator(".procedure")
    for words in ("end of line", "90.0%", "Shadow: recorded, not told", "29 failures still needed", "10 min"):
        expect(card).to_contain_text(words)
    expect(card).to_contain_text("measured on 9 good units of runs in shadow")
    expect(page.locator("tr", has_text="live")).to_contain_text("no model yet: 29 failures still needed")
    screen.plant.advised.append(advice("live", "S02", 2, stop=True, would_stop=True, p_fail=0.91, low=0.8, high=0.97))
    expect(page.locator("tr", has_text="live")).to_contain_text("91 % (80 to 97 %)")
    expect(page.locator("tr", has_text="live")).to_contain_text("Stop")
    expect(page.locator("tr", has_text="f/1")).to_contain_text("would have stopped after S02")
    expect(page.locator("tr", has_text="f/1")).to_contain_text("S09 is missing")


def test_a_phone_shows_what_a_bench_is_told_and_how_a_run_ended_without_a_swipe(screen: Screen) -> None:
    screen.page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    screen.plant.advised.append(advice("live", "S02", 2, stop=True, would_stop=True, p_fail=0.91))
    page = screen.open("/runs")
    for row, words in (("live", "Stop"), ("f/1", "Failed")):
        told = page.locator("tr", has_text=row).get_by_text(words, exact=True)
        expect(told).to_be_visible()
        box = told.bounding_box()
        assert box is not None
        assert box["x"] + box["width"] <= PHONE["width"], words


def test_a_unit_is_found_with_all_its_runs_however_long_ago_they_were(screen: Screen) -> None:
    for number in range(60):
        one = moved(over(f"since-{number}", "pass"), wall_ns() - (60 - number) * NS_PER_S)
        screen.plant.tested[one.edge, one.run] = one
    page = screen.open("/runs")
    expect(page.locator("tr", has_text="since-59")).to_be_visible()
    expect(page.locator("tr", has_text="f/1")).to_have_count(0)
    for name in (NASTY, "f/1"):
        page.get_by_label("Find a unit, a run or a station").fill(name)
        page.get_by_role("button", name="Find").click()
        expect(page.locator("h2")).to_have_text(f"Runs of {name}")
        expect(page.locator("tr", has_text="f/1")).to_contain_text("would have stopped after S02")
    screen.open("/runs?find=nobody")
    expect(page.get_by_text("No unit, run or station is called nobody.")).to_be_visible()


def test_no_run_yet_says_how_benches_send_one(screen: Screen) -> None:
    screen.plant.tested.clear()
    expect(screen.open("/runs").locator(".blank")).to_contain_text("POST /api/v1/runs")


def test_a_procedure_that_nobody_knows_is_said(screen: Screen) -> None:
    expect(screen.open("/runs?procedure=none").locator(".blank")).to_contain_text("There is no procedure")


def test_advice_is_turned_on_by_somebody_with_a_name(screen: Screen) -> None:
    page = screen.open("/runs")
    page.get_by_role("button", name="Tell benches to stop").click()
    named(screen)
    expect(page.locator(".toast")).to_contain_text("Benches are told to stop from now on, says Ana")
    assert [(act.verb, act.rule, act.who) for act in screen.inbox.taken] == [(Verb.ADVISE, "advice:end of line", "Ana")]
    screen.plant.advised.append(advice("live", "S02", 2, mode="on"))
    expect(page.locator(".procedure")).to_contain_text("On: benches are told")
    page.get_by_role("button", name="Tell benches no more").click()
    expect(page.locator(".toast").last).to_contain_text("no more told")
    assert screen.inbox.taken[-1].verb is Verb.WITHHOLD


def test_a_run_shows_values_against_limits_and_what_was_thought_after_each_step(screen: Screen) -> None:
    page = screen.open("/runs")
    page.get_by_role("link", name="f/1").click()
    expect(page.locator("h1")).to_have_text("f/1")
    expect(page.locator(".device-head")).to_contain_text("Failed")
    expect(page.locator(".device-head")).to_contain_text(NASTY)
    expect(page.locator("tr", has_text="S02")).to_contain_text("83 % (70 to 90 %)")
    expect(page.locator("tr", has_text="S02")).to_contain_text("Would stop; not told: in shadow")
    expect(page.locator(".measured.odd")).to_contain_text(re.compile(r"torque\s*1.5 N·m\s*1 to 2\s*out of limits"))
    expect(page.locator("canvas")).to_be_visible()
    expect(page.get_by_text("S09 is missing")).to_be_visible()
    assert page.title().startswith("f/1")


def test_a_run_that_no_model_called_says_why_instead_of_an_empty_chart(screen: Screen) -> None:
    page = screen.open("/runs/edge/live")
    expect(page.locator(".panel .empty").first).to_have_text(
        "No model yet: 29 failures are still needed before one is worth training; until then runs are kept."
    )
    expect(page.locator("canvas")).to_be_hidden()
    screen.plant.advised.append(advice("live", "S02", 2))
    expect(page.locator("canvas")).to_be_visible()
    expect(page.get_by_text("No model yet")).to_be_hidden()


def test_a_candidate_is_shown_beside_the_champion_step_by_step_and_by_what_each_would_have_stopped(
    screen: Screen,
) -> None:
    for (edge, name), known in list(screen.plant.tested.items()):
        stop, saved_s = ("S01", 900.0) if known.state == "fail" else ("", None)
        tried = Candidate(3, 0.5, stop, saved_s, throughout=True)
        screen.plant.tested[edge, name] = msgspec.structs.replace(known, candidate=tried)
    screen.plant.advised.append(beside("f/1", "S01", 1, p_fail=0.61, would_stop=True, model_version=3))
    page = screen.open("/runs")
    card = page.locator(".procedure")
    for words in ("version 3 beside the champion, told to nobody", "0 of 1", "they differ on 1", "too few"):
        expect(card).to_contain_text(words)
    expect(card.locator("tr", has_text="Test time that saves")).to_contain_text("15 min")
    expect(page.locator("tr", has_text="f/1")).to_contain_text("would have stopped after S02")
    page.get_by_role("link", name="f/1").click()
    row = page.locator("tr", has_text="S01")
    expect(row).to_contain_text("61 % (6 to 90 %)")
    expect(row).to_contain_text("Would stop; only tried")
    expect(page.get_by_role("columnheader", name="Candidate 3 says")).to_be_visible()
    expect(page.get_by_text("Candidate version 3 would have stopped it after S01")).to_be_visible()
    screen.page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    for path in ("/runs", "/runs/edge/f%2F1"):
        page = screen.open(path)
        expect(page.locator("table").first).to_be_attached()
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], path


def test_a_run_that_nobody_knows_is_said(screen: Screen) -> None:
    expect(screen.open("/runs/edge/none").locator(".blank")).to_contain_text("There is no run “none”")


def test_a_run_is_labelled_by_hand_and_the_label_taken_back(screen: Screen) -> None:
    page = screen.open("/runs/edge/p1")
    page.get_by_role("button", name="This unit was bad").click()
    named(screen)
    page.locator("dialog input").fill("came back from the field")
    page.locator("dialog").get_by_role("button", name="This unit was bad").click()
    row = page.locator("tr", has_text="came back from the field")
    expect(row).to_contain_text("Ana")
    made = screen.inbox.labelled[0].label
    assert (made.run, made.meaning, made.who) == ("p1", "fail", "Ana")
    row.get_by_role("button", name="Take back").click()
    page.locator("dialog input").fill("another unit")
    page.locator("dialog input").press("Enter")
    expect(row).to_contain_text("taken back by Ana: another unit")
    assert screen.plant.labelled[made.id].withdrawn_why == "another unit"


def test_an_operator_says_what_was_behind_an_alarm_that_stands_or_is_over(screen: Screen) -> None:
    rang = screen.plant.ring("pump-1")
    page = screen.open("/alarms")
    page.get_by_role("button", name="True alarm").click()
    named(screen)
    page.locator("dialog input").fill("bearing was dry")
    page.locator("dialog").get_by_role("button", name="True alarm").click()
    expect(page.locator(".toast")).to_contain_text("True alarm, says Ana")
    screen.plant.ring("pump-1", state=AlarmState.NORMAL)
    screen.plant.ring("pump-2", state=AlarmState.NORMAL)
    page = screen.open("/alarms?tab=history")
    expect(page.locator("tr", has_text="pump-1")).to_contain_text("True alarm, says Ana")
    other = page.locator("tr", has_text="pump-2")
    other.get_by_role("button", name="False alarm").click()
    page.locator("dialog").get_by_role("button", name="Cancel").click()
    assert len(screen.inbox.verdicts) == 1
    other.get_by_role("button", name="Maintenance done").click()
    page.locator("dialog input").press("Enter")
    expect(other).to_contain_text("Maintenance done, says Ana")
    said = [(one.alarm, one.finding, one.comment) for one in screen.inbox.verdicts]
    assert said[0] == (rang.id, "true", "bearing was dry")
    assert said[1][1:] == ("maintenance", "")


def test_a_phone_shows_benches_without_scrolling_sideways(screen: Screen) -> None:
    screen.plant.labelled["x"] = label("x", run="f/1", device="", meaning="fail", comment="a" * 200)
    screen.plant.ring("pump-1", state=AlarmState.NORMAL)
    screen.page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    for path in ("/runs", "/runs/edge/f%2F1", "/alarms?tab=history"):
        page = screen.open(path)
        expect(page.locator("table").first).to_be_attached()
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], path
