"""A worker of the fleet is killed right after a swap, while the registry moves on: nothing is told in two ways."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from tests.servers.kafka import kafka
from tests.servers.ports import until
from tests.stream.fleet.test_worker import Plant
from tests.stream.plant import batch, frame
from wire.envelope import Rejected, pack, unpack_input, unpack_outcomes
from wire.messages import ModelChange, Scores
from wire.topics import INPUTS, SCORES

pytestmark = [pytest.mark.server, pytest.mark.slow]
LIVES, ROWS = 3, 30


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
