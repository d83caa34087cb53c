"""The worker against a real Kafka: the same outcomes as the core alone, through kills, poison and damaged state."""

import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]

from bus.address import Address
from bus.publisher import KafkaPublisher
from stream.attempt import attempt
from stream.fleet.outlet import parcels
from stream.fleet.reading import Taken, reader
from stream.fleet.records import DONE, done, sealed
from stream.fleet.settings import WorkerSettings
from stream.fleet.worker import Worker
from stream.inputs import Item, Unreadable
from tests.servers.kafka import Kafka, kafka
from tests.servers.ports import until
from tests.stream.fleet.script import day_core
from tests.stream.plant import T0, lively_day
from wire.envelope import pack, unpack_outcome
from wire.messages import Alarm, Outcome
from wire.topics import ADVICE, ALARMS, DEAD, INPUTS, SCORES, STATE

pytestmark = [pytest.mark.server, pytest.mark.slow]
TOPICS = (INPUTS, STATE, SCORES, ALARMS, ADVICE, DEAD)
KEY = b"hall"
OUTLETS = (SCORES, ALARMS, ADVICE, DEAD)


def bodies(items: Sequence[Item]) -> list[bytes]:
    return [item.body if isinstance(item, Unreadable) else pack(item) for item in items]


def expected(inputs: Sequence[bytes]) -> list[Outcome]:
    core = day_core()
    entries = [Taken(pos, body, KEY) for pos, body in enumerate(inputs)]
    return list(attempt(core, core.cold(), entries, now_ns=T0, read=reader(0))[1].outcomes)


def by_topic(outcomes: Sequence[Outcome]) -> dict[str, list[bytes]]:
    found: dict[str, list[bytes]] = {name: [] for name in OUTLETS}
    for parcel in parcels(outcomes):
        found[parcel.topic].append(parcel.body)
    return found


class Plant:
    """Topics of one partition each, made anew for a test."""

    def __init__(self, broker: Kafka, group: str) -> None:
        self.group = group
        self.servers = broker.address
        admin = AdminClient({"bootstrap.servers": broker.address})
        there = set(admin.list_topics(timeout=10).topics)
        if old := there & set(TOPICS):
            for future in admin.delete_topics(list(old)).values():
                future.result(10)
        until(lambda: not set(TOPICS) & set(admin.list_topics(timeout=10).topics), what="no topics")
        for future in admin.create_topics([NewTopic(name, 1, 1) for name in TOPICS]).values():
            future.result(10)

    def put(self, inputs: Sequence[bytes], topic: str = INPUTS, key: bytes = KEY) -> None:
        producer = Producer({"bootstrap.servers": self.servers})
        for body in inputs:
            producer.produce(topic, key=key, value=body, partition=0)
        assert producer.flush(20) == 0

    def committed(self) -> int:
        consumer = Consumer({"bootstrap.servers": self.servers, "group.id": self.group})
        try:
            return consumer.committed([TopicPartition(INPUTS, 0)], timeout=10)[0].offset
        except KafkaException:  # the group has no coordinator yet
            return -1
        finally:
            consumer.close()

    def until_committed(self, offset: int) -> None:
        until(lambda: self.committed() >= offset, what=f"{offset} inputs acknowledged", within_s=60)

    def records(self, topic: str) -> list[tuple[bytes, bytes]]:
        consumer = Consumer({"bootstrap.servers": self.servers, "group.id": "reader", "enable.auto.commit": False})
        place = TopicPartition(topic, 0, 0)
        try:
            end = consumer.get_watermark_offsets(place, timeout=10)[1]
            consumer.assign([place])
            found: list[tuple[bytes, bytes]] = []
            while len(found) < end and (message := consumer.poll(5)) is not None:
                assert message.error() is None
                key, value = message.key(), message.value()
                assert isinstance(key, bytes)
                assert value is None or isinstance(value, bytes)
                found.append((key, value or b""))
            return found
        finally:
            consumer.close()

    def bodies(self, topic: str) -> list[bytes]:
        return [body for _, body in self.records(topic)]


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    with kafka(tmp_path_factory.mktemp("kafka")) as server:
        yield server


@contextmanager
def working(plant: Plant) -> Iterator[Worker]:
    ends: list[str] = []
    settings = WorkerSettings(servers=plant.servers, group=plant.group, take=50, checkpoint_s=0.2)
    stop = threading.Event()
    with KafkaPublisher(Address(servers=plant.servers), client_id=plant.group) as bus:
        worker = Worker(settings, core=day_core(), bus=bus, clock_ns=lambda: T0, end=lambda why, _: ends.append(why))
        thread = threading.Thread(target=worker.run, args=(stop,))
        thread.start()
        try:
            yield worker
        finally:
            stop.set()
            thread.join(30)
            assert not thread.is_alive()
    assert ends == []


