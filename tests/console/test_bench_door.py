"""The small API of an edge: runs and nothing else, with the console's rule for tokens."""

import subprocess
import sys

import httpx
import pytest

from dashboards.console.bench_door import BenchDoor
from dashboards.console.served import ConsoleError, ListenError
from tests.console.benches import BenchWays, stop_at

TOKEN = "0123456789abcdef"
START = {"run": "r1", "unit": "u1", "procedure": "p", "station": "s"}


def test_an_edge_takes_runs_answers_with_advice_and_shows_no_more_than_that() -> None:
    ways = BenchWays(stop_at("S2"))
    with BenchDoor(ways, ways, listen="127.0.0.1:0") as door, httpx.Client(base_url=door.url, timeout=20) as client:
        assert client.get("/healthz").text == "ok"
        assert client.post("/api/v1/runs", json=START).status_code == 202
        assert client.post("/api/v1/runs/r1/steps/S2", json={}).json()["stop"] is True
        assert client.post("/api/v1/runs/r1/end", json={"outcome": "aborted"}).status_code == 202
        assert "Tocsin edge API" in client.get("/api/docs").text
        assert client.get("/assets/tocsin.css").status_code == 200
        for path in ("/", "/api/v1/runs", "/api/v1/alarms", "/login"):
            answer = client.get(path)
            assert answer.status_code == 404
            assert answer.json()["remedy"]
    assert len(ways.arrivals) == 3


def test_only_who_knows_the_token_comes_in() -> None:
    ways = BenchWays()
    with BenchDoor(ways, ways, listen="127.0.0.1:0", token=TOKEN) as door:
        assert httpx.post(f"{door.url}/api/v1/runs", json=START).status_code == 401
        heads = {"Authorization": f"Bearer {TOKEN}"}
        assert httpx.post(f"{door.url}/api/v1/runs", json=START, headers=heads).status_code == 202


def test_another_address_than_loopback_needs_a_token_and_a_taken_one_is_named() -> None:
    ways = BenchWays()
    with pytest.raises(ConsoleError, match=r"edge\.listen.*TOCSIN_TOKEN"):
        BenchDoor(ways, ways, listen="0.0.0.0:8766")
    with BenchDoor(ways, ways, listen="127.0.0.1:0") as door:
        again = BenchDoor(ways, ways, listen=door.url.removeprefix("http://"))
        with pytest.raises(ListenError, match=r"edge\.listen"):
            again.start()


def test_an_edge_loads_no_store_no_page_and_no_numbers_for_it() -> None:
    code = (
        "import sys; from dashboards.console import bench_door, bench_app, quiet; "
        "print(sorted({'numpy', 'nicegui', 'duckdb', 'scipy', 'fsspec', 'pyarrow'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
