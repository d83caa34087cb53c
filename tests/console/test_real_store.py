import json
from array import array
from collections.abc import Iterator
from pathlib import Path

import httpx
import pyarrow.parquet as pq
import pytest

from dashboards.console.server import Console
from store.box.box import DuckStore
from store.port import Commit
from tests.console.fakes import Answering, Plant, wait_until
from wire.messages import (
    NS_PER_S,
    Alarm,
    AlarmState,
    Batch,
    Frame,
    Health,
    Liveness,
    Origin,
    Outcome,
    Priority,
    Scores,
    SourceState,
    SourceStatus,
)

T0 = 1_790_000_000 * NS_PER_S
LANE = "0" * 32
CHANNELS = ("flow", "temperature")
ROWS = 600


def floats(code: str, *values: float) -> bytes:
    return array(code, values).tobytes()


def minute(seq: int, *, state: AlarmState) -> Commit:
    """Ten minutes at 1 Hz of one pump, with a single spike, its scores, its health and one alarm."""
    origin = Origin(edge="edge-1", log=LANE, seq=seq)
    first = T0 + (seq - 1) * ROWS * NS_PER_S
    times = array("q", [first + i * NS_PER_S for i in range(ROWS)])
    values = [v for i in range(ROWS) for v in (2.0, 99.0 if i == 123 else 20.0)]
    frame = Frame(device="pump-1", channels=CHANNELS, t_ns=times.tobytes(), values=floats("d", *values))
    outcomes: list[Outcome] = [
        Scores(
            origin=origin, edge="edge-1", device="pump-1", model="online", version=1, channels=CHANNELS,
            t_ns=times.tobytes(), score=floats("f", *([1.5] * ROWS)),
            contributions=floats("f", *([0.5, 1.0] * ROWS)),
        ),
        Liveness(
            origin=origin, edge="edge-1", device="pump-1", clock_ns=times[-1], last_ns=times[-1], health=Health.RUNNING
        ),
        Alarm(
            id="a" * 32, origin=origin, edge="edge-1", device="pump-1", rule="anomaly", version=seq, state=state,
            priority=Priority.HIGH, onset_ns=T0 + NS_PER_S, changed_ns=times[-1], summary="pump-1 is odd",
        ),
    ]  # fmt: skip
    events = (SourceState(source="serial-1", state=SourceStatus.CONNECTED, t_ns=first),)
    batch = Batch(edge="edge-1", log=LANE, seq=seq, clock_ns=times[-1], frames=(frame,), events=events)
    return Commit(cursor=seq, batches=[batch], outcomes=outcomes, state={})


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DuckStore]:
    with DuckStore(path=tmp_path / "tocsin.duckdb", free=lambda _: 10**12) as opened:
        opened.resume()
        opened.write(minute(1, state=AlarmState.UNACKNOWLEDGED))
        yield opened


@pytest.fixture
def box(store: DuckStore) -> Iterator[httpx.Client]:
    with (
        Console(store, Answering(Plant()), listen="127.0.0.1:0", page=False, now_ns=lambda: T0) as console,
        httpx.Client(base_url=f"{console.url}/api/v1", timeout=10) as client,
    ):
        yield client


def test_what_the_store_holds_is_what_the_api_tells(box: httpx.Client) -> None:
    device = box.get("/devices/pump-1").json()
    assert (device["health"], device["rows"], device["score"], device["active"]) == ("running", ROWS, 1.5, {"high": 1})
    readings = box.get("/devices/pump-1/readings", params={"points": 50, "channels": "temperature"}).json()
    assert len(readings["t_ns"]) <= 60
    assert max(readings["columns"]["temperature"]) == 99.0
    scores = box.get("/devices/pump-1/scores", params={"points": 0}).json()
    assert len(scores["t_ns"]) == ROWS
    assert set(scores["columns"]) == {"score", *CHANNELS}
    assert box.get("/sources").json()[0]["state"] == "connected"
    assert box.get("/accounts").json()[0]["off"] == ""
    assert box.get("/dead").json() == []


def test_exports_hold_every_row(box: httpx.Client, tmp_path: Path) -> None:
    lines = box.get("/devices/pump-1/export").text.splitlines()
    assert lines[0] == "time,flow,temperature"
    assert len(lines) == ROWS + 1
    path = tmp_path / "rows.parquet"
    path.write_bytes(box.get("/devices/pump-1/export", params={"format": "parquet"}).content)
    assert pq.read_table(path).num_rows == ROWS


def test_a_commit_reaches_those_who_listen(box: httpx.Client, store: DuckStore) -> None:
    with httpx.stream("GET", f"{box.base_url}events", timeout=15) as answer:
        told = (json.loads(line[6:]) for line in answer.iter_lines() if line.startswith("data: "))
        assert next(told)["state"] == "unacknowledged"
        store.write(minute(2, state=AlarmState.NORMAL))
        assert next(told)["state"] == "normal"
    assert box.get("/alarms", params={"active": True}).json() == []
    history = box.get(f"/alarms/{'a' * 32}").json()["history"]
    assert [state["state"] for state in history] == ["unacknowledged", "normal"]


def test_a_closed_store_is_said_and_ends_nothing(box: httpx.Client, store: DuckStore) -> None:
    root = str(box.base_url).replace("/api/v1/", "")
    store.__exit__(None, None, None)
    wait_until(lambda: httpx.get(f"{root}/readyz").status_code == 503, "not ready")
    assert box.get("/devices").status_code == 500
    assert httpx.get(f"{root}/healthz").status_code == 200
