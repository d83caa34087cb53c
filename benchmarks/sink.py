"""The sink from Kafka into InfluxDB against the most that the same InfluxDB takes of lines that are written already.

InfluxDB has a core of its own first, as it has a machine of its own in a fleet, and Kafka and the sink have another.
Then all of them share all cores (`sink.shared`), and whatever the sink does is taken from InfluxDB.

Rows of 8 channels, 100 devices with 4 rows a message, as an edge cuts them. The test server's InfluxDB 1.6 has no
`/api/v2/write`; lines go to its `/write` here, so that no stand-in for that endpoint is measured.
"""

import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np
import urllib3
from confluent_kafka import Producer
from influxdb_client.service.write_service import WriteService

from benchmarks.report import Figure, figure
from bus.address import Address
from bus.feed import KafkaFeed
from bus.publisher import KafkaPublisher
from bus.topics import Topics, layouts
from store.influx.address import parse
from store.influx.client import InfluxClient, packed
from store.influx.lines import Lines
from store.influx.load import TOPICS
from store.influx.sink import Sink
from tests.servers.influx import Influx, influx
from tests.servers.kafka import kafka
from wire.envelope import pack, unpack_input
from wire.messages import Batch, Frame
from wire.ports import Feed, Record
from wire.topics import INPUTS

DEVICES, CHANNELS, ROWS = 100, 8, 4
MESSAGES = 800
EVERY_NS = 100_000_000
START_NS = 1_780_000_000_000_000_000
TOTAL = DEVICES * ROWS * MESSAGES
ROUNDS = 3


def measure() -> list[Figure]:
    """Rows a second of both, alternating; medians. First InfluxDB has a core, all else another; then all share all."""
    bodies = list(_bodies())
    figures = [figure("sink.encoded_rows_per_s", _encoded(bodies), "rows/s")]
    with TemporaryDirectory(prefix="tocsin-sink-") as name, kafka(Path(name) / "kafka") as broker:
        Topics(Address(servers=broker.address)).create(layouts(4))
        _fill(broker.address, bodies)
        with influx(Path(name) / "influx") as server:
            ways = _ways(bodies, server)
            every = os.sched_getaffinity(0)
            with _cores({server.pid: {min(every)}}, rest={max(every)}):
                figures += _compared("sink", ways, broker.address, server)
            figures += _compared("sink.shared", ways, broker.address, server)
    return figures


def _compared(name: str, ways: Mapping[str, Callable[[], None]], servers: str, server: Influx) -> list[Figure]:
    bare: dict[str, list[float]] = {way: [] for way in ways}
    sunk: list[float] = []
    for number in range(ROUNDS):
        for way, run in ways.items():
            bare[way].append(TOTAL / _timed(run, server))
        sunk.append(TOTAL / _sink(servers, server, f"{name}-{number}"))
    highest = max(median(each) for each in bare.values())
    return [
        *(figure(f"{name}.influx_rows_per_s.{way}", median(each), "rows/s") for way, each in bare.items()),
        figure(f"{name}.rows_per_s", median(sunk), "rows/s", highest),
        figure(f"{name}.rows_ratio", median(sunk) / highest, "", 0.8),
    ]


@contextmanager
def _cores(known: Mapping[int, set[int]], *, rest: set[int]) -> Iterator[None]:
    """Keep processes on cores: some on their own, this one and its other children on the rest."""
    before = os.sched_getaffinity(0)
    children = {int(pid) for at in Path("/proc/self/task").glob("*/children") for pid in at.read_text().split()}
    wanted = {**dict.fromkeys({os.getpid(), *children}, rest), **known}
    try:
        _keep(wanted)
        yield
    finally:
        _keep(dict.fromkeys(wanted, before))


def _keep(wanted: Mapping[int, set[int]]) -> None:
    for pid, cores in wanted.items():
        for thread in Path(f"/proc/{pid}/task").iterdir():
            os.sched_setaffinity(int(thread.name), cores)


