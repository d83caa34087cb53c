"""The fleet's reader against the real InfluxDB, over lines as the sink writes them."""

import csv
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import msgspec
import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.errors import UnknownDeviceError
from store.influx.address import parse
from store.influx.client import InfluxClient, Series
from store.influx.lines import Lines
from store.influx.reading.book import Book
from store.influx.reading.names import true_channel, true_name
from store.influx.reading.reader import FleetReader
from store.influx.table import channel_field, shown
from store.port import StoreAwayError
from tests.servers.influx import Influx, influx
from tests.servers.ports import until
from tests.store.benches import advice, beside, label, measured, over, run
from wire.envelope import pack
from wire.messages import (
    NS_PER_S,
    Alarm,
    AlarmState,
    Batch,
    DeadLetter,
    Event,
    Frame,
    Gap,
    Health,
    Liveness,
    Message,
    Origin,
    Priority,
    Scores,
    SourceState,
    SourceStatus,
)
from wire.ports import Record
from wire.topics import ALARMS

AT = 1_780_000_000 * NS_PER_S
ORIGIN = Origin(edge="edge-1", log="0" * 32, seq=1)
EVER = 2**63 - 1
PICTURES = {chr(code) for code in (*range(0x2400, 0x2420), 0x2421)}
server_only = pytest.mark.server
names = st.text(st.characters(blacklist_characters=sorted(PICTURES), blacklist_categories=["Cs"]), max_size=12)


@given(names)
def test_a_name_comes_back_as_it_was(name: str) -> None:
    assert true_name(shown(name)) == name
    assert true_channel(channel_field(name)) == name


@given(st.sampled_from(["time", "device", "edge", "site", ""]), st.text("_", max_size=3))
def test_a_channel_called_after_a_tag_comes_back_as_it_was(name: str, more: str) -> None:
    assert true_channel(channel_field(name + more)) == name + more


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Influx]:
    with influx(tmp_path_factory.mktemp("influx")) as there:
        yield there


class Plant:
    """One site's messages in InfluxDB, its alarms in a book, and a reader of both."""

    def __init__(self, client: InfluxClient, server: Influx) -> None:
        self.client, self.server, self.book = client, server, Book()
        self.lines, self.offset, self.asked = Lines("hall"), 0, 0
        self.reader = FleetReader(self, book=lambda: self.book, site="hall")

    def query(self, text: str) -> list[Series]:
        self.asked += 1
        return self.client.query(text)

    def store(self, *messages: Message) -> None:
        self.client.write(b"".join(self.lines.of(message) for message in messages))

    def tell(self, alarm: Alarm) -> None:
        key = f"{alarm.edge}/{alarm.device}/{alarm.rule}".encode()
        self.book.absorb(Record(ALARMS, 0, self.offset, key, pack(alarm), AT))
        self.offset += 1


@pytest.fixture
def plant(server: Influx, request: pytest.FixtureRequest) -> Iterator[Plant]:
    name = f"db_{abs(hash(request.node.name))}"
    with InfluxClient(parse(server.url(name), server.environ)) as client:
        client.execute(f'CREATE DATABASE "{name}"')
        client.write(Lines("elsewhere").of(alive("stranger")))
        yield Plant(client, server)


def alive(device: str, *, last_ns: int = AT, health: Health = Health.RUNNING, edge: str = "edge-1") -> Liveness:
    return Liveness(ORIGIN, edge, device, clock_ns=last_ns, last_ns=last_ns, health=health, warm=0.5)


def batch(
    device: str,
    channels: Sequence[str],
    times: Sequence[int],
    values: object,
    *,
    edge: str = "edge-1",
    events: tuple[Event, ...] = (),
) -> Batch:
    t_ns, cells = np.array(times, "<i8").tobytes(), np.asarray(values, "<f8").tobytes()
    frame = Frame(device=device, channels=tuple(channels), t_ns=t_ns, values=cells)
    return Batch(edge=edge, log="0" * 32, seq=1, clock_ns=AT, frames=(frame,), events=events)


def scored(device: str, times: Sequence[int], score: object, shares: object, channels: tuple[str, ...]) -> Scores:
    return Scores(
        origin=ORIGIN,
        edge="edge-1",
        device=device,
        model="online",
        version=1,
        channels=channels,
        t_ns=np.array(times, "<i8").tobytes(),
        score=np.asarray(score, "<f4").tobytes(),
        contributions=np.asarray(shares, "<f4").tobytes(),
    )


