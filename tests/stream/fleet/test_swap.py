"""A worker of the fleet is killed right after a swap, while the registry moves on: nothing is told in two ways."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from bus.address import Address
from bus.publisher import KafkaPublisher
from models.contract import Detector
from stream.core import Core
from stream.fleet.settings import WorkerSettings
from stream.fleet.worker import Worker
from stream.models.detectors import SETTLE_ROWS
from stream.models.herald import Wanted
from tests.servers.kafka import kafka
from tests.servers.ports import until
from tests.stream.fleet.test_worker import Plant
from tests.stream.plant import RINGS, Distance, S, batch, frame
from wire.config import Config, DeviceRule
from wire.envelope import Rejected, pack, unpack_input, unpack_outcomes
from wire.messages import ModelChange, Scores
from wire.topics import INPUTS, SCORES

pytestmark = [pytest.mark.server, pytest.mark.slow]
LIVES, ROWS = 3, 30
SWAPS, SECONDS, DEVICES = 5, 40, 20


def rows(first: int, count: int) -> list[bytes]:
    return [
        pack(batch(second + 1, second, [frame("mill", [second], [20.0 + second % 7])]))
        for second in range(first, first + count)
    ]


def scores(plant: Plant) -> list[Scores]:
    told: list[Scores] = []
    for body in plant.bodies(SCORES):
        several = unpack_outcomes(body)
        assert not isinstance(several, Rejected)
        told += [each for each in several if isinstance(each, Scores)]
    return told


def versions(plant: Plant) -> dict[int, set[tuple[int, bytes]]]:
    """By time of a row: which versions said what of it."""
    found: dict[int, set[tuple[int, bytes]]] = {}
    for said in scores(plant):
        for at, t_ns in enumerate(np.frombuffer(said.t_ns, "<i8").tolist()):
            found.setdefault(t_ns, set()).add((said.version, said.score[4 * at : 4 * at + 4]))
    return found


@contextmanager
def killed(plant: Plant, file: Path) -> Iterator[None]:
    command = [sys.executable, "-m", "tests.stream.fleet.swap_script", plant.servers, plant.group, str(file)]
    with subprocess.Popen(command, cwd=Path(__file__).parents[3], stderr=subprocess.DEVNULL) as worker:
        try:
            yield
        finally:
            worker.kill()


def lived(plant: Plant, file: Path, version: int) -> None:
    """Start a worker when a version has become champion, let it score by that, and kill it."""
    file.write_text(str(version))  # it moved on while nobody was there
    begin = 2 * ROWS * (version - 1)
    with killed(plant, file):
        plant.put(rows(begin, ROWS))
        until(lambda: asked(plant, version), what=f"a change to version {version}", within_s=60)
        plant.put(rows(begin + ROWS, ROWS))
        until(
            lambda: any(said.version == version for said in scores(plant)),
            what=f"scores of version {version}",
            within_s=60,
        )


def asked(plant: Plant, version: int) -> bool:
    said = [unpack_input(body) for body in plant.bodies(INPUTS)]
    return any(isinstance(each, ModelChange) and each.version == version for each in said)


def test_a_worker_killed_right_after_a_swap_repeats_nothing_under_another_version(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with kafka(tmp_path_factory.mktemp("kafka")) as broker:
        plant = Plant(broker, "swaps")
        for version in range(1, LIVES + 1):
            lived(plant, tmp_path_factory.getbasetemp() / "champion", version)
        found = versions(plant)
        assert all(len(said) == 1 for said in found.values()), "a row was scored in two ways"
        order = [next(iter(found[t_ns]))[0] for t_ns in sorted(found)]
        assert order == sorted(order)
        assert set(order) == set(range(1, LIVES + 1))
        assert len(scores(plant)) > len(found), "nothing came again: then nothing was tried"


class Named:
    """Every version of a model."""

    def find(self, name: str, version: int) -> Detector | None:
        return Distance(name, version or 1)

    def why(self, name: str, version: int = 0) -> str:
        return f"there is no {name} {version}"


def test_swaps_under_load_lose_and_double_nothing(tmp_path_factory: pytest.TempPathFactory) -> None:
    wanted, stop = [Wanted("wear", "champion", 1)], threading.Event()
    core = Core(Config(devices=(DeviceRule(match="*", model="wear", every_ns=S),)), Named(), decision=RINGS)
    with kafka(tmp_path_factory.mktemp("kafka")) as broker:
        plant = Plant(broker, "loaded")
        settings = WorkerSettings(servers=plant.servers, group=plant.group, take=50, checkpoint_s=0.5)
        with KafkaPublisher(Address(servers=plant.servers), client_id=plant.group) as bus:
            worker = Worker(settings, core=core, bus=bus, wanted=lambda: tuple(wanted))
            thread = threading.Thread(target=worker.run, args=(stop,))
            thread.start()
            try:
                for swap in range(SWAPS):
                    plant.put([_many(SECONDS * swap + second) for second in range(SECONDS)])
                    wanted[0] = Wanted("wear", "champion", 2 + swap)
                    until(lambda: asked(plant, wanted[0].version), what="a change", within_s=60)
                plant.put([_many(SECONDS * SWAPS + second) for second in range(3)])
                plant.until_committed(SECONDS * SWAPS + 3 + SWAPS)
            finally:
                stop.set()
                thread.join(30)
        told = [(said.device, t_ns) for said in scores(plant) for t_ns in np.frombuffer(said.t_ns, "<i8").tolist()]
        seen = {said.version for said in scores(plant)}
    assert len(told) == len(set(told)), "a row was scored twice"
    for number in range(DEVICES):
        times = sorted(t_ns for device, t_ns in told if device == f"mill-{number}")
        assert set(np.diff(times).tolist()) == {S}, "a row was not scored"
        assert times[-1] - times[0] >= (SECONDS * SWAPS - SETTLE_ROWS) * S
    assert seen == set(range(1, SWAPS + 2))


def _many(second: int) -> bytes:
    frames = [frame(f"mill-{number}", [second], [20.0 + second % 7]) for number in range(DEVICES)]
    return pack(batch(second + 1, second, frames))
