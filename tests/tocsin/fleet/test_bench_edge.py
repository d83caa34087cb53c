"""A bench at an edge of a fleet: its step goes over the bus to a worker, and its advice comes back the same way."""

from pathlib import Path

import httpx
import pytest

from benchmarks.processes import free_port
from benchmarks.roles import Role
from tests.servers.kafka import kafka
from tests.servers.ports import until
from tests.tocsin.plant import tocsin

pytestmark = [pytest.mark.server, pytest.mark.slow]
CONFIG = """\
bus = "kafka://{kafka}"
store = "influxdb://127.0.0.1:1/none"
[edge]
name = "edge-1"
outbox = "outbox.sqlite"
listen = "127.0.0.1:{door}"
[[edge.sources]]
type = "host"
every = "1h"
"""
START = {"run": "r1", "unit": "SN-1", "procedure": "end of line", "station": "press"}


def test_a_step_posted_to_an_edge_is_answered_by_a_worker_behind_the_bus(tmp_path: Path) -> None:
    with kafka(tmp_path / "kafka") as broker:
        config, door = tmp_path / "tocsin.toml", free_port()
        config.write_text(CONFIG.format(kafka=broker.address, door=door))
        tocsin("stream", "--create-topics", "--partitions", "4", "-c", config)
        with Role("stream", config, name="worker") as worker, Role("edge", config) as edge:
            worker.ready()
            edge.ready()
            with httpx.Client(base_url=f"http://127.0.0.1:{door}", timeout=30) as client:
                until(lambda: client.get("/healthz").is_success, what="the door")
                assert client.post("/api/v1/runs", json=START).status_code == 202
                steps = iter(range(1, 1000))

                def answered() -> bool:
                    answer = client.post(f"/api/v1/runs/r1/steps/S{next(steps)}?wait_ms=2000", json={}).json()
                    return bool(answer["advice"] == "go on" and answer["withheld"] == "no-model")

                # The worker is ready before the group has given it its partitions.
                until(answered, what="advice", within_s=60)
                assert client.post("/api/v1/runs/r1/end", json={"outcome": "pass"}).status_code == 202
            until(lambda: edge.figure("tocsin_edge_advice_passed_back") >= 1, what="the count")