def alarm(number: int, version: int, state: AlarmState, *, device: str = "pump", who: str = "") -> Alarm:
    return Alarm(
        id=f"{device}-{number}",
        origin=ORIGIN,
        edge="edge-1",
        device=device,
        rule="limit:flow:H",
        version=version,
        state=state,
        priority=Priority.HIGH,
        onset_ns=AT + number * NS_PER_S,
        changed_ns=AT + number * NS_PER_S + version * 10**6,
        summary=f"{device} rings",
        channel="flow",
        value=3.5,
        who=who,
        contributions={"flow": 1.0},
    )


@contextmanager
def away(server: Influx) -> Iterator[None]:
    server.vanish()
    try:
        yield
    finally:
        server.appear()


@server_only
def test_devices_are_told_by_their_true_names_with_what_is_known_of_them(plant: Plant) -> None:
    nasty, channels = "ends with \\", ("time", "device_", 'a "b"', "two\nlines", "late")
    plant.store(
        batch(nasty, channels[:4], [AT - 5, AT - 1], [[1, 2, 3, 4], [5, 6, 7, 8]]),
        batch(nasty, channels[4:], [AT], [[9]]),
        batch("mute", ["x"], [AT + 7], [[1]], edge="edge-2"),
        alive(nasty, last_ns=AT, health=Health.LEARNING),
        scored(nasty, [AT - 5, AT - 1], [0.2, 0.75], np.ones((2, 1)), ("late",)),
    )
    plant.tell(alarm(1, 1, AlarmState.RETURNED, device=nasty))
    plant.reader.glance.look()
    found, mute = plant.reader.devices()
    assert (found.device, found.edge, found.health, found.warm) == (nasty, "edge-1", Health.LEARNING, 0.5)
    assert (found.channels, found.score, found.active) == (tuple(sorted(channels)), 0.75, {"high": 1})
    assert (found.first_ns, found.rows) == (AT - 5, None)
    assert AT <= found.last_ns < AT + 2000  # a time that is kept as seconds
    assert (mute.device, mute.edge, mute.health, mute.first_ns, mute.last_ns) == (
        "mute",
        "edge-2",
        None,
        AT + 7,
        AT + 7,
    )
    assert [word.device for word in plant.reader.liveness()] == [nasty]
    series = plant.reader.readings(nasty, start_ns=AT - 5, end_ns=AT + 1)
    assert series.t_ns == [AT - 5, AT - 1, AT]
    assert {name: values[0] for name, values in series.columns.items()} == dict(
        zip(channels, [1, 2, 3, 4, None], strict=True)
    )


@server_only
def test_a_spike_survives_thinning_and_the_order_of_the_extremes_is_the_signals(plant: Plant) -> None:
    rows, first = 20_000, AT + 3
    times = [first + i * 10**7 for i in range(rows)]
    rising = np.arange(rows, dtype=float)
    spiky = np.where(np.arange(rows) == 12_345, 1e6, 0.0)
    plant.store(batch("pump", ["rising", "falling", "spiky"], times, np.column_stack([rising, -rising, spiky])))
    plant.reader.glance.look()
    thin = plant.reader.readings("pump", start_ns=0, end_ns=EVER, points=200)
    assert 150 <= len(thin.t_ns) <= 202
    assert thin.t_ns == sorted(set(thin.t_ns))
    assert first <= thin.t_ns[0] <= thin.t_ns[-1] <= times[-1]
    assert thin.columns["rising"] == sorted(thin.columns["rising"], key=float)  # type: ignore[arg-type]
    assert thin.columns["falling"] == sorted(thin.columns["falling"], key=lambda v: -float(v))  # type: ignore[arg-type]
    assert (thin.columns["rising"][0], thin.columns["rising"][-1]) == (0.0, rows - 1)
    assert 1e6 in thin.columns["spiky"]
    whole = plant.reader.readings("pump", start_ns=times[10], end_ns=times[20], channels=["spiky", "rising"], points=10)
    assert (whole.t_ns, whole.columns["rising"]) == (times[10:20], list(map(float, range(10, 20))))
    assert len(plant.reader.readings("pump", start_ns=0, end_ns=EVER).t_ns) == rows
    assert plant.reader.readings("nobody", start_ns=0, end_ns=EVER, points=10).t_ns == []


