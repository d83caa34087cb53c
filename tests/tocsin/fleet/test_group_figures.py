"""What a real Kafka tells of the workers of a group."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bus.address import Address
from bus.lag import GroupLag
from bus.publisher import KafkaPublisher
from bus.topics import Topics, layouts
from tests.servers.kafka import kafka
from tests.servers.ports import until
from tocsin.roles.group_figures import Figures, GroupFigures
from wire.envelope import pack
from wire.messages import Batch
from wire.topics import INPUTS

pytestmark = [pytest.mark.server, pytest.mark.slow]
COUNT = 40


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Address]:
    with kafka(tmp_path_factory.mktemp("kafka")) as broker:
        there = Address(servers=broker.address)
        Topics(there).create(layouts(2))
        yield there


def worker(folder: Path, address: Address, instance: str) -> subprocess.Popen[bytes]:
    config = folder / "tocsin.toml"
    config.write_text(f'site = "hall"\nbus = "kafka://{address.servers}"\n')
    command = (sys.executable, "-m", "tocsin", "stream", "-c", str(config), "--instance", instance, "--vitals", "")
    return subprocess.Popen(command, env=os.environ)


def test_a_worker_of_faust_is_seen_by_its_name_with_its_lag_and_gone_when_it_ends(
    address: Address, tmp_path: Path
) -> None:
    told: list[str] = []
    with KafkaPublisher(address, client_id="test") as publisher:
        for seq in range(1, COUNT + 1):
            publisher.publish(INPUTS, b"edge-1", pack(Batch("edge-1", "0" * 32, seq, seq)), told.append)
        assert publisher.flush(60)
    ask = GroupFigures(GroupLag(address), ["stream"])
    assert ask() == {}
    process = worker(tmp_path, address, "worker-1")
    seen: dict[tuple[str, str], Figures] = {}

    def worked() -> bool:
        # The first partitions it is given may be empty ones, so the group's lag counts as well.
        seen.clear()
        seen.update(ask())
        return [seen.get(("stream", each), {}).get("lag") for each in ("worker-1", "all")] == [0, 0]

    try:
        until(worked, what="the worker to have worked everything", within_s=90)
        assert seen["stream", "all"]["running"] == seen["stream", "worker-1"]["running"] == 1
        assert seen["stream", "all"]["lag"] == 0
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)
    until(lambda: ask()["stream", "all"]["running"] == 0, what="the group to be empty", within_s=60)
    assert set(ask()) == {("stream", "all")}
