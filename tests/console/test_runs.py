"""Runs, procedures, labels and verdicts over HTTP, over a plant in memory."""

from collections.abc import Iterator

import httpx
import msgspec
import pytest

from dashboards.console.server import Console
from tests.console.fakes import T0, Answering, Plant, small_plant
from tests.store.benches import advice, beside, label, measured, over, run
from wire.config import Costs, Procedure
from wire.messages import NS_PER_S, AlarmState, Candidate, Labelled, Verb, Verdict

COSTS = Costs(bench_hour=60.0, currency="CHF")


def rule(name: str) -> Procedure:
    return Procedure(match=name, owner="test engineering", costs=COSTS, advice="off" if name == "silent" else None)


@pytest.fixture
def plant() -> Plant:
    plant = small_plant()
    runs = [
        *(over(f"p{n}", "pass", number=n, model_version=3) for n in range(8)),
        over("f1", "fail", number=9, would_stop_at="S05", saved_s=600.0, model_version=3),
        over("w1", "pass", number=10, would_stop_at="S07", saved_s=300.0, model_version=3, remarks=("S09 is missing",)),
        run("live/1", number=11),
        over("s1", "pass", number=12, procedure="silent"),
    ]
    plant.tested = {(one.edge, one.run): one for one in runs}
    plant.advised = [
        advice("live/1", "S01", 1),
        advice("live/1", "S02", 2, p_fail=float("nan"), mode="shadow", needed=12, model="eol", model_version=3),
    ]
    return plant


@pytest.fixture
def inbox(plant: Plant) -> Answering:
    return Answering(plant)


@pytest.fixture
def api(plant: Plant, inbox: Answering) -> Iterator[httpx.Client]:
    console = Console(plant, inbox, listen="127.0.0.1:0", page=False, procedure_of=rule, now_ns=lambda: T0)
    with console, httpx.Client(base_url=console.url + "/api/v1", timeout=20) as client:
        yield client


def test_runs_are_listed_newest_first_and_found_by_what_is_known_of_them(api: httpx.Client) -> None:
    names = [found["run"] for found in api.get("/runs", params={"procedure": "end of line", "limit": 3}).json()]
    assert names == ["live/1", "w1", "f1"]
    assert [found["run"] for found in api.get("/runs", params={"state": "fail"}).json()] == ["f1"]
    assert api.get("/runs", params={"state": "lost"}).status_code == 422
    assert api.get("/runs", params={"since": "soon"}).status_code == 422


def test_one_run_comes_with_its_row_its_advice_and_its_labels(api: httpx.Client, plant: Plant) -> None:
    plant.labelled["x"] = label("x", run="f1", device="", meaning="fail")
    plant.said = [measured("f1", "S01", value=2.5), measured("f1", "S02", "seal", "ok")]
    found = api.get("/runs/f1").json()
    assert (found["state"], found["row"]["S01/torque"], len(found["steps"])) == ("fail", 2.5, 40)
    assert [each["id"] for each in found["labels"]] == ["x"]
    first = {"step": "S01", "name": "torque", "value": 2.5, "uom": "N·m", "low": 1.0, "high": 2.0, "margin": None}
    assert next(one for one in found["measurements"] if one["step"] == "S01") == first
    assert [one["value"] for one in found["measurements"] if one["step"] == "S02"] == [3.5, "ok"]
    calls = api.get("/runs/live%2F1").json()["advice"]
    assert [(call["step"], call["p_fail"]) for call in calls] == [("S01", 0.125), ("S02", None)]
    assert found["candidate"] == []
    assert api.get("/runs/nobody").status_code == 404
    assert api.get("/runs/f1", params={"edge": "elsewhere"}).status_code == 404


def test_a_procedure_tells_its_yield_its_model_and_what_a_stop_would_have_saved(api: httpx.Client) -> None:
    found = {one["procedure"]: one for one in api.get("/procedures").json()}["end of line"]
    assert (found["runs"], found["states"]) == (11, {"running": 1, "pass": 9, "fail": 1})
    assert found["passed_share"] == pytest.approx(0.9)
    assert (found["model"], found["model_version"], found["advice"], found["needed"]) == ("eol", 3, "shadow", 12)
    assert (found["would"], found["would_saved_s"], found["currency"], found["told"]) == (2, 900.0, "CHF", 0)
    assert (found["wrong"]["count"], found["wrong"]["of"], found["false_stop"]["of"]) == (1, 2, 9)
    assert found["would_saved_cost"] == pytest.approx(15.0 - 100.0)
    assert found["owner"] == "test engineering"