@server_only
def test_scores_come_with_contributions_and_the_highest_survives(plant: Plant) -> None:
    rows = 5000
    times = [AT + i * 10**7 for i in range(rows)]
    score = np.where(np.arange(rows) == 777, 4.0, 0.1)
    shares = np.column_stack([score * 0.75, score * 0.25])
    plant.store(scored("pump", times, score, shares, ("a", "b")), batch("pump", ["a", "b"], [AT], [[1, 2]]))
    plant.store(alive("pump"))
    plant.reader.glance.look()
    thin = plant.reader.scores("pump", start_ns=0, end_ns=EVER, points=100)
    assert len(thin.t_ns) <= 102
    at = thin.columns["score"].index(4.0)
    assert (thin.columns["a"][at], thin.columns["b"][at]) == (3.0, 1.0)
    assert abs(thin.t_ns[at] - times[777]) <= (times[-1] - times[0]) // 50
    assert len(plant.reader.scores("pump", start_ns=times[0], end_ns=times[9], points=100).t_ns) == 9
    assert len(plant.reader.scores("pump", start_ns=0, end_ns=EVER).t_ns) == rows


@server_only
@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_a_file_holds_every_row_once_also_those_of_one_time_from_two_edges(
    plant: Plant, tmp_path: Path, form: str
) -> None:
    channels, rows = [f"c{i:02}" for i in range(100)], 1500  # a piece of a hundred channels is a thousand rows
    times = [AT + i for i in range(rows)]
    plant.store(batch("pump", channels, times, np.arange(rows * 100.0).reshape(rows, 100)))
    plant.store(batch("pump", ["other"], times, np.arange(rows, dtype=float), edge="edge-2"), alive("pump"))
    plant.reader.glance.look()
    path = tmp_path / f"rows.{form}"
    assert plant.reader.export("pump", path, form="csv" if form == "csv" else "parquet") == rows
    if form == "csv":
        lines = list(csv.reader(path.read_text().splitlines()))
        head, body = lines[0], lines[1:]
        assert [line[head.index("other")] for line in body] == [f"{i}" for i in range(rows)]
        assert [line[head.index("c99")] for line in body] == [f"{i * 100 + 99}" for i in range(rows)]
    else:
        table = pq.read_table(path)
        assert table["other"].to_pylist() == list(map(float, range(rows)))
        assert table["c00"].to_pylist() == [i * 100.0 for i in range(rows)]
    with pytest.raises(UnknownDeviceError, match="did you mean pump"):
        plant.reader.export("pomp", path, form="csv")


@server_only
def test_alarms_are_the_buss_newest_words_and_influxdbs_old_ones(plant: Plant) -> None:
    old = [alarm(1, version, state) for version, state in enumerate(list(AlarmState)[::-1], start=1)]
    raised, taken = alarm(2, 1, AlarmState.UNACKNOWLEDGED), alarm(2, 2, AlarmState.ACKNOWLEDGED, who="Ada")
    plant.store(*old, raised, alarm(1, 1, AlarmState.UNACKNOWLEDGED, device="mill"))
    plant.tell(raised)
    plant.tell(taken)  # the sink has not stored this yet
    assert plant.reader.alarms(active=True) == [taken]
    assert plant.reader.alarms(device="pump") == [taken, with_what_is_kept(old[-1])]
    assert [(one.id, one.state) for one in plant.reader.alarms()] == [
        ("pump-2", AlarmState.ACKNOWLEDGED), ("pump-1", AlarmState.NORMAL), ("mill-1", AlarmState.NORMAL)
    ]  # fmt: skip
    assert plant.reader.alarms(since_ns=taken.changed_ns) == [taken]
    assert plant.reader.alarms(limit=1) == [taken]
    assert plant.reader.history("pump-2") == [with_what_is_kept(raised), taken]
    assert plant.reader.history("pump-1") == [with_what_is_kept(state) for state in old]
    assert plant.reader.history("nothing") == []
    with away(plant.server):
        until(lambda: is_away(lambda: plant.reader.readings("pump", start_ns=0, end_ns=1, channels=["a"])), what="away")
        assert plant.reader.alarms(device="pump", limit=7) == [taken]
        assert plant.reader.alarms(active=True) == [taken]


def with_what_is_kept(state: Alarm) -> Alarm:
    return Alarm(**{**fields(state), "contributions": {}, "origin": Origin("edge-1", "", 0)})  # type: ignore[arg-type]


def fields(state: Alarm) -> dict[str, object]:
    return {name: getattr(state, name) for name in state.__struct_fields__}


