"""Poison through a whole fleet, and state that was damaged: what is bad is told, and its neighbours go on."""

import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from confluent_kafka import Producer

from benchmarks.poison.campaign import Found, poisoned
from benchmarks.roles import Role
from bus.address import Address
from bus.history import history
from bus.lag import GroupLag
from bus.topics import Topics, layouts
from stream.fleet.records import DONE, MARKER, done, sealed
from tests.servers.kafka import Kafka, kafka
from tests.servers.ports import until
from tests.tocsin.plant import tocsin, told
from wire.envelope import Rejected, pack, unpack_outcome, unpack_outcomes
from wire.messages import Alarm, Batch, DeadLetter, Frame, ModelChange, Origin, Scores
from wire.topics import ALARMS, DEAD, INPUTS, SCORES, STATE

pytestmark = [pytest.mark.server, pytest.mark.slow]
EDGE, LOG = "hall", "a" * 32
BEGUN_NS, EVERY_NS, ROWS = 1_780_000_000_000_000_000, 100_000_000, 20
DEVICES = tuple(f"pump-{number}" for number in range(8))
CONFIG = """\
bus = "kafka://{bus}"
[[devices]]
match = "*"
every = "100ms"
channels.a.limits = {{ H = 80, deadband = 1 }}
"""


def test_all_that_is_bad_is_buried_once_and_all_that_is_good_is_scored_as_without_it(tmp_path: Path) -> None:
    with poisoned(tmp_path, bad=60, good=100) as found:
        assert found == Found(
            inputs=160,
            dead=54,
            good=106,
            lost=0,
            beyond=0,
            unlike=0,
            not_in_influx=0,
            not_in_archive=0,
            exits=0,
            lag_after=0,
        )


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    with kafka(tmp_path_factory.mktemp("kafka")) as server:
        Topics(Address(servers=server.address)).create(layouts(1))
        yield server


@pytest.fixture
def config(broker: Kafka, tmp_path: Path) -> Path:
    path = tmp_path / "tocsin.toml"
    path.write_text(CONFIG.format(bus=broker.address))
    return path


def put(broker: Kafka, topic: str, records: Sequence[tuple[bytes, bytes | None]]) -> None:
    producer = Producer({"bootstrap.servers": broker.address})
    for key, body in records:
        producer.produce(topic, key=key, value=body, partition=0)
    assert producer.flush(20) == 0


def batch(seq: int) -> tuple[bytes, bytes]:
    """Twenty rows of each device; in all of them a limit is passed."""
    t_ns = BEGUN_NS + EVERY_NS * np.arange((seq - 1) * ROWS, seq * ROWS, dtype=np.int64)
    values = 90 + np.random.default_rng(seq).normal(size=ROWS)
    frames = tuple(Frame(name, ("a",), t_ns.tobytes(), values.tobytes()) for name in DEVICES)
    return EDGE.encode(), pack(Batch(EDGE, LOG, seq, clock_ns=int(t_ns[-1]) + EVERY_NS, frames=frames))


def drained(lag: GroupLag) -> bool:
    return all(at.behind == 0 for at in lag.places("tocsin-stream", [INPUTS]).values())


def on(broker: Kafka, topic: str) -> list[bytes]:
    return [record.body for record in history(Address(servers=broker.address), topic)]


def alarms(broker: Kafka) -> list[Alarm]:
    return [alarm for body in on(broker, ALARMS) if isinstance(alarm := unpack_outcome(body), Alarm)]


def flipped(word: bytes) -> bytes:
    return word[:-1] + bytes([word[-1] ^ 1])


