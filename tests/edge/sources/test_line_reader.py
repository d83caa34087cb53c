from hypothesis import given
from hypothesis import strategies as st

from edge.sources.csv_lines import CsvLines
from edge.sources.json_fields import JsonFields
from edge.sources.line_reader import FRAGMENT, TORN, LineReader
from edge.sources.parsed import NOT_TEXT, Parser
from wire.messages import Event, Refused, SourceState, Text
from wire.ports import Row


def reader(parser: Parser | None = None, *, limit: int = 1000) -> LineReader:
    parser = parser or CsvLines(channels=("a", "b"))
    return LineReader(source="s", device="pump-1", parser=parser, max_line_bytes=limit, where="ttyX at 9600 baud")


def refused(events: tuple[Event, ...]) -> list[tuple[str, int]]:
    return [(event.reason, event.count) for event in events if isinstance(event, Refused)]


def test_the_torn_first_line_is_refused_though_it_reads_well() -> None:
    harvest = reader().feed(b"3.2,5\n14,5\n", now_s=0)
    assert [row.values for row in harvest.rows] == [(14.0, 5.0)]
    assert refused(harvest.events) == [(FRAGMENT, 1)]


def test_a_fragment_in_pieces_is_one_fragment() -> None:
    lines = reader()
    assert lines.feed(b"3.", now_s=0).rows == ()
    assert lines.feed(b"2,", now_s=0).rows == ()
    harvest = lines.feed(b"5\r\n1,2\n", now_s=0)
    assert refused(harvest.events) == [(FRAGMENT, 1)]
    assert len(harvest.rows) == 1


def test_the_first_line_counts_when_the_line_was_quiet_before_it() -> None:
    assert len(reader().feed(b"3.2,5\n", now_s=1, quiet_before=True).rows) == 1
    assert len(reader().feed(b"\n3.2,5\n", now_s=0).rows) == 1


def test_a_whole_json_object_proves_that_it_is_whole() -> None:
    assert len(reader(JsonFields()).feed(b'{"a": 1}\n', now_s=0).rows) == 1
    assert refused(reader(JsonFields()).feed(b'": 1}\n', now_s=0).events) == [(FRAGMENT, 1)]


def test_an_unfinished_line_is_refused_when_the_line_is_lost() -> None:
    lines = reader()
    lines.feed(b"\n1,2\n3,", now_s=0)
    assert refused(lines.close(now_s=0).events) == [(TORN, 1)]


def test_noise_is_told_once_a_second_with_its_count() -> None:
    lines = reader()
    lines.feed(b"\n", now_s=0)
    told: list[Event] = []
    for step in range(30):
        told += lines.feed(b"\xfe\x81\n" * 10, now_s=step * 0.1).events
    told += lines.close(now_s=3).events
    noise = [event for event in told if isinstance(event, Refused)]
    assert {event.reason for event in noise} == {NOT_TEXT}
    assert sum(event.count for event in noise) == 300
    assert len(noise) <= 8


def test_a_line_that_cannot_be_read_is_said_once_and_so_is_its_recovery() -> None:
    lines = reader()
    lines.feed(b"\n", now_s=0)
    states: list[SourceState] = []
    for second in range(40):
        data = b"\xfe\x81\n" * 10 if second < 20 else b"1,2\n" * 10
        states += [e for e in lines.feed(data, now_s=second).events if isinstance(e, SourceState)]
    assert len(states) == 2
    assert "check baud rate" in states[0].detail
    assert states[1].detail == "ttyX at 9600 baud: reads well again"


def test_a_long_line_is_refused_with_its_size_and_the_next_is_fine() -> None:
    lines = reader()
    lines.feed(b"\n", now_s=0)
    for _ in range(100):
        lines.feed(b"x" * 5000, now_s=0)
    harvest = lines.feed(b"\n1,2\n", now_s=0)
    (event,) = [event for event in harvest.events if isinstance(event, Refused)]
    assert (event.reason, event.size, len(event.body)) == ("line longer than 1000 bytes", 500_000, 1000)
    assert len(harvest.rows) == 1


def test_a_header_and_words_travel_as_text() -> None:
    lines = reader(CsvLines())
    events = lines.feed(b"\na,b\n1,2\n", now_s=0).events
    assert Text(device="pump-1", name="header", text="a,b") in events
    said = reader(JsonFields(time_field="t")).feed(b'{"t": 1700000000, "a": 1, "mode": "auto"}\n', now_s=0).events
    assert said == (Text("pump-1", "mode", "auto", 1_700_000_000_000_000_000),)


LINES = st.lists(st.one_of(st.binary(max_size=12), st.sampled_from([b"1,2\n", b"3,4\r\n", b"1,2,3\n", b"x" * 30])))


@given(LINES, st.lists(st.integers(1, 12)))
def test_every_line_ends_as_a_row_a_header_or_refused(parts: list[bytes], sizes: list[int]) -> None:
    data = b"\n" + b"".join(parts) + b"\n"
    lines = reader(limit=20)
    rows: list[Row] = []
    events: list[Event] = []
    chunks, at = [], 0
    for size in [*sizes, len(data)]:
        chunks.append(data[at : at + size])
        at += size
    for step, chunk in enumerate(chunks):
        harvest = lines.feed(chunk, now_s=step * 0.3)
        rows += harvest.rows
        events += harvest.events
    events += lines.close(now_s=0).events
    there = len([line for line in data.replace(b"\r", b"\n").split(b"\n") if line])
    headers = sum(isinstance(event, Text) for event in events)
    assert len(rows) + headers + sum(count for _, count in refused(tuple(events))) == there
    whole = reader(limit=20).feed(data, now_s=0)
    assert list(whole.rows) == rows


def test_a_line_that_does_not_end_is_told_once_when_it_is_too_long_and_once_when_it_ends() -> None:
    lines = reader(limit=100)
    told = [lines.feed(b"7" * 60, now_s=n).events for n in range(4)]
    assert [len(events) for events in told] == [0, 1, 0, 0]
    (state,) = told[1]
    assert isinstance(state, SourceState)
    assert state.detail == "ttyX at 9600 baud: no line end within 100 bytes: check baud rate, line ends and format"
    events = lines.feed(b"\n1,2\n", now_s=5).events
    assert refused(events) == [("line longer than 100 bytes", 1)]
    assert [e.detail for e in events if isinstance(e, SourceState)] == ["ttyX at 9600 baud: lines end again"]
