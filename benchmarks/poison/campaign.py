"""Poison among good inputs, through two workers, a sink and an archive: what became of each, and of its neighbours."""

import os
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

import duckdb
import msgspec
import numpy as np
from confluent_kafka import Message, Producer

from benchmarks.poison.kinds import Dose, Fate, Poison, poison
from benchmarks.processes import until
from benchmarks.report import Figure, figure
from benchmarks.roles import Role
from bus.address import Address
from bus.history import history
from bus.lag import GroupLag
from bus.topics import Topics, layouts
from models.selflearning.online import Online
from store.archive.manifest import Manifest
from store.archive.place import place
from store.influx.address import parse
from store.influx.client import InfluxClient
from store.influx.setup import init
from stream.core import Core
from stream.fleet.outlet import parcels
from stream.models.detectors import Shelf
from tests.servers.influx import influx
from tests.servers.kafka import kafka
from wire.envelope import pack, unpack_input, unpack_outcome
from wire.messages import Batch, DeadLetter, Frame
from wire.settings import load
from wire.topics import DEAD, INPUTS, SCORES

EDGES = ("edge-19", "edge-2", "edge-9", "edge-4", "edge-1")  # by murmur2 one in each of five partitions
PARTITIONS = len(EDGES)
DEVICES, ROWS, EVERY_NS = 2, 10, 100_000_000
BEGUN_NS = 1_780_000_000_000_000_000
DONE_S = 300.0
CONFIG = """\
site = "poisoned"
bus = "kafka://{kafka}"
store = "{influx}"
archive = "{archive}"
[[devices]]
match = "m-*"
every = "100ms"
channels.a.limits = {{ H = 53, deadband = 1 }}
[retention]
readings = "36500d"
"""
At = tuple[int, int]
_What = TypeVar("_What")


class Found(msgspec.Struct, frozen=True):
    """What became of it: all but the first three have to be 0."""

    inputs: int
    dead: int
    good: int
    lost: int  # bad ones that are no dead letter, or more than one
    beyond: int  # dead letters of inputs that were not bad
    unlike: int  # good inputs whose scores are not those of a plant without poison
    not_in_influx: int
    not_in_archive: int
    exits: int
    lag_after: int


class Put(msgspec.Struct):
    """What was given in, by its place on the bus."""

    bad: dict[At, tuple[str, Poison]] = {}
    good: dict[At, bytes] = {}


def measure() -> list[Figure]:
    """The whole campaign."""
    with TemporaryDirectory(prefix="tocsin-poison-") as folder, poisoned(Path(folder), bad=1000, good=2000) as found:
        print(msgspec.json.encode(found).decode(), flush=True)
    return [
        figure("poison.inputs", found.inputs, "inputs"),
        figure("poison.dead", found.dead, "inputs"),
        figure("poison.lost", found.lost + found.beyond, "inputs"),
        figure("poison.unlike", found.unlike + found.not_in_influx + found.not_in_archive, "inputs"),
        figure("poison.exits", found.exits, "processes"),
        figure("poison.lag_after", found.lag_after, "inputs"),
    ]


@contextmanager
def poisoned(folder: Path, *, bad: int, good: int) -> Iterator[Found]:
    """Give poison in among good inputs and count; the broker still runs inside."""
    with ExitStack() as stack:
        bus, store = stack.enter_context(kafka(folder / "kafka")), stack.enter_context(influx(folder / "influx"))
        os.environ.update(store.environ)
        stack.callback(lambda: [os.environ.pop(name, None) for name in store.environ])
        address = Address(servers=bus.address)
        Topics(address).create(layouts(PARTITIONS))
        config = folder / "tocsin.toml"
        config.write_text(CONFIG.format(kafka=bus.address, influx=store.url("poison"), archive=folder / "archive"))
        init(parse(store.url("poison"), os.environ), load(config).config.retention)
        roles = [Role("stream", config, "--instance", name, name=name) for name in ("worker-1", "worker-2")]
        roles += [Role(role, config, "--instance", role) for role in ("sink", "archive")]
        with ExitStack() as running:
            for role in roles:
                running.enter_context(role)
            for role in roles:
                role.ready()
            put = give_in(address, bad=bad, good=good)
            lag = drained(address, roles, put)
            exits = sum(not role.running() for role in roles)
        yield account(address, put, config, exits=exits, lag=lag)


def give_in(address: Address, *, bad: int, good: int) -> Put:
    """Mix good batches of some edges with poison under the same keys, always the same for the same numbers."""
    chance, put, batches = random.Random(4), Put(), list(good_batches(good))
    producer = Producer(
        {
            **address.settings(),
            "enable.idempotence": True,
            "partitioner": "murmur2_random",
            "message.max.bytes": 8 << 20,
        }
    )
    for number in range(max(bad, len(batches))):
        if number < len(batches):
            key, body = batches[number]
            _produce(producer, key, body, put.good, body)
        if number < bad:
            key, body = batches[number % len(batches)]
            name, dose = poison(Dose(random.Random(chance.random()), body, key, number))
            _produce(producer, dose.key, dose.body, put.bad, (name, dose))
    left = producer.flush(60)
    assert left == 0, f"{left} inputs were not taken"
    return put