def test_damaged_state_starts_its_device_cold_and_rings_and_nobody_else_notices(broker: Kafka, config: Path) -> None:
    lag = GroupLag(Address(servers=broker.address))
    put(broker, INPUTS, [batch(seq) for seq in range(1, 6)])
    with Role("stream", config, name="before") as worker:
        worker.ready()
        until(lambda: drained(lag), what="all scored")
    kept = {record.key: record.body for record in history(Address(servers=broker.address), STATE)}
    keys = {name: next(key for key in kept if key.startswith(f"device/{EDGE}/{name}@".encode())) for name in DEVICES}
    rung = {alarm.device: alarm for alarm in alarms(broker) if alarm.rule == "limit:a:H"}

    damage: dict[str, Callable[[bytes], bytes]] = {
        "pump-0": flipped,
        "pump-1": lambda word: word[: len(word) // 2],
        "pump-2": lambda _: b"",
        "pump-3": lambda _: kept[keys["pump-4"]],  # whole, and another device's
        "pump-5": lambda _: random.Random(1).randbytes(300),
        "pump-6": lambda word: sealed(f"device/{EDGE}/pump-6", flipped(word[4:])),  # what lies inside is damaged
    }
    bad: list[tuple[bytes, bytes | None]] = [(keys[name], spoil(kept[keys[name]])) for name, spoil in damage.items()]
    garbage = [
        b"",
        b"@",
        b"device@1",
        b"device/hall@1",
        b"wish/a/b@7",
        b"\xff\xfe@3",
        b"edge/x@" + b"9" * 5000,
        b"\0what",
    ]
    bad += [(key, b"garbage") for key in garbage]
    bad += [(MARKER, b"garbage"), (MARKER + b"s", b""), (DONE, b"garbage"), (DONE, done(0, 0))]
    put(broker, STATE, bad)

    put(broker, INPUTS, [batch(seq) for seq in range(6, 11)])
    with Role("stream", config, name="after") as worker:
        worker.ready()
        until(lambda: drained(lag), what="all scored")
        assert worker.running()
    lost = {alarm.device for alarm in alarms(broker) if alarm.rule == "state-lost"}
    assert lost == set(damage)
    again = {alarm.device: alarm for alarm in alarms(broker) if alarm.rule == "limit:a:H"}
    assert {name for name in DEVICES if again[name].id == rung[name].id} == set(DEVICES) - lost
    assert scored(broker) >= (len(DEVICES) - len(lost)) * 8 * ROWS


def scored(broker: Kafka) -> int:
    """How many rows of devices that kept their state were scored."""
    opened = [told for body in on(broker, SCORES) if not isinstance(told := unpack_outcomes(body), Rejected)]
    found = [each for told in opened for each in told if isinstance(each, Scores)]
    return sum(len(each.score) // 4 for each in found if each.device in {"pump-4", "pump-7"})


def test_a_letter_given_in_again_works_once_it_can_be_read_and_else_comes_back_once(
    broker: Kafka, config: Path
) -> None:
    lag = GroupLag(Address(servers=broker.address))
    _, body = batch(99)
    readable = DeadLetter(
        Origin("", f"{INPUTS}/0", 4), "inputs", "of a later version", body, size=len(body), t_ns=2**61
    )
    put(broker, DEAD, [(b"", pack(readable))])
    change = pack(ModelChange("m1", "nothing", 7, at_ns=2**60))
    put(broker, INPUTS, [(b"", change)])
    with Role("stream", config, name="third") as worker:
        worker.ready()
        until(lambda: worker.figure("tocsin_stream_dead_letters") == 1, what="the letter about the model")
        listed = told(tocsin("dead", "list", "--json", "-c", config))
        by_body = {str(letter["body"]): str(letter["id"]) for letter in listed}

        again = tocsin("dead", "retry", by_body[body.hex()], "-c", config)
        assert again.stdout == f"{by_body[body.hex()]} was given in again as an input of {EDGE}\n"
        until(lambda: (EDGE.encode(), body) in keyed(broker, INPUTS), what="the batch under its own edge's key")

        assert tocsin("dead", "retry", by_body[change.hex()], "-c", config).exit_code == 0
        until(lambda: worker.figure("tocsin_stream_dead_letters") == 2, what="the letter to come back")
        until(lambda: drained(lag), what="all worked on")
        assert worker.figure("tocsin_stream_dead_letters") == 2
    bodies = [letter.body for record in on(broker, DEAD) if isinstance(letter := unpack_outcome(record), DeadLetter)]
    assert (bodies.count(change), bodies.count(body)) == (2, 1)


def keyed(broker: Kafka, topic: str) -> list[tuple[bytes, bytes]]:
    return [(record.key, record.body) for record in history(Address(servers=broker.address), topic)]
