"""Runs over HTTP, as a bench sends them."""

from collections.abc import Iterator

import httpx
import msgspec
import pytest

from dashboards.console import bench_in
from dashboards.console.server import Console
from tests.console.benches import BenchWays, stop_at
from tests.console.fakes import Answering, small_plant
from wire.messages import Advice, Measured, RunEnded, RunStarted, StepEnded

RUN = {"run": "r/1", "unit": "u1", "procedure": "end of line", "station": "press", "steps": ["S 1", "S2"], "time": "7"}
STEP = {"measurements": [{"name": "torque", "value": 3, "uom": "Nm", "low": 1.0}, {"name": "ok", "value": True}]}


@pytest.fixture
def ways() -> BenchWays:
    return BenchWays(stop_at("S2"))


@pytest.fixture
def bench(ways: BenchWays) -> Iterator[httpx.Client]:
    plant = small_plant()
    console = Console(plant, Answering(plant), listen="127.0.0.1:0", page=False, intake=ways, waiting=ways)
    with console, httpx.Client(base_url=console.url + "/api/v1", timeout=20) as client:
        yield client


def test_a_run_is_taken_from_start_to_end_and_its_steps_are_answered(bench: httpx.Client, ways: BenchWays) -> None:
    assert bench.post("/runs", json=RUN).status_code == 202
    first = bench.post("/runs/r%2F1/steps/S%201", json=STEP | {"duration_s": 2.5}).json()
    second = bench.post("/runs/r%2F1/steps/S2", json={}).json()
    assert bench.post("/runs/r%2F1/end", json={"outcome": "aborted"}).json() == {"run": "r/1", "durable": True}
    assert (first["stop"], first["advice"], second["stop"], second["advice"]) == (False, "go on", True, "stop")
    assert (second["p_fail"], second["low"], second["high"], second["because"]) == (0.91, 0.8, 0.97, {"S01": 1.0})
    assert ways.events == [
        RunStarted("r/1", "u1", "end of line", "", "press", t_ns=7, steps=("S 1", "S2"), source="http"),
        Measured("r/1", "S 1", "torque", 3.0, "Nm", low=1.0, source="http"),
        Measured("r/1", "S 1", "ok", value=True, source="http"),
        StepEnded("r/1", "S 1", 0, 2.5, source="http"),
        StepEnded("r/1", "S2", source="http"),
        RunEnded("r/1", "aborted", source="http"),
    ]


@pytest.mark.parametrize("withheld", ["shadow", "control", "off"])
def test_a_bench_does_not_learn_what_is_thought_where_that_is_withheld(
    bench: httpx.Client, ways: BenchWays, withheld: str
) -> None:
    def call(ended: StepEnded) -> Advice | None:
        said = stop_at("S2")(ended)
        return said and msgspec.structs.replace(said, stop=False, withheld=withheld)

    ways.calls = call
    told = bench.post("/runs/r1/steps/S2", json={}).json()
    assert (told["stop"], told["advice"], told["withheld"]) == (False, "go on", withheld)
    assert (told["p_fail"], told["low"], told["high"], told["because"], told["would_stop"]) == (
        None,
        None,
        None,
        {},
        False,
    )


def test_names_may_hold_whatever_paths_are_made_of(bench: httpx.Client, ways: BenchWays) -> None:
    assert bench.post("/runs/a%2Fsteps%2Fb/steps/c%2Fsteps%2Fd", json={}).json()["step"] == "c/steps/d"
    bench.post("/runs/a%2Fsteps%2Fb/end", json={"outcome": "pass"})
    bench.post("/runs/a/b/steps/c", json={})  # what nobody wrote otherwise
    assert ways.events == [
        StepEnded("a/steps/b", "c/steps/d", source="http"),
        RunEnded("a/steps/b", "pass", source="http"),
        StepEnded("a/b", "c", source="http"),
    ]


def test_a_bench_may_say_over_http_what_it_says_over_mqtt(bench: httpx.Client, ways: BenchWays) -> None:
    bench.post(
        "/runs", json={"event": "run-started", **RUN, "unit": 7, "version": 3, "time": 1_795_662_551_229_648_602}
    )
    bench.post("/runs/r1/steps/S1", json={"event": "step", "run": "r1", "step": "S1", "station": "press"})
    bench.post("/runs/r1/end", json={"event": "run-ended", "run": "r1", "outcome": "pass"})
    started, ended, over = ways.events
    assert isinstance(started, RunStarted)
    assert (started.unit, started.version, started.t_ns) == ("7", "3", 1_795_662_551_229_648_602)
    assert (ended, over) == (
        StepEnded("r1", "S1", station="press", source="http"),
        RunEnded("r1", "pass", source="http"),
    )


