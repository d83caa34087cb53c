"""A bench at a real box over HTTP: its steps are answered, its run is kept, and people say what they think of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from benchmarks.processes import until
from tests.tocsin.plant import DEADLINE_S, QUIET, write
from tocsin.roles.box import Box
from wire.settings import load

START = {"unit": "SN-1", "procedure": "end of line", "version": "1", "station": "press"}
LIMITS = {"uom": "Nm", "low": 1.0, "high": 5.0}


@contextmanager
def bench(folder: Path) -> Iterator[httpx.Client]:
    with Box(load(write(folder, QUIET))) as box, httpx.Client(base_url=box.serve(), timeout=DEADLINE_S) as client:
        yield client


def said(client: httpx.Client, path: str, **body: object) -> dict[str, object]:
    answer = client.post(f"/api/v1{path}", json=body)
    assert answer.status_code in {200, 202}, answer.text
    found: dict[str, object] = answer.json()
    return found


def went_through(client: httpx.Client, run: str, outcome: str) -> list[dict[str, object]]:
    """A run of three steps; what each was answered."""
    said(client, "/runs", run=run, **START)
    answers = [
        said(client, f"/runs/{run}/steps/S{n}?wait_ms=10000", measurements=[{"name": "torque", "value": n, **LIMITS}])
        for n in (1, 2, 3)
    ]
    said(client, f"/runs/{run}/end", outcome=outcome)
    return answers


def shown(client: httpx.Client, path: str) -> dict[str, object]:
    found: dict[str, object] = client.get(f"/api/v1{path}").json()
    return found


def test_a_run_over_http_is_answered_after_each_step_and_kept_over_a_restart(tmp_path: Path) -> None:
    with bench(tmp_path) as client:
        answers = went_through(client, "r1", "fail")
        until(lambda: shown(client, "/runs/r1")["state"] == "fail", within_s=DEADLINE_S, what="the outcome")
    assert [(each["step"], each["stop"], each["advice"]) for each in answers] == [
        ("S1", False, "go on"),
        ("S2", False, "go on"),
        ("S3", False, "go on"),
    ]
    assert {each["withheld"] for each in answers} == {"no-model"}
    assert all(each["p_fail"] is None for each in answers)
    with bench(tmp_path) as client:
        run = shown(client, "/runs/r1")
        assert (run["unit"], run["station"], run["procedure"]) == ("SN-1", "press", "end of line")
        assert run["row"]["S2/torque"] == 2.0  # type: ignore[index]
        assert run["row"]["S2/torque.margin"] == 0.25  # type: ignore[index]
        assert [each["step"] for each in run["advice"]] == ["S1", "S2", "S3"]  # type: ignore[attr-defined]
        assert [(x["meaning"], x["who"]) for x in run["labels"]] == [("fail", "test")]  # type: ignore[attr-defined]
        (procedure,) = client.get("/api/v1/procedures").json()
        assert (procedure["states"], procedure["passed_share"], procedure["advice"]) == ({"fail": 1}, 0.0, "shadow")


def test_a_step_that_is_sent_again_under_its_key_is_stored_once(tmp_path: Path) -> None:
    with bench(tmp_path) as client:
        said(client, "/runs", run="r1", **START)
        for _ in range(2):
            body = {"measurements": [{"name": "torque", "value": 2.0}]}
            client.post("/api/v1/runs/r1/steps/S1?wait_ms=0", json=body, headers={"Idempotency-Key": "r1-S1"})
        said(client, "/runs/r1/end", outcome="pass")
        until(lambda: shown(client, "/runs/r1")["state"] == "pass", within_s=DEADLINE_S, what="the outcome")
        run = shown(client, "/runs/r1")
    assert [each["measured"] for each in run["steps"]] == [1]  # type: ignore[attr-defined]
    assert run["remarks"] == []


def test_a_label_and_the_switch_come_to_pass_in_the_core(tmp_path: Path) -> None:
    with bench(tmp_path) as client:
        went_through(client, "r1", "pass")
        until(lambda: shown(client, "/runs/r1").get("state") == "pass", within_s=DEADLINE_S, what="the outcome")
        made = said(client, "/labels", run="r1", meaning="fail", who="Ana", comment="came back")["label"]
        said(client, "/procedures/end of line/advice", on=True, who="Ana")

        def has(id_: object, *, withdrawn: bool) -> bool:
            known = {each["id"]: each for each in client.get("/api/v1/labels?withdrawn=true").json()}
            return id_ in known and bool(known[id_]["withdrawn_by"]) == withdrawn

        until(lambda: has(made, withdrawn=False), within_s=DEADLINE_S, what="the label")
        said(client, f"/labels/{made}/withdraw", who="Ana", why="another unit")
        until(lambda: has(made, withdrawn=True), within_s=DEADLINE_S, what="the label to be taken back")
        went_through(client, "r2", "pass")

        def mode() -> str:
            return str(client.get("/api/v1/procedures").json()[0]["advice"])

        until(lambda: mode() == "on", within_s=DEADLINE_S, what="advice to be on", every_s=0.2)
        assert client.get("/api/v1/dead").json() == []
