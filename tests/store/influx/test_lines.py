"""Lines of every kind of message, read back by the real InfluxDB."""

import itertools
import math
import struct
from collections.abc import Iterator

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from store.influx.address import parse
from store.influx.client import InfluxClient, Value
from store.influx.lines import Lines
from store.influx.table import MEASUREMENTS, TAGS, channel_field, shown
from tests.servers.influx import Influx, influx
from tests.store.benches import advice, beside, label, measured, over
from wire.messages import (
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
    OutboxState,
    Priority,
    Scores,
    SourceState,
    SourceStatus,
)

S = 1_000_000_000
AT = 1_780_000_000 * S
ORIGIN = Origin(edge="edge-1", log="0" * 32, seq=7)
LINES = Lines("hall")
FIGURES = ("lag", "rows", "rate", "dead", "running")


def frame(device: str, channels: tuple[str, ...], rows: dict[int, tuple[float, ...]], dtype: str = "f8") -> Frame:
    times = np.array(list(rows), "<i8").tobytes()
    kind = "<f8" if dtype == "f8" else "<f4"
    values = np.array(list(rows.values()), kind).tobytes()
    return Frame(device=device, channels=channels, t_ns=times, values=values, dtype="f8" if dtype == "f8" else "f4")


def batch(*frames: Frame, events: tuple[Event, ...] = ()) -> Batch:
    return Batch(edge="edge-1", log="0" * 32, seq=7, clock_ns=AT, frames=frames, events=events)


def scores(score: list[float], shares: list[list[float]], channels: tuple[str, ...]) -> Scores:
    return Scores(
        origin=ORIGIN,
        edge="edge-1",
        device="pump-1",
        model="online",
        version=3,
        channels=channels,
        t_ns=np.arange(AT, AT + len(score), dtype="<i8").tobytes(),
        score=np.array(score, "<f4").tobytes(),
        contributions=np.array(shares, "<f4").tobytes(),
    )


def alarm(version: int = 2, state: AlarmState = AlarmState.UNACKNOWLEDGED, changed_ns: int = AT + 5 * S) -> Alarm:
    return Alarm(
        id="a1",
        origin=ORIGIN,
        edge="edge-1",
        device="pump-1",
        rule="limit:temperature:HH",
        version=version,
        state=state,
        priority=Priority.HIGH,
        onset_ns=AT,
        changed_ns=changed_ns,
        summary='He said "hot",\nand \\ left',
        value=91.5,
    )


EACH: list[Message] = [
    batch(
        frame("pump-1", ("temperature",), {AT: (20.5,)}),
        events=(
            Gap(device="pump-1", from_ns=AT, to_ns=AT + S, rows=-1, reason="crash", source="serial-1"),
            SourceState(source="serial-1", state=SourceStatus.RETRYING, detail="no port"),
            measured("r1", "s1"),
        ),
    ),
    msgspec.structs.replace(batch(), outbox=OutboxState(backlog=3, bytes=4096, rows=200, hours_left=71.5)),
    scores([0.25, 0.75], [[0.25, 0.0], [0.25, 0.5]], ("a", "b")),
    alarm(),
    Liveness(origin=ORIGIN, edge="edge-1", device="pump-1", clock_ns=AT, last_ns=AT - S, health=Health.SILENT),
    advice("r1", "s1", 1),
    beside("r1", "s1", 1),
    over("r1", "fail", stopped_at="s1", would_stop_at="s1", saved_s=60.0),
    label("l1", run="r1"),
    msgspec.structs.replace(scores([0.75], [[0.25, 0.5]], ("a", "b")), role="candidate"),
    DeadLetter(origin=ORIGIN, source="serial-1", reason="no number", body=b"x", t_ns=AT),
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Influx]:
    with influx(tmp_path_factory.mktemp("influx")) as there:
        yield there


@pytest.fixture(scope="module")
def client(server: Influx) -> Iterator[InfluxClient]:
    with InfluxClient(parse(server.url("plant"), server.environ)) as there:
        there.execute('CREATE DATABASE "plant"')
        yield there


def points(client: InfluxClient, measurement: str) -> list[dict[str, Value]]:
    found = client.query(f'SELECT * FROM "{measurement}"')
    return [{k: v for k, v in row.items() if v is not None} for series in found for row in series.rows()]


@pytest.mark.server
def test_every_message_is_found_under_the_names_of_the_table(client: InfluxClient) -> None:
    client.execute('DROP DATABASE "plant"')
    client.execute('CREATE DATABASE "plant"')
    client.write(b"".join(map(LINES.of, EACH)))
    client.write(LINES.active(alarm(), at_ns=AT, active=True))
    client.write(LINES.pipeline(role="sink", instance="i", at_ns=AT, figures=dict.fromkeys(FIGURES, 1.0)))
    client.write(LINES.channels("edge-1", "pump-1", "flow|temperature", at_ns=AT))
    client.write(LINES.limit("edge-1", "pump-1", "limit:temperature:HH", 85.0, at_ns=AT))
    for name, kind in MEASUREMENTS.items():
        found = points(client, name)
        assert found, name
        for point in found:
            names = set(point) - {"time"}
            fields = names - set(kind.fields) - set(kind.texts) - (set(kind.tags) & set(TAGS))
            assert not fields or kind.channels, name
            assert set(kind.tags) <= names, name
            assert all(isinstance(point[text], str) for text in kind.texts if text in point)
            assert not any(isinstance(point[field], str) for field in kind.fields if field in point)
    (found_alarm,) = points(client, "alarms")
    assert found_alarm["time"] == AT + 5 * S + 2
    assert found_alarm["summary"] == 'He said "hot", and \\ left'
    assert "limit" not in found_alarm
    (alive,) = points(client, "liveness")
    assert (alive["code"], alive["silent"], alive["last_s"]) == (3, 1, 1_779_999_999)
    by_role = {row["role"]: row for row in points(client, "pipeline")}
    assert set(FIGURES) <= set(by_role["sink"])
    edge = by_role["edge"]
    assert [edge[name] for name in ("instance", "backlog", "outbox_bytes", "rows", "hours_left", "running")] == [
        "edge-1",
        3,
        4096,
        200,
        71.5,
        1,
    ]
    low, high = points(client, "scores")
    assert "c_a" not in low
    assert (high["c_a"], high["c_b"], high["score"]) == (0.25, 0.5, 0.75)


