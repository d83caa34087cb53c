"""A worker that is killed while a candidate is tried on test benches, against a real Kafka."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from stream.attempt import attempt
from stream.fleet.outlet import parcels
from stream.fleet.reading import Taken, reader
from stream.inputs import Unreadable
from tests.servers.kafka import kafka
from tests.stream.benches.shift import benches, shift
from tests.stream.fleet.test_worker import Plant, without_repeats
from tests.stream.plant import T0
from wire.envelope import pack, unpack_outcome
from wire.messages import Advice, Run
from wire.topics import ADVICE, ALARMS

pytestmark = [pytest.mark.server, pytest.mark.slow]
RUNS = 16


@contextmanager
def killed(plant: Plant) -> Iterator[None]:
    command = [sys.executable, "-m", "tests.stream.fleet.script", plant.servers, plant.group, "benches"]
    with subprocess.Popen(command, cwd=Path(__file__).parents[3], stderr=subprocess.DEVNULL) as worker:
        try:
            yield
        finally:
            worker.kill()


def test_a_worker_killed_while_a_candidate_is_tried_goes_on_with_what_it_remembers(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    said = [item for item in shift(1, RUNS) if not isinstance(item, Unreadable)]
    items = [(getattr(item, "edge", "").encode(), pack(item)) for item in said]
    half, whole = len(items) // 2, len(items)
    with kafka(tmp_path_factory.mktemp("kafka")) as broker:
        plant = Plant(broker, "candidates")
        for begin, end in ((0, half), (half, whole)):
            for key, body in items[begin:end]:
                plant.put([body], key=key)
            with killed(plant):
                plant.until_committed(max(1, end - 20) if end < whole else end)
        found = {topic: without_repeats(plant.bodies(topic)) for topic in (ADVICE, ALARMS)}
    core = benches()
    entries = [Taken(pos, body, key) for pos, (key, body) in enumerate(items)]
    outcomes = attempt(core, core.pinned(core.cold())[0], entries, now_ns=T0, read=reader(0))[1].outcomes
    for topic, bodies in found.items():
        assert bodies == without_repeats([parcel.body for parcel in parcels(outcomes) if parcel.topic == topic])
    told = [unpack_outcome(body) for body in found[ADVICE]]
    assert {each.model_version for each in told if isinstance(each, Advice) and each.role == "candidate"} >= {1}
    assert any(isinstance(each, Run) and each.candidate and each.candidate.throughout for each in told)