def test_what_stops_saved_is_told_of_the_version_in_force_and_of_each_other_by_itself(
    api: httpx.Client, plant: Plant
) -> None:
    older = [over(f"o{n}", "pass", number=-n, would_stop_at="S05", model_version=2) for n in range(1, 4)]
    stopped = over("o9", "aborted", number=-9, stopped_at="S05", saved_s=60.0, model_version=2)
    plant.tested |= {(one.edge, one.run): one for one in (*older, stopped)}
    plant.labelled["back"] = label("back", run="o1", device="", meaning="fail")
    plant.labelled["seen"] = label("seen", run="o9", device="", meaning="fail")
    found = {one["procedure"]: one for one in api.get("/procedures").json()}["end of line"]
    assert (found["model_version"], found["told"], found["wrong"]["of"]) == (3, 0, 2)
    assert (found["told_in_all"], found["saved_in_all_s"]) == (1, 60.0)
    assert [each["model_version"] for each in found["by_version"]] == [3, 2]
    before = found["by_version"][1]
    assert (before["told"], before["looked_at"]["of"], before["measured_on"]) == (1, 1, "every run")
    assert (before["wrong"]["count"], before["wrong"]["of"]) == (2, 4)


def test_what_a_candidate_thought_of_a_run_is_told_apart(api: httpx.Client, plant: Plant) -> None:
    plant.advised.append(beside("live/1", "S02", 2, would_stop=True, model_version=4))
    found = api.get("/runs/live%2F1").json()
    assert [call["step"] for call in found["advice"]] == ["S01", "S02"]
    (call,) = found["candidate"]
    assert (call["step"], call["stop"], call["would_stop"], call["model_version"]) == ("S02", False, True, 4)
    assert {one["procedure"]: one["comparison"] for one in api.get("/procedures").json()}["end of line"] is None


def test_a_procedure_tells_what_champion_and_candidate_would_each_have_done_with_the_same_runs(
    api: httpx.Client, plant: Plant
) -> None:
    for name, state in (("p7", "pass"), ("f1", "fail"), ("w1", "pass")):
        known = plant.tested["edge", name]
        tried = Candidate(4, 0.5, "S03" if state == "fail" else "", 900.0 if state == "fail" else None, throughout=True)
        plant.tested["edge", name] = msgspec.structs.replace(known, candidate=tried)
    found = {one["procedure"]: one for one in api.get("/procedures").json()}["end of line"]["comparison"]
    assert (found["model"], found["runs"], found["differ"], found["measured_on"]) == ("eol", 3, 2, "shadow")
    assert (found["champion"]["would"], found["champion"]["wrong"]["count"], found["champion"]["saved_s"]) == (
        2,
        1,
        900,
    )
    assert (found["candidate"]["version"], found["candidate"]["would"], found["candidate"]["saved_s"]) == (4, 1, 900)
    assert (found["candidate"]["false_stop"]["value"], found["candidate"]["missed"]["value"]) == (0.0, 0.0)
    assert found["more"] is None


def test_advice_is_turned_on_and_off_in_somebodys_name(api: httpx.Client, inbox: Answering) -> None:
    assert api.post("/procedures/end of line/advice", json={"on": True, "who": "Ada"}).json()["edges"] == ["edge"]
    api.post("/procedures/end of line/advice", json={"on": False, "who": "Ada", "why": "too many"})
    said = [(act.verb, act.device, act.rule, act.who, act.why) for act in inbox.taken]
    assert said == [
        (Verb.ADVISE, "*", "advice:end of line", "Ada", ""),
        (Verb.WITHHOLD, "*", "advice:end of line", "Ada", "too many"),
    ]
    assert api.post("/procedures/nobody/advice", json={"on": True, "who": "Ada"}).status_code == 404
    assert api.post("/procedures/end of line/advice", json={"on": True, "who": " "}).status_code == 422
    refused = api.post("/procedures/silent/advice", json={"on": True, "who": "Ada"})
    assert refused.status_code == 409
    assert "[[procedures]]" in refused.json()["remedy"]


def test_what_was_switched_is_shown_at_once_and_not_only_once_a_step_has_ended(api: httpx.Client) -> None:
    def shown() -> str:
        procedures = {one["procedure"]: one for one in api.get("/procedures").json()}
        return str(procedures["end of line"]["advice"])

    assert shown() == "shadow"
    api.post("/procedures/end of line/advice", json={"on": True, "who": "Ada"})
    assert shown() == "on"
    api.post("/procedures/end of line/advice", json={"on": False, "who": "Ada"})
    assert shown() == "shadow"


def test_a_run_without_a_start_is_of_no_procedure_that_could_be_advised_on(
    api: httpx.Client, plant: Plant, inbox: Answering
) -> None:
    nameless = over("lost", "pass", procedure="")
    plant.tested[nameless.edge, nameless.run] = nameless
    assert "" not in {one["procedure"] for one in api.get("/procedures").json()}
    assert "lost" in {one["run"] for one in api.get("/runs").json()}
    assert api.post("/procedures//advice", json={"on": True, "who": "Ada"}).status_code == 404
    assert inbox.taken == []


def test_a_stretch_and_a_run_are_labelled_by_hand_and_the_same_words_are_the_same_label(
    api: httpx.Client, inbox: Answering, plant: Plant
) -> None:
    body = {"meaning": "anomaly", "who": "Ada", "device": "pump-1", "start": "1000", "end": "2000"}
    first, second = api.post("/labels", json=body).json(), api.post("/labels", json=body).json()
    assert first["label"] == second["label"]
    assert (first["repeated"], second["repeated"]) == (False, True)
    api.post("/labels", json={"meaning": "fail", "who": "Ada", "run": "p1", "comment": "leaks in the field"})
    of_run = inbox.labelled[-1].label
    assert (of_run.run, of_run.edge, of_run.from_ns) == ("p1", "edge", plant.tested["edge", "p1"].started_ns)
    assert len(inbox.labelled) == 2
    assert [one["id"] for one in api.get("/labels", params={"device": "pump-1"}).json()] == [first["label"]]