NAMES = st.text(
    st.one_of(st.sampled_from(",= \"\\\n\r\t\0#'{}_é日🔔"), st.characters(exclude_categories=["Cs"])), max_size=12
)
CHANNELS = st.lists(NAMES, min_size=1, max_size=4, unique_by=channel_field)
EXAMPLES = itertools.count()


@pytest.mark.server
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(device=NAMES, channels=CHANNELS, data=st.data())
def test_whatever_names_and_numbers_there_are_come_back_as_they_are_shown(
    client: InfluxClient, device: str, channels: list[str], data: st.DataObject
) -> None:
    row = st.tuples(*[st.floats(width=64)] * len(channels))
    drawn = data.draw(st.dictionaries(st.integers(0, 10**18), row, min_size=1, max_size=4))
    rows, edge = dict(sorted(drawn.items())), f"odd-{next(EXAMPLES)}"
    client.write(LINES.of(msgspec.structs.replace(batch(frame(device, tuple(channels), rows)), edge=edge)))
    found: dict[int, dict[str, float]] = {}
    for series in client.query(f"SELECT *::field FROM readings WHERE edge = '{edge}' GROUP BY *"):
        assert series.tags.get("device", "") == shown(device)
        for point in series.rows():
            fields = {key: float(value) for key, value in point.items() if value is not None and key != "time"}
            found[int(point["time"] or 0)] = fields
    wanted = {
        at: {channel_field(name): value for name, value in zip(channels, values, strict=True) if math.isfinite(value)}
        for at, values in rows.items()
    }
    assert found == {at: values for at, values in wanted.items() if values}


def test_what_is_no_number_is_left_out_and_a_row_of_nothing_is_no_line() -> None:
    nan, inf = math.nan, math.inf
    lines = LINES.of(batch(frame("p", ("a", "b"), {1: (1.0, 2.0), 2: (nan, 2.0), 3: (inf, nan), 4: (4.0, -inf)})))
    assert sorted(lines.decode().splitlines()) == [
        "readings,device=p,edge=edge-1,site=hall a=1.0,b=2.0 1",
        "readings,device=p,edge=edge-1,site=hall a=4.0 4",
        "readings,device=p,edge=edge-1,site=hall b=2.0 2",
    ]


def test_single_precision_is_written_as_the_same_number() -> None:
    lines = LINES.of(batch(frame("p", ("a",), {1: (0.1,)}, "f4")))
    (number,) = struct.unpack("<f", struct.pack("<f", 0.1))
    assert float(lines.split(b"a=")[1].split()[0]) == number


def test_a_high_score_names_its_five_largest_contributions_and_a_low_one_none() -> None:
    channels = tuple("abcdefg")
    told = scores([0.49, 0.5, math.nan], [[0.1] * 7, [0.1, -0.7, 0.2, 0.3, math.nan, 0.4, 0.5], [0.0] * 7], channels)
    low, high = LINES.of(told).decode().splitlines()
    assert "c_" not in low
    assert [part.split("=")[0] for part in high.split(" ")[1].split(",")] == [
        "score",
        "c_b",
        "c_c",
        "c_d",
        "c_f",
        "c_g",
        "late",
        "model_version",
        "model",
    ]


def test_changes_of_an_alarm_at_one_time_have_times_of_their_own() -> None:
    times = {LINES.of(alarm(version=version, changed_ns=AT + 123)).split()[-1] for version in range(1, 6)}
    assert times == {str(AT + version).encode() for version in range(1, 6)}


def test_gaps_of_two_lines_that_were_down_from_one_moment_on_do_not_overwrite_each_other() -> None:
    gaps = tuple(Gap("*", AT, AT + S, -1, "edge was not running", name) for name in ("serial-1", "serial-2"))
    lines = LINES.of(Batch(edge="e", log="0" * 32, seq=1, clock_ns=AT, events=gaps)).splitlines()
    assert len({line.rpartition(b" ")[2][:-3] for line in lines}) == 1
    assert len({line.rpartition(b" ")[2] for line in lines}) == 2


def test_dead_letters_of_one_time_and_source_do_not_overwrite_each_other() -> None:
    letter = DeadLetter(origin=ORIGIN, source="serial-1", reason="no number", body=b"x", t_ns=AT)
    assert len({LINES.dead(letter, at_ns=0, place=place) for place in range(50)}) == 50


@given(st.text(), st.text())
def test_a_line_holds_no_line_end_but_its_own(name: str, said: str) -> None:
    told = batch(
        frame(name, (name,), {1: (1.0,)}),
        events=(Gap(device=name, from_ns=1, to_ns=2, rows=3, reason=said, source=name),),
    )
    lines = LINES.of(told)
    assert lines.count(b"\n") == 2
    assert lines.endswith(b"\n")
    assert not set(lines) & set(range(0x20)) - {0x0A, 0x09}
