"""A Faust worker against a bare Kafka loop: the same decode and the same scoring, 100 frames of 4 rows a message.

What a worker adds in processor time is told without the core's own steps, in both: these take ten times as long, and
differ from run to run by more than all else takes.
"""

import json
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from benchmarks.processes import until
from benchmarks.report import Figure, figure
from bus.address import Address
from bus.publisher import KafkaPublisher
from bus.topics import Topics, layouts
from models.selflearning.online import Online
from stream.attempt import attempt
from stream.core import Core, Outcomes
from stream.fleet.settings import WorkerSettings
from stream.fleet.worker import Worker
from stream.inputs import Item
from stream.models.detectors import Shelf
from stream.state import CoreState
from tests.servers.kafka import kafka
from wire.config import Config, DeviceRule
from wire.envelope import pack
from wire.messages import Batch, Frame
from wire.ports import Entry
from wire.topics import INPUTS, STATE

DEVICES, CHANNELS, ROWS = 100, 8, 4
MESSAGES = 600
EVERY_NS = 100_000_000
START_NS = 1_780_000_000_000_000_000
TAKE = 200
ROUNDS = 3


def measure() -> list[Figure]:
    """Frames a second of both, alternating, each a process of its own; the medians and what Faust adds a message."""
    found: dict[str, list[dict[str, float]]] = {"bare": [], "worker": []}
    with TemporaryDirectory(prefix="tocsin-worker-") as folder, kafka(Path(folder)) as broker:
        Topics(Address(servers=broker.address)).create(layouts(1))
        _fill(broker.address)
        for number in range(ROUNDS):
            for kind, results in found.items():
                _forget(broker.address)
                results.append(_run(kind, broker.address, f"bench-{number}"))
    per_s = {kind: median(MESSAGES * DEVICES / result["wall_s"] for result in each) for kind, each in found.items()}
    cpu_ms = {kind: median(1000 * _beside_s(result) / MESSAGES for result in each) for kind, each in found.items()}
    return [
        figure("faust.frames_per_s", per_s["worker"], "frames/s", per_s["bare"]),
        figure("faust.frames_ratio", per_s["worker"] / per_s["bare"], "", 0.6),
        figure("faust.added_ms_per_message", cpu_ms["worker"] - cpu_ms["bare"], "ms", 0.5),
    ]


class _TimedCore(Core):
    """The core, and the processor time that its steps took."""

    spent_s = 0.0

    def step(self, state: CoreState, inputs: Sequence[tuple[int, Item]]) -> tuple[CoreState, Outcomes]:
        begun = time.thread_time()
        try:
            return super().step(state, inputs)
        finally:
            self.spent_s += time.thread_time() - begun


def _core() -> _TimedCore:
    return _TimedCore(Config(devices=(DeviceRule(match="*", every_ns=EVERY_NS),)), Shelf([Online()]))


def _beside_s(result: Mapping[str, float]) -> float:
    """Processor time outside the core."""
    return result["cpu_s"] - result["core_s"]


def _bodies() -> Iterator[bytes]:
    chance = np.random.default_rng(5)
    names = tuple(f"c{i}" for i in range(CHANNELS))
    mix = chance.normal(size=(CHANNELS, CHANNELS)) / 4 + np.eye(CHANNELS)
    for number in range(MESSAGES):
        t_ns = START_NS + EVERY_NS * np.arange(number * ROWS, (number + 1) * ROWS, dtype=np.int64)
        frames = []
        for device in range(DEVICES):
            values = 50 + chance.normal(size=(ROWS, CHANNELS)) @ mix
            frames.append(Frame(f"machine-{device}", names, t_ns.tobytes(), values.tobytes()))
        yield pack(Batch("bench", "a" * 32, number + 1, clock_ns=int(t_ns[-1]) + EVERY_NS, frames=tuple(frames)))


def _fill(servers: str) -> None:
    producer = Producer({"bootstrap.servers": servers, "compression.type": "lz4", "message.max.bytes": 8 << 20})
    for body in _bodies():
        producer.produce(INPUTS, key=b"bench", value=body, partition=0)
        producer.poll(0)
        if not len(producer) % 200:
            producer.flush(30)
    assert producer.flush(60) == 0


def _forget(servers: str) -> None:
    """Make the state topic anew: what one worker knows would be repetitions to the next."""
    admin = AdminClient({"bootstrap.servers": servers})
    admin.delete_topics([STATE])[STATE].result(10)
    until(lambda: STATE not in admin.list_topics(timeout=10).topics, within_s=10, what="no state topic")
    Topics(Address(servers=servers)).create(layouts(1))


def _run(kind: str, servers: str, group: str) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.worker", kind, servers, group]
    told = subprocess.run(command, check=True, stdout=subprocess.PIPE, timeout=600)
    result: dict[str, float] = json.loads(told.stdout.splitlines()[-1])
    return result


def _bare(servers: str, group: str) -> dict[str, float]:
    """Read, decode, score: nothing is sent and nothing kept."""
    settings = {"bootstrap.servers": servers, "group.id": group, "enable.auto.commit": False}
    consumer = Consumer({**settings, "fetch.message.max.bytes": 8 << 20})
    consumer.assign([TopicPartition(INPUTS, 0, 0)])
    core = _core()
    state, done = core.cold(), 0
    begun = cpu = 0.0
    while done < MESSAGES:
        messages = consumer.consume(TAKE, 0.02)
        if messages and not begun:
            begun, cpu = time.perf_counter(), time.process_time()
        entries = [Entry(message.offset() or 0, message.value() or b"") for message in messages]
        if entries:
            state, _, _ = attempt(core, state, entries, now_ns=START_NS)
            done += len(entries)
    found = {"wall_s": time.perf_counter() - begun, "cpu_s": time.process_time() - cpu, "core_s": core.spent_s}
    consumer.close()
    return found


def _worker(servers: str, group: str) -> dict[str, float]:
    """The worker as it is, from its first input to the acknowledgement of the last."""
    core = _core()
    bus = KafkaPublisher(Address(servers=servers), client_id="bench")
    worker = Worker(WorkerSettings(servers=servers, group=group, take=TAKE), core=core, bus=bus)
    stop, times = threading.Event(), dict[str, float]()

    def watch() -> None:
        while not worker.health.taken:
            time.sleep(0.001)
        begun, cpu = time.perf_counter(), time.process_time()
        while worker.health.acknowledged < MESSAGES:
            time.sleep(0.005)
        times.update(wall_s=time.perf_counter() - begun, cpu_s=time.process_time() - cpu, core_s=core.spent_s)
        stop.set()

    thread = threading.Thread(target=watch)
    thread.start()
    with bus:
        worker.run(stop)
        thread.join()
    return times


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    print(json.dumps({"bare": _bare, "worker": _worker}[sys.argv[1]](*sys.argv[2:])))