@pytest.mark.parametrize(
    "body",
    [
        {"meaning": "anomaly", "who": "Ada"},
        {"meaning": "anomaly", "who": "Ada", "device": "pump-1", "run": "p1"},
        {"meaning": "fail", "who": "Ada", "device": "pump-1", "start": "1", "end": "2"},
        {"meaning": "anomaly", "who": "Ada", "device": "pump-1", "start": "2", "end": "1"},
        {"meaning": "anomaly", "who": " ", "device": "pump-1", "start": "1", "end": "2"},
        {"meaning": "odd", "who": "Ada", "run": "p1"},
    ],
)
def test_a_label_that_means_nothing_is_refused(api: httpx.Client, inbox: Answering, body: dict[str, object]) -> None:
    assert api.post("/labels", json=body).status_code == 422
    assert inbox.labelled == []


def test_a_label_is_taken_back_in_somebodys_name_and_may_be_said_anew(
    api: httpx.Client, inbox: Answering, plant: Plant
) -> None:
    body = {"meaning": "anomaly", "who": "Ada", "device": "pump-1", "start": "1000", "end": "2000"}
    made = api.post("/labels", json=body).json()["label"]
    gone = {"who": "Grace", "why": "it was the sensor"}
    assert api.post(f"/labels/{made}/withdraw", json=gone).json()["repeated"] is False
    assert api.post(f"/labels/{made}/withdraw", json=gone).json()["repeated"] is True
    assert (plant.labelled[made].withdrawn_by, plant.labelled[made].withdrawn_why) == ("Grace", "it was the sensor")
    assert api.get("/labels").json() == []
    assert api.post("/labels", json=body).json()["label"] != made
    assert api.post("/labels/nobody/withdraw", json=gone).status_code == 404
    assert len(inbox.labelled) == 3


@pytest.mark.parametrize("who", ["", " ", "\u200b", "\x1b[2J", "Ada\x07"])
def test_what_is_said_of_rows_has_an_author_whom_others_can_read(
    api: httpx.Client, inbox: Answering, plant: Plant, who: str
) -> None:
    stretch = {"meaning": "anomaly", "device": "pump-1", "start": "1000", "end": "2000"}
    made = api.post("/labels", json=stretch | {"who": "Ada"}).json()["label"]
    rang = plant.ring("pump-1")
    for path, body in (
        ("/labels", stretch | {"who": who}),
        (f"/labels/{made}/withdraw", {"who": who}),
        (f"/alarms/{rang.id}/verdict", {"finding": "true", "who": who}),
    ):
        refused = api.post(path, json=body)
        assert (refused.status_code, "body.who" in refused.json()["title"]) == (422, True)
    assert (len(inbox.labelled), inbox.verdicts) == (1, [])


def test_a_verdict_is_on_the_rows_from_onset_to_end_also_of_an_alarm_that_is_over(
    api: httpx.Client, inbox: Answering, plant: Plant
) -> None:
    rang = plant.ring("pump-1", model="net", model_version=4)
    plant.now_ns += 60 * NS_PER_S
    gone = plant.ring("pump-1", state=AlarmState.RETURNED)
    plant.now_ns += 60 * NS_PER_S
    plant.ring("pump-1", state=AlarmState.NORMAL)
    said = {"finding": "false-alarm", "who": "Ada", "comment": "cold start"}
    first, second = (api.post(f"/alarms/{rang.id}/verdict", json=said).json() for _ in range(2))
    verdict = inbox.verdicts[0]
    assert isinstance(verdict, Verdict)
    assert (verdict.finding, verdict.device, verdict.rule, verdict.comment) == (
        "false-alarm", "pump-1", "anomaly", "cold start",
    )  # fmt: skip
    assert (verdict.from_ns, verdict.to_ns) == (rang.onset_ns, gone.changed_ns)
    assert (verdict.model, verdict.model_version) == ("net", 4)
    assert first["label"] == second["label"] == verdict.id
    assert len(inbox.verdicts) == 1
    assert api.post(f"/alarms/{rang.id}/verdict", json=said | {"who": " "}).status_code == 422
    assert api.post(f"/alarms/{rang.id}/verdict", json=said | {"finding": "maybe"}).status_code == 422
    assert api.post("/alarms/none/verdict", json=said).status_code == 404


def test_a_verdict_on_an_alarm_that_stands_goes_up_to_now(api: httpx.Client, inbox: Answering, plant: Plant) -> None:
    rang = plant.ring("pump-1")
    api.post(f"/alarms/{rang.id}/verdict", json={"finding": "true", "who": "Ada"})
    assert inbox.verdicts[0].to_ns == T0
    assert inbox.labelled == list[Labelled]()