def good_batches(count: int) -> Iterator[tuple[bytes, bytes]]:
    """Batches of the edges in turn, with their keys."""
    for number in range(count):
        edge, seq = EDGES[number % len(EDGES)], number // len(EDGES) + 1
        t_ns = BEGUN_NS + EVERY_NS * np.arange((seq - 1) * ROWS, seq * ROWS, dtype=np.int64)
        chance = np.random.default_rng(number)
        frames = tuple(
            Frame(f"m-{edge}-{device}", ("a", "b"), t_ns.tobytes(), (50 + chance.normal(size=(ROWS, 2))).tobytes())
            for device in range(DEVICES)
        )
        yield edge.encode(), pack(Batch(edge, "f" * 32, seq, clock_ns=int(t_ns[-1]) + EVERY_NS, frames=frames))


def _produce(producer: Producer, key: bytes, body: bytes | None, into: dict[At, _What], what: _What) -> None:
    def told(error: object, message: Message) -> None:
        assert error is None, error
        into[message.partition() or 0, message.offset() or 0] = what

    producer.produce(INPUTS, key=key, value=body, on_delivery=told)
    producer.poll(0)


def drained(address: Address, roles: Sequence[Role], put: Put) -> int:
    """Wait until everybody has read to the end; how far the workers are behind then."""
    lag, total = GroupLag(address), len(put.good) + len(put.bad)

    def behind() -> int:
        groups = {"tocsin-stream": [INPUTS], "tocsin-sink": [INPUTS, SCORES, DEAD]}
        return sum(at.behind for group, topics in groups.items() for at in lag.places(group, topics).values())

    archive = roles[-1]
    until(lambda: behind() == 0 or not _alive(roles), within_s=DONE_S, what="the workers and the sink", every_s=0.2)
    until(
        lambda: archive.figure("tocsin_archive_records") >= total or not _alive(roles),
        within_s=DONE_S,
        what="the archive",
        every_s=0.2,
    )
    return behind()


def _alive(roles: Sequence[Role]) -> bool:
    return all(role.running() for role in roles)


def account(address: Address, put: Put, config: Path, *, exits: int, lag: int) -> Found:
    """What came of each input, from what is on the bus, in InfluxDB and in the archive."""
    letters = [
        letter for record in history(address, DEAD) if isinstance(letter := unpack_outcome(record.body), DeadLetter)
    ]
    wanted = Counter(_name(at, dose) for at, (_, dose) in put.bad.items() if dose.fate is not Fate.TAKEN)
    named = Counter(_told(letter) for letter in letters if letter.source != "sink")
    lost = {name: count for name, count in wanted.items() if named[name] != count}
    kinds = {_name(at, dose): kind for at, (kind, dose) in put.bad.items()}
    for name in lost:
        print(f"{kinds[name]}: {named[name]} dead letters", flush=True)
    beyond = sum(count for name, count in named.items() if name not in wanted)
    rows, numbers = len(put.good) * ROWS * DEVICES, load(config).config
    with InfluxClient(parse(numbers.store, os.environ)) as client:
        found = client.query("SELECT count(a) FROM readings WHERE device =~ /^m-/")
    stored = int(found[0].rows()[0]["count"] or 0) if found else 0
    return Found(
        inputs=len(put.bad) + len(put.good),
        dead=sum(named.values()),
        good=len(put.good) + sum(dose.fate is Fate.TAKEN for _, dose in put.bad.values()),
        lost=len(lost),
        beyond=beyond,
        unlike=unlike(address, put, config),
        not_in_influx=rows - stored,
        not_in_archive=rows - _archived(numbers.archive),
        exits=exits,
        lag_after=lag,
    )


def _name(at: At, dose: Poison) -> str:
    """How a dead letter names an input: by its place on the bus, or by what it says where that can be read."""
    return f"{INPUTS}/{at[0]}/{at[1]}" if dose.fate is Fate.BURIED else (dose.body or b"").hex()


def _told(letter: DeadLetter) -> str:
    at = f"{letter.origin.log}/{letter.origin.seq}"
    return at if at.startswith(INPUTS) else letter.body.hex()


def unlike(address: Address, put: Put, config: Path) -> int:
    """Records of scores of the good edges that are not, to the byte, those of a plant without poison."""
    wanted = Counter[bytes]()
    for edge in EDGES:
        core = Core(load(config).config, Shelf([Online()]))
        state = core.cold()
        batches = [
            item for body in put.good.values() if isinstance(item := unpack_input(body), Batch) and item.edge == edge
        ]
        for batch in sorted(batches, key=lambda each: each.seq):
            state, outcomes = core.step(state, [(0, batch)])
            wanted.update(parcel.body for parcel in parcels(outcomes.outcomes) if parcel.topic == SCORES)
    said = Counter(record.body for record in history(address, SCORES) if record.key.decode() in EDGES)
    return sum(((wanted - said) + (said - wanted)).values())


def _archived(folder: str) -> int:
    manifest = Manifest(place(folder))
    cuts = [*manifest.cuts(), *manifest.open_cuts()]
    files = [str(Path(folder) / part.name) for cut in cuts for part in cut.files if part.devices]
    query = "SELECT count(*) FROM read_parquet(?) WHERE channel = 'a' AND device LIKE 'm-%'"
    return int(duckdb.execute(query, [files]).fetchall()[0][0])