def without_repeats(found: Sequence[bytes]) -> list[bytes]:
    return list(dict.fromkeys(found))


def test_a_day_through_kafka_gives_bit_for_bit_what_the_core_gives(broker: Kafka) -> None:
    plant, inputs = Plant(broker, "day"), bodies(lively_day(1))
    plant.put(inputs)
    with working(plant):
        plant.until_committed(len(inputs))
    wanted = by_topic(expected(inputs))
    assert {name: plant.bodies(name) for name in OUTLETS} == wanted
    assert wanted[ALARMS]
    assert wanted[SCORES]


def test_a_worker_started_anew_goes_on_where_the_last_one_ended(broker: Kafka) -> None:
    plant, inputs = Plant(broker, "anew"), bodies(lively_day(2))
    for part in (inputs[:60], inputs[60:90], inputs[90:]):
        before = max(0, plant.committed())
        plant.put(part)
        with working(plant):
            plant.until_committed(before + len(part))
    assert {name: plant.bodies(name) for name in OUTLETS} == by_topic(expected(inputs))


def test_poison_is_buried_and_its_neighbours_go_on(broker: Kafka) -> None:
    plant, inputs = Plant(broker, "poison"), bodies(lively_day(3, 60))
    poisoned = [body for pair in zip(inputs, (body[:-3] for body in inputs), strict=True) for body in pair]
    plant.put(poisoned)
    with working(plant) as worker:
        plant.until_committed(len(poisoned))
        assert worker.health.dead >= len(inputs)
    assert {name: plant.bodies(name) for name in OUTLETS} == by_topic(expected(poisoned))


def test_a_damaged_record_of_the_state_starts_that_device_cold_and_rings(broker: Kafka) -> None:
    plant, inputs = Plant(broker, "damaged"), bodies(lively_day(4))
    plant.put(inputs[:100])
    with working(plant):
        plant.until_committed(100)
    key = next(key for key, _ in reversed(plant.records(STATE)) if key.startswith(b"device/hall/pump-1@"))
    plant.put([b"damaged"], topic=STATE, key=key)
    plant.put([done(0, 0)], topic=STATE, key=DONE)
    plant.put(inputs[100:])
    with working(plant):
        plant.until_committed(len(inputs))
    alarms = [unpack_outcome(body) for body in plant.bodies(ALARMS)]
    assert any(isinstance(alarm, Alarm) and alarm.device == "pump-1" and alarm.rule == "state-lost" for alarm in alarms)


def test_a_worker_told_to_end_while_it_begins_ends(broker: Kafka) -> None:
    with working(Plant(broker, "brief")) as worker:
        assert worker.health.taken == 0


def test_a_checkpoint_cut_off_in_the_middle_does_not_count(broker: Kafka) -> None:
    plant, inputs = Plant(broker, "torn"), bodies(lively_day(4))
    plant.put(inputs[:100])
    with working(plant):
        plant.until_committed(100)
    for name in ("device/hall/pump-1", "edge/hall"):
        key = next(key for key, _ in reversed(plant.records(STATE)) if key.startswith(f"{name}@".encode()))
        plant.put([sealed(name, ahead(inputs[:150], name))], topic=STATE, key=key)
    plant.put(inputs[100:])
    with working(plant):
        plant.until_committed(len(inputs))
    assert {name: plant.bodies(name) for name in OUTLETS} == by_topic(expected(inputs))


def ahead(inputs: Sequence[bytes], name: str) -> bytes:
    """The record that a worker would write after these inputs."""
    core = day_core()
    entries = [Taken(pos, body, KEY) for pos, body in enumerate(inputs)]
    return core.dump(attempt(core, core.cold(), entries, now_ns=T0, read=reader(0))[0])[name]


def test_a_worker_killed_again_and_again_loses_nothing_and_repeats_are_equal(broker: Kafka) -> None:
    plant, inputs = Plant(broker, "killed"), bodies(lively_day(5, 600))
    done = len(inputs)
    plant.put(inputs[: done // 4])
    command = [sys.executable, "-m", "tests.stream.fleet.script", plant.servers, plant.group]
    for part in (1, 2, 3):
        with subprocess.Popen(command, cwd=Path(__file__).parents[3], stderr=subprocess.DEVNULL) as worker:
            plant.until_committed((part - 1) * done // 4 + 1)
            plant.put(inputs[part * done // 4 : (part + 1) * done // 4])
            plant.until_committed(part * done // 4 + 1)
            worker.kill()
    with working(plant):
        plant.until_committed(done)
    wanted = by_topic(expected(inputs))
    assert {name: without_repeats(plant.bodies(name)) for name in OUTLETS} == {
        name: without_repeats(found) for name, found in wanted.items()
    }