def is_away(ask: Callable[[], object]) -> bool:
    try:
        ask()
    except StoreAwayError:
        return True
    return False


@server_only
def test_while_influxdb_is_away_the_newest_stays_in_sight_and_nobody_waits(plant: Plant) -> None:
    plant.store(batch("pump", ["a"], [AT], [[1]]), alive("pump"))
    with plant.reader:
        until(lambda: [d.channels for d in plant.reader.devices()] == [("a",)], what="the device with its channel")
        with away(plant.server):
            until(lambda: bool(plant.reader.trouble), what="the trouble to be told")
            asked = plant.asked
            for _ in range(200):
                assert is_away(lambda: plant.reader.readings("pump", start_ns=0, end_ns=1, channels=["a"]))
            assert plant.asked - asked < 20
            assert [device.device for device in plant.reader.devices()] == ["pump"]
            assert "takes nothing now" in plant.reader.trouble
            assert plant.reader.alarms() == []
        until(lambda: not plant.reader.trouble, what="InfluxDB to be found again")
        found = plant.reader.readings("pump", start_ns=AT, end_ns=AT + 1, channels=["a"])
        assert found.columns == {"a": [1.0]}


@server_only
def test_sources_gaps_and_dead_letters_are_told_with_their_edge(plant: Plant) -> None:
    events: tuple[Event, ...] = (
        SourceState("serial-1", SourceStatus.RETRYING, "no such port", AT),
        SourceState("serial-1", SourceStatus.CONNECTED, "/dev/ttyUSB0", AT + 1),
        Gap(device="pump", from_ns=AT, to_ns=AT + NS_PER_S, rows=3, reason="full", source="serial-1"),
        Gap(device="*", from_ns=AT + 5000, to_ns=AT + NS_PER_S, rows=-1, reason="cut", source="serial-1"),
        Gap(device="mill", from_ns=AT + 9000, to_ns=AT + NS_PER_S, rows=1, reason="full"),
    )
    plant.store(batch("pump", ["a"], [AT], [[1]], events=events), alive("pump"))
    plant.store(DeadLetter(ORIGIN, "serial-1", "no number", b"x;y", count=4, t_ns=AT))
    plant.reader.glance.look()
    assert plant.reader.sources() == [("edge-1", events[1])]
    assert [(edge, gap.device, gap.rows) for edge, gap in plant.reader.gaps(limit=200)] == [
        ("edge-1", "mill", 1), ("edge-1", "*", -1), ("edge-1", "pump", 3)
    ]  # fmt: skip
    assert [gap.device for _, gap in plant.reader.gaps(device="pump")] == ["*", "pump"]
    assert plant.reader.gaps(limit=1000)[2][1] == events[2]
    (letter,) = plant.reader.dead()
    assert (letter.source, letter.reason, letter.count, letter.t_ns) == ("serial-1", "no number", 4, AT)
    assert plant.reader.dead(limit=500) == [letter]
    assert plant.reader.accounts() == []


@server_only
def test_a_thousand_devices_polled_by_many_cost_influxdb_no_more_than_by_none(plant: Plant) -> None:
    for first in range(0, 1000, 250):
        some = [f"dev-{i:03}" for i in range(first, first + 250)]
        plant.store(*(batch(name, [f"ch{i}" for i in range(8)], [AT], [list(range(8))]) for name in some))
        plant.store(*map(alive, some))
    with plant.reader:
        until(lambda: len(plant.reader.devices()) == 1000, what="all devices")
        until(lambda: all(len(d.channels) == 8 for d in plant.reader.devices()), what="all channels", within_s=60)
        asked = plant.asked
        poll = [threading.Thread(target=lambda: [plant.reader.devices() for _ in range(20)]) for _ in range(4)]
        for thread in poll:
            thread.start()
        for thread in poll:
            thread.join()
        for _ in range(200):
            plant.reader.alarms(limit=200)
        assert plant.asked - asked < 60


