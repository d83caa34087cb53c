"""The sink against the real InfluxDB: nothing lost, nothing doubled, whatever either of them does."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import msgspec
import numpy as np
import pytest

from store.influx.address import parse
from store.influx.client import InfluxClient, Value
from store.influx.health import SinkHealth
from store.influx.reading.book import Book
from store.influx.reading.reader import FleetReader
from store.influx.reporter import Reporter
from store.influx.sink import Sink
from tests.servers.influx import Influx, influx
from tests.servers.ports import until
from tests.store.benches import advice, beside, label, over, run
from tests.store.influx.fakes import Bus
from wire.envelope import pack, unpack_outcome
from wire.messages import Alarm, AlarmState, Batch, DeadLetter, Frame, Gap, Origin, Priority
from wire.ports import Feed, Record
from wire.topics import ADVICE, ALARMS, DEAD, INPUTS, SCORES

pytestmark = pytest.mark.server
AT = 1_780_000_000 * 10**9
LATER_S = 10_000_000  # another shard, where the field is a text already
ORIGIN = Origin(edge="edge-1", log="0" * 32, seq=1)
TOPICS = (INPUTS, SCORES, ALARMS, ADVICE, DEAD)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Influx]:
    with influx(tmp_path_factory.mktemp("influx")) as there:
        yield there


@pytest.fixture
def client(server: Influx, request: pytest.FixtureRequest) -> Iterator[InfluxClient]:
    server.faults.clear()
    name = f"db_{abs(hash(request.node.name))}"
    with InfluxClient(parse(server.url(name), server.environ)) as there:
        there.execute(f'CREATE DATABASE "{name}"')
        yield there


def batch(seq: int, rows: int = 10, *, device: str = "pump-1", channel: str = "a") -> bytes:
    times = np.arange(AT + seq * 10**9, AT + seq * 10**9 + rows, dtype="<i8").tobytes()
    values = np.full(rows, float(seq), "<f8").tobytes()
    frame = Frame(device=device, channels=(channel,), t_ns=times, values=values)
    return pack(Batch(edge="edge-1", log="0" * 32, seq=seq, clock_ns=AT, frames=(frame,)))


def alarm(version: int, state: AlarmState, device: str = "pump-1") -> bytes:
    return pack(
        Alarm(
            id=f"a-{device}",
            origin=ORIGIN,
            edge="edge-1",
            device=device,
            rule="anomaly",
            version=version,
            state=state,
            priority=Priority.HIGH,
            onset_ns=AT,
            changed_ns=AT + version,
            summary="It rings",
        )
    )


@contextmanager
def working(bus: Bus, client: InfluxClient) -> Iterator[Sink]:
    sink = Sink(client, feeds=lambda: bus.feed(*TOPICS), publisher=bus, site="hall")
    stop = threading.Event()
    thread = threading.Thread(target=sink.run, args=(stop,))
    thread.start()
    try:
        yield sink
    finally:
        stop.set()
        thread.join(30)
        assert not thread.is_alive()


def count(client: InfluxClient, what: str = "count(a) FROM readings") -> int:
    found = client.query(f"SELECT {what}")
    value = found[0].values[0][1] if found else 0
    assert isinstance(value, int | float)
    return int(value)


def rows(client: InfluxClient, measurement: str) -> list[dict[str, Value]]:
    return [row for series in client.query(f'SELECT * FROM "{measurement}"') for row in series.rows()]


def test_everything_is_stored_and_committed_and_a_repeat_changes_nothing(client: InfluxClient) -> None:
    bus = Bus()
    for seq in range(1, 301):
        bus.put(INPUTS, batch(seq))
    with working(bus, client) as sink:
        until(lambda: bus.behind() == 0, what="everything to be committed")
    assert sink.health.lines == 3000
    assert count(client) == 3000
    bus.committed.clear()
    with working(bus, client):
        until(lambda: bus.behind() == 0, what="everything to be committed again")
    assert count(client) == 3000
    assert DEAD not in bus.topics


@pytest.mark.parametrize("status", [503, 429, 500, 401, 404])
def test_while_it_takes_nothing_all_is_kept_and_comes_after(server: Influx, client: InfluxClient, status: int) -> None:
    bus = Bus()
    server.faults.set(status, retry_after="0")
    for seq in range(1, 101):
        bus.put(INPUTS, batch(seq))
    with working(bus, client) as sink:
        until(lambda: bool(sink.health.trouble), what="the trouble to be told")
        assert bus.committed == {}
        if status in {401, 404}:
            return  # looked at again after 20 s
        server.faults.clear()
        until(lambda: bus.behind() == 0, what="everything to be committed")
        assert sink.health.trouble == ""
    assert count(client) == 1000
    assert DEAD not in bus.topics


def test_what_is_asked_for_by_retry_after_is_waited_for(server: Influx, client: InfluxClient) -> None:
    bus = Bus()
    server.faults.set(429, count=1, retry_after="1")
    before = server.faults.writes
    bus.put(INPUTS, batch(1))
    with working(bus, client) as sink:
        until(lambda: sink.health.tries == 1, what="the first try")
        until(lambda: bus.behind() == 0, what="everything to be committed")
    assert server.faults.writes - before == 2


def test_an_influxdb_that_is_gone_and_comes_back_lost_nothing(server: Influx, client: InfluxClient) -> None:
    bus = Bus()
    bus.put(INPUTS, batch(1))
    with working(bus, client) as sink:
        until(lambda: bus.behind() == 0, what="the first")
        server.vanish()
        server.kill()
        for seq in range(2, 201):
            bus.put(INPUTS, batch(seq))
        until(lambda: "takes nothing now" in sink.health.trouble, what="the trouble to be told")
        server.start()
        server.appear()
        until(lambda: bus.behind() == 0, what="everything to be committed")
    assert count(client) == 2000


def test_a_refused_line_becomes_a_dead_letter_and_its_neighbours_are_stored(client: InfluxClient) -> None:
    client.write(b'readings,device=odd,edge=edge-1,site=hall a="text" 1790000000000000000\n')
    bus, bad = Bus(), 57
    for seq in range(1, 101):
        bus.put(INPUTS, batch(seq) if seq != bad else batch(LATER_S, rows=1))
    bus.refusals = 1
    with working(bus, client) as sink:
        until(lambda: bus.behind() == 0, what="everything to be committed")
    assert sink.health.dead == 1
    (record,) = bus.topics[DEAD]
    letter = unpack_outcome(record.body)
    assert isinstance(letter, DeadLetter)
    assert "conflict" in letter.reason
    assert letter.body.startswith(b"readings,device=pump-1")
    assert letter.origin.seq == LATER_S
    assert count(client, "count(a) FROM readings WHERE device = 'pump-1'") == 990
    assert [row["source"] for row in rows(client, "dead")] == ["sink"]


def test_a_request_that_is_too_large_is_halved(server: Influx, client: InfluxClient) -> None:
    bus = Bus()
    server.faults.set(413, count=2)
    bus.put(INPUTS, batch(1, rows=100))
    with working(bus, client) as sink:
        until(lambda: bus.behind() == 0, what="everything to be committed")
    assert (sink.health.lines, sink.health.dead) == (100, 0)
    assert count(client) == 100


def test_a_refusal_that_blames_no_line_buries_none(server: Influx, client: InfluxClient) -> None:
    bus = Bus()
    server.faults.set(400)
    bus.put(INPUTS, batch(1, rows=8))
    with working(bus, client) as sink:
        until(lambda: "refuses every line" in sink.health.trouble, what="the trouble to be told")
        server.faults.clear()
        until(lambda: bus.behind() == 0, what="everything to be committed")
    assert (sink.health.dead, sink.health.trouble) == (0, "")
    assert count(client) == 8


def test_a_refused_line_about_a_dead_letter_is_counted_and_never_a_new_one(client: InfluxClient) -> None:
    client.write(b'dead,site=hall,source=serial-1 count="many" 1780000000000000001\n')
    bus = Bus()
    bus.put(DEAD, pack(DeadLetter(origin=ORIGIN, source="serial-1", reason="no number", body=b"x", t_ns=AT)))
    with working(bus, client) as sink:
        until(lambda: bus.behind() == 0, what="everything to be committed")
    assert (sink.health.lost_letters, sink.health.dead) == (1, 0)
    assert len(bus.topics[DEAD]) == 1


def test_what_cannot_be_read_is_buried_once_by_the_one_who_has_to(client: InfluxClient) -> None:
    bus = Bus()
    for topic in TOPICS:
        bus.put(topic, b"no envelope")
    bus.put(ALARMS, b"", key=b"edge-1/pump-1/anomaly")
    with working(bus, client) as sink:
        until(lambda: bus.behind() == 0, what="everything to be committed")
    assert (sink.health.unread, sink.health.dead) == (5, 3)
    letters = [unpack_outcome(record.body) for record in bus.topics[DEAD]]
    assert [letter.origin.log for letter in letters if isinstance(letter, DeadLetter)] == [
        f"{topic}/0" for topic in (SCORES, ALARMS, ADVICE)
    ]
    assert len(rows(client, "dead")) == 3


def test_lines_older_than_the_bucket_keeps_are_counted_and_stop_nothing(client: InfluxClient) -> None:
    client.execute(f'ALTER RETENTION POLICY "autogen" ON "{client.address.database}" DURATION 1h SHARD DURATION 1h')
    bus = Bus()
    old = msgspec.structs.replace(Gap(device="p", from_ns=10**9, to_ns=2 * 10**9, rows=3, reason="old"))
    bus.put(INPUTS, pack(Batch(edge="edge-1", log="0" * 32, seq=1, clock_ns=AT, events=(old,))))
    with working(bus, client) as sink:
        until(lambda: bus.behind() == 0, what="everything to be committed")
    assert (sink.health.expired, sink.health.dead) == (1, 0)


def test_a_hole_is_told_and_read_again_from_what_is_committed(client: InfluxClient) -> None:
    bus = Bus()
    bus.put(INPUTS, batch(1))
    bus.put(INPUTS, batch(2), skip=3)
    bus.put(ALARMS, alarm(1, AlarmState.UNACKNOWLEDGED))
    bus.put(ALARMS, alarm(2, AlarmState.ACKNOWLEDGED), skip=5)
    with working(bus, client) as sink:
        until(lambda: bus.behind() == 0, what="everything to be committed")
    assert (sink.health.holes, bus.joins) == (1, 2)
    assert count(client) == 20
    assert len(rows(client, "alarms")) == 2


def test_active_alarms_are_rewritten_while_they_stand_and_get_one_last_nought(client: InfluxClient) -> None:
    bus, stop, health = Bus(), threading.Event(), Sink(client, feeds=Bus().feed, publisher=Bus(), site="hall").health
    key = b"edge-1/pump-1/anomaly"
    reporter = Reporter(
        client,
        alarms=lambda: bus.feed(ALARMS, commits=False),
        lag=lambda: 7.0,
        health=health,
        others=lambda: {("stream", "worker-1"): {"lag": 3.0, "running": 1.0}},
        channels=lambda lines, at_ns: lines.limit("edge-1", "pump", "limit:temperature:HH", 85.0, at_ns=at_ns),
        site="hall",
        instance="sink-1",
        rewrite_s=0.1,
        report_s=0.1,
        channels_s=0.1,
    )
    bus.put(ALARMS, alarm(1, AlarmState.UNACKNOWLEDGED), key=key)
    bus.put(ALARMS, alarm(1, AlarmState.UNACKNOWLEDGED, "pump-2"), key=b"edge-1/pump-2/anomaly")
    thread = threading.Thread(target=reporter.run, args=(stop,))
    thread.start()
    last = "last(active) FROM active_alarms WHERE device = 'pump-1'"
    try:
        until(lambda: count(client, last) == 1, what="the alarm to stand")
        client.execute(f'DROP DATABASE "{client.address.database}"')
        client.execute(f'CREATE DATABASE "{client.address.database}"')
        until(lambda: count(client, last) == 1, what="the alarm to be written again")
        bus.put(ALARMS, alarm(2, AlarmState.RETURNED), key=key)
        until(lambda: count(client, last) == 0, what="the last nought")
        assert health.active_alarms == 1
    finally:
        stop.set()
        thread.join(20)
    pipeline = rows(client, "pipeline")
    assert {(row["device"], row["rule"], row["limit"]) for row in rows(client, "limits")} == {
        ("pump", "limit:temperature:HH", 85.0)
    }
    by_role = {role: [row for row in pipeline if row["role"] == role] for role in ("sink", "stream")}
    assert len(pipeline) == sum(map(len, by_role.values()))
    assert (by_role["sink"][0]["lag"], by_role["sink"][-1]["running"]) == (7, 0)
    told = by_role["stream"][0]
    assert (told["instance"], told["lag"], told["running"]) == ("worker-1", 3, 1)
    assert health.failure == ""


class Storm:
    """A feed of alarms on which the second machine changes with every look."""

    def __init__(self, bus: Bus, feed: Feed) -> None:
        self._bus, self._feed = bus, feed
        self._version = 0

    def read(self, *, limit: int, wait_s: float) -> list[Record]:
        self._version += 1
        state = AlarmState.UNACKNOWLEDGED if self._version % 2 else AlarmState.RETURNED
        self._bus.put(ALARMS, alarm(self._version, state, "pump-2"), key=b"edge-1/pump-2/anomaly")
        return self._feed.read(limit=limit, wait_s=wait_s)

    def commit(self, records: Sequence[Record]) -> None:
        self._feed.commit(records)


def test_alarms_that_stand_are_rewritten_while_others_never_rest(client: InfluxClient) -> None:
    bus, stop = Bus(), threading.Event()
    bus.put(ALARMS, alarm(1, AlarmState.UNACKNOWLEDGED), key=b"edge-1/pump-1/anomaly")

    @contextmanager
    def storm() -> Iterator[Feed]:
        with bus.feed(ALARMS, commits=False) as feed:
            yield Storm(bus, feed)

    reporter = Reporter(client, alarms=storm, lag=lambda: 0.0, health=SinkHealth(), site="hall", instance="sink-1")
    thread = threading.Thread(target=reporter.run, args=(stop,))
    thread.start()
    try:
        last = "last(active) FROM active_alarms WHERE device = 'pump-1'"
        until(lambda: count(client, last) == 1, what="the alarm to be written")
    finally:
        stop.set()
        thread.join(20)


def test_what_became_of_runs_and_what_was_said_of_them_is_stored_and_a_repeat_changes_nothing(
    client: InfluxClient,
) -> None:
    bus, site = Bus(), FleetReader(client, book=Book, site="hall")
    done, mark = over("r1", "fail"), label("l1", run="r1")
    for message in (run("r1"), advice("r1", "S01", 1), beside("r1", "S01", 1), done, mark, run("r1"), mark):
        bus.put(ADVICE, pack(message))
    with working(bus, client):
        until(lambda: bus.behind() == 0, what="everything to be committed")
    assert site.runs() == [done]
    assert site.advice("edge", "r1") == [advice("r1", "S01", 1)]
    assert site.advice("edge", "r1", "candidate") == [beside("r1", "S01", 1)]
    assert site.labels() == [mark]
    assert [len(rows(client, name)) for name in ("runs", "advice", "shadow_advice", "labels")] == [2, 1, 1, 1]