def test_no_answer_in_time_means_go_on(bench: httpx.Client, ways: BenchWays) -> None:
    ways.calls = lambda _: None
    answer = bench.post("/runs/r1/steps/S2?wait_ms=1", json={})
    assert answer.status_code == 200
    assert (answer.json()["stop"], answer.json()["advice"], answer.json()["durable"]) == (False, None, True)


def test_the_same_key_names_the_same_delivery(bench: httpx.Client, ways: BenchWays) -> None:
    for key in ("a", "a", "b", ""):
        bench.post("/runs", json=RUN, headers={"Idempotency-Key": key} if key else {})
    receipts = [arrival.receipt for arrival in ways.arrivals]
    keys = [receipt.key for receipt in receipts if receipt is not None]
    assert keys[0] == keys[1]
    assert len(set(keys)) == 3
    assert [receipt.again for receipt in receipts if receipt is not None] == [True, True, True, False]


@pytest.mark.parametrize(
    ("path", "body", "said"),
    [
        ("/runs", RUN | {"unit": ""}, "unit"),
        ("/runs", RUN | {"time": "yesterday"}, "time"),
        ("/runs/r1/end", {"outcome": "maybe"}, "outcome"),
        ("/runs/r1/steps/S1", {"measurements": [{"name": "x", "value": [1]}]}, "value"),
        ("/runs/r1/steps/S1", {"measurements": [{"name": "x" * 201, "value": 1}]}, "name"),
        (
            "/runs/r1/steps/S1",
            {"measurements": [{"name": "x", "value": 10**400}]},
            "value is not taken: it has to be",
        ),
        ("/runs/r1/steps/S1", {"measurements": [{"name": "x", "value": 1, "high": 10**400}]}, "high"),
        ("/runs/r1/steps/S1", {"measurements": [{"name": "x", "value": "y" * 2001}]}, "value"),
        ("/runs/r1/steps/S1", {"measurements": [{"name": "x", "value": 1, "unit": "V"}]}, "unit"),
        ("/runs/r1/steps/S1", {"measurement": [{"name": "x", "value": 1}]}, "measurement"),
        ("/runs/r1/steps/S1", {"duration_s": -1}, "duration_s"),
        ("/runs/r1/steps/S1", {"duration_s": 10**400}, "duration_s"),
        ("/runs", RUN | {"run": "r\x00\x1b[2J"}, "control characters"),
        ("/runs", RUN | {"unit": "   "}, "unit"),
        ("/runs/r%1B1/steps/S1", {}, "control characters"),
        ("/runs/r1/steps/" + "S" * 201, {}, "200"),
    ],
)
def test_what_cannot_be_kept_is_refused_by_name(
    bench: httpx.Client, ways: BenchWays, path: str, body: dict[str, object], said: str
) -> None:
    answer = bench.post(path, json=body)
    assert answer.status_code == 422
    assert said in answer.json()["title"]
    assert ways.arrivals == []


@pytest.mark.parametrize("body", ['{"duration_s": 1, "duration_s": 2}', '{"measurements": [{"low": 1, "low": 2}]}'])
def test_a_body_that_says_a_name_twice_is_refused_for_nobody_knows_which_was_meant(
    bench: httpx.Client, ways: BenchWays, body: str
) -> None:
    answer = bench.post("/runs/r1/steps/S1", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
    assert answer.json()["detail"] in {
        "The body says duration_s twice. Say each name of an object once.",
        "The body says low twice. Say each name of an object once.",
    }
    assert ways.arrivals == []


def test_what_is_no_number_is_refused(bench: httpx.Client, ways: BenchWays) -> None:
    body = '{"measurements": [{"name": "x", "value": NaN}]}'
    answer = bench.post("/runs/r1/steps/S1", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
    assert ways.arrivals == []


def test_a_full_outbox_and_a_slow_disk_are_told_and_may_be_tried_again(
    bench: httpx.Client, ways: BenchWays, monkeypatch: pytest.MonkeyPatch
) -> None:
    ways.full = True
    answer = bench.post("/runs", json=RUN)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    ways.full, ways.is_disk_well = False, False
    monkeypatch.setattr(bench_in, "DURABLE_S", 0.01)
    assert "Idempotency-Key" in bench.post("/runs", json=RUN).json()["remedy"]


def test_a_page_that_only_shows_a_fleet_says_where_runs_go() -> None:
    plant = small_plant()
    with Console(plant, Answering(plant), listen="127.0.0.1:0", page=False) as console:
        for path, body in (("/runs", RUN), ("/runs/r1/steps/S1", {}), ("/runs/r1/end", {"outcome": "pass"})):
            answer = httpx.post(f"{console.url}/api/v1{path}", json=body)
            assert answer.status_code == 409
            assert "[edge] listen" in answer.json()["remedy"]