@server_only
def test_runs_advice_and_labels_come_back_whole(plant: Plant) -> None:
    done = over("r1", "fail", stopped_at="S07", would_stop_at="S07", saved_s=60.0)
    gone = label("a", withdrawn_by="the foreman")
    said = [advice("r1", "S02", 2), advice("r1", "S01", 1), advice("r2", "S01", 1)]
    later = run("r2", number=1, station="press \\ right")
    tried = [beside("r1", "S02", 2), beside("r1", "S02", 2, model_version=3), beside("r1", "S01", 1)]
    plant.store(*tried, run("r1"), done, run("r1", 2), later, *said, label("a"), label("b", number=1, run="r1"), gone)
    reader = plant.reader
    assert reader.runs() == [later, done]
    assert reader.runs(rows=False, limit=1) == [later]
    assert reader.runs(station=later.station) == [later]
    assert reader.runs(state="fail", rows=False) == [msgspec.structs.replace(done, row={})]
    assert reader.run("", "r1") == reader.run("edge", "r1") == done
    assert reader.run("other", "r1") is None
    assert reader.advice("edge", "r1") == [said[1], said[0]]
    assert reader.advice("edge", "r9") == []
    assert len(reader.advice("edge", "r1", "candidate")) == len(tried)
    assert reader.advice("edge", "r1", "candidate")[0] == tried[2]
    assert reader.newest([done]) == {("edge", "r1"): said[0]}
    assert [found.id for found in reader.labels()] == ["b"]
    assert reader.labels(device="pump", withdrawn=True, limit=5)[-1] == gone
    assert reader.labels(label="a", withdrawn=True, limit=1) == [gone]
    assert reader.labels(label="a") == []
    assert reader.runs(unit=later.unit) == [later]
    assert [found.id for found in reader.labels(run="r1")] == ["b"]


@server_only
def test_the_last_word_on_many_runs_is_one_question_and_few_more_where_a_station_has_many(plant: Plant) -> None:
    apart = [run(f"r{number}", station=f"b{number}") for number in range(30)]
    crowd = [run(f"c{number}") for number in range(30)]
    said = [advice(one.run, f"S{done:02d}", done, station=one.station) for one in apart for done in (1, 2)]
    plant.store(*said, *(advice(one.run, "S01", 1) for one in crowd))
    asked = plant.asked
    found = plant.reader.newest(apart)
    assert (plant.asked - asked, len(found)) == (1, 30)
    assert {one.done for one in found.values()} == {2}
    assert set(plant.reader.newest(crowd)) == {("edge", one.run) for one in crowd}
    assert plant.asked - asked == 4
    assert plant.reader.newest([]) == plant.reader.newest([run("r9", edge="other")]) == {}


@server_only
def test_what_a_bench_said_it_measured_comes_back_with_its_unit_and_limits(plant: Plant) -> None:
    said = [measured("r1", "S02", value=9.0), measured("r1", "S01", "seal", "ok"), measured("r1", "S02", value=1.5)]
    long = [measured("r1", "S03", f"note-{number}", "".join(map(chr, range(0x4E00, 0x5E00)))) for number in range(9)]
    began = run("r1")
    at = partial(Batch, "edge", "0" * 32)
    plant.store(
        began,
        at(1, began.started_ns, events=(*said[:2], measured("r2", "S01"))),
        at(2, began.started_ns + NS_PER_S, events=(said[2],)),
        at(3, began.started_ns + 2 * NS_PER_S, events=tuple(long)),
    )
    found = plant.reader.measured("edge", "r1")
    assert found[:3] == said
    assert sorted(found[3:], key=lambda one: one.name) == long
    assert plant.reader.measured("edge", "r9") == []


@server_only
def test_many_changes_hide_no_run(plant: Plant) -> None:
    plant.store(*(run("quiet" if number == 0 else "busy", number + 1, number=number // 40) for number in range(60)))
    assert [found.run for found in plant.reader.runs(limit=2)] == ["busy", "quiet"]


@server_only
def test_a_candidates_scores_stand_beside_the_champions(plant: Plant) -> None:
    times = [AT, AT + NS_PER_S]
    live = scored("pump", times, [0.25, 0.25], [[0.25]] * 2, ("flow",))
    rival = scored("pump", times, [0.75, 0.75], [[0.75]] * 2, ("flow",))
    rival = msgspec.structs.replace(rival, version=9, role="candidate")
    plant.store(batch("pump", ["flow"], times, [[1.0], [2.0]]), live, rival)
    ask = partial(plant.reader.scores, "pump", start_ns=0, end_ns=EVER)
    assert ask().columns["score"] == [0.25, 0.25]
    assert ask(version=live.version).columns["score"] == [0.25, 0.25]
    assert ask(version=9).columns["score"] == []
    assert ask(role="candidate", model=rival.model, version=9).columns["score"] == [0.75, 0.75]
    assert ask(role="backtest").columns["score"] == []