def _bodies() -> Iterator[bytes]:
    chance = np.random.default_rng(5)
    names = tuple(f"c{i}" for i in range(CHANNELS))
    for number in range(MESSAGES):
        t_ns = START_NS + EVERY_NS * np.arange(number * ROWS, (number + 1) * ROWS, dtype=np.int64)
        frames = [
            Frame(f"machine-{device}", names, t_ns.tobytes(), chance.normal(50, 5, (ROWS, CHANNELS)).round(4).tobytes())
            for device in range(DEVICES)
        ]
        edge = f"edge-{number % 4}"
        yield pack(Batch(edge, "a" * 32, number // 4 + 1, clock_ns=int(t_ns[-1]), frames=tuple(frames)))


def _fill(servers: str, bodies: Sequence[bytes]) -> None:
    producer = Producer({"bootstrap.servers": servers, "compression.type": "lz4", "message.max.bytes": 8 << 20})
    for number, body in enumerate(bodies):
        producer.produce(INPUTS, key=b"bench", value=body, partition=number % 4)
        if not number % 100:
            producer.flush(30)
    assert producer.flush(60) == 0


def _lines(bodies: Sequence[bytes]) -> bytes:
    encode = Lines("bench")
    messages = [unpack_input(body) for body in bodies]
    return b"".join(encode.of(message) for message in messages if isinstance(message, Batch))


def _encoded(bodies: Sequence[bytes]) -> float:
    """Rows a second through decoding and encoding alone."""
    begun = time.perf_counter()
    _lines(bodies)
    return TOTAL / (time.perf_counter() - begun)


def _ways(bodies: Sequence[bytes], server: Influx) -> dict[str, Callable[[], None]]:
    """Lines in requests of 8000, plain or compressed, over one or two connections."""
    plain = [_lines(bodies[at : at + 20]) for at in range(0, MESSAGES, 20)]
    small = [packed(body) for body in plain]

    def way(requests: Sequence[bytes], connections: int, encoding: str) -> Callable[[], None]:
        writer = _Writer(server, encoding)

        def run() -> None:
            with ThreadPoolExecutor(connections) as pool:
                list(pool.map(writer.post, requests))

        return run

    return {
        f"{kind}_{connections}": way(requests, connections, encoding)
        for kind, requests, encoding in (("plain", plain, ""), ("gzip", small, "gzip"))
        for connections in (1, 2)
    }


def _timed(run: Callable[[], None], server: Influx) -> float:
    _empty(server)
    begun = time.perf_counter()
    run()
    return time.perf_counter() - begun


def _empty(server: Influx) -> None:
    with InfluxClient(parse(server.url("bench"), server.environ)) as client:
        client.execute("DROP DATABASE bench")
        client.execute("CREATE DATABASE bench")


class _Writer:
    """Posts to InfluxDB 1.6 itself; stands where the client's writer does."""

    def __init__(self, server: Influx, encoding: str = "") -> None:
        self._http = urllib3.PoolManager(maxsize=4, retries=False)
        self._url = f"http://127.0.0.1:{server.direct}/write?db=bench&precision=ns"
        self._headers = {"Content-Encoding": encoding} if encoding else {}

    def post(self, body: bytes) -> int:
        answer = self._http.request("POST", self._url, body=body, headers=self._headers)
        if answer.status >= 300:
            raise RuntimeError(answer.data)
        return int(answer.status)


class _Direct(InfluxClient):
    """The store's client, its bytes sent past the proxy."""

    def __init__(self, server: Influx) -> None:
        super().__init__(parse(server.url("bench"), server.environ))
        self._past = _Writer(server)

    def _put(self, writer: WriteService, body: bytes) -> int:
        del writer
        return self._past.post(body)


class _Timed:
    """A feed that knows when its first record came and when the last was committed."""

    def __init__(self, feed: Feed, stop: threading.Event) -> None:
        self._feed = feed
        self._stop = stop
        self._ends: dict[int, int] = {}
        self.begun_s = self.took_s = 0.0

    def read(self, *, limit: int, wait_s: float) -> list[Record]:
        records = self._feed.read(limit=limit, wait_s=wait_s)
        if records and not self.begun_s:
            self.begun_s = time.perf_counter()
        return records

    def commit(self, records: Sequence[Record]) -> None:
        self._feed.commit(records)
        self._ends |= {record.partition: record.offset + 1 for record in records}
        if sum(self._ends.values()) == MESSAGES:
            self.took_s = time.perf_counter() - self.begun_s
            self._stop.set()


def _sink(servers: str, server: Influx, group: str) -> float:
    """Seconds from the first record to the commit of the last."""
    _empty(server)
    stop, address, timed = threading.Event(), Address(servers=servers), list[_Timed]()

    @contextmanager
    def feeds() -> Iterator[Feed]:
        with KafkaFeed(address, group=group, topics=TOPICS) as feed:
            timed.append(_Timed(feed, stop))
            yield timed[-1]

    with _Direct(server) as client, KafkaPublisher(address, client_id="bench") as publisher:
        sink = Sink(client, feeds=feeds, publisher=publisher, site="bench")
        sink.run(stop)
        stored = client.query("SELECT count(c0) FROM readings")[0].values[0][1]
    assert (sink.health.lines, stored, sink.health.dead) == (TOTAL, TOTAL, 0)
    return timed[-1].took_s
