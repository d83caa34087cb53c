from math import isnan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.sources.csv_lines import CsvLines
from edge.sources.parsed import NOT_TEXT, Header, Outcome, Parsed, Unread


def reason(outcome: Outcome) -> str:
    assert isinstance(outcome, Unread)
    return outcome.reason


def row(outcome: Outcome) -> dict[str, float]:
    assert isinstance(outcome, Parsed)
    return dict(zip(outcome.channels, outcome.values, strict=True))


def test_configured_channels_name_the_columns() -> None:
    assert CsvLines(channels=("a", "b")).parse(b"1.5, -2e3") == Parsed(channels=("a", "b"), values=(1.5, -2000.0))


def test_an_empty_cell_is_missing() -> None:
    values = row(CsvLines(channels=("a", "b", "c")).parse(b"1,,nan"))
    assert values["a"] == 1
    assert isnan(values["b"])
    assert isnan(values["c"])


def test_a_refusal_names_the_place() -> None:
    lines = CsvLines(channels=("a", "b"))
    assert reason(lines.parse(b"1")) == "wrong number of fields: 1 instead of 2"
    assert reason(lines.parse(b"1,2,3")) == "wrong number of fields: 3 instead of 2"
    assert reason(lines.parse(b"1,inf")) == "field 2 (b): not a finite number"
    assert reason(lines.parse(b"x,2")) == "field 1 (a): not a finite number"
    assert reason(lines.parse(b"\xff\x80,2")) == NOT_TEXT
    assert reason(lines.parse(b"\x001,2")) == NOT_TEXT


def test_a_separator_at_the_end_of_a_line_is_no_field() -> None:
    assert row(CsvLines(channels=("a", "b")).parse(b"1,2,")) == {"a": 1, "b": 2}
    assert isnan(row(CsvLines(channels=("a", "b", "c")).parse(b"1,2,"))["c"])


def test_a_header_names_the_columns_and_may_come_again() -> None:
    lines = CsvLines()
    assert reason(lines.parse(b"1,2")).startswith("no CSV header seen yet")
    for _ in range(2):
        assert lines.parse(b"flow,T [\xc2\xb0C]") == Header(text="flow,T [°C]")
        assert row(lines.parse(b"1,2")) == {"flow": 1, "T [°C]": 2}


def test_a_banner_before_the_header_names_nothing() -> None:
    lines = CsvLines()
    assert lines.parse(b"Booting, please wait") == Header(text="Booting, please wait")
    lines.parse(b"a,b,c")
    assert row(lines.parse(b"1,2,3")) == {"a": 1, "b": 2, "c": 3}


def test_words_in_mid_stream_rename_nothing() -> None:
    lines = CsvLines()
    lines.parse(b"flow,speed")
    lines.parse(b"1,2")
    assert reason(lines.parse(b"ERROR,overheat")) == "field 1 (flow): not a finite number"
    lines.parse(b"watchdog")
    assert row(lines.parse(b"3,4")) == {"flow": 3, "speed": 4}


def test_new_firmware_with_another_header_is_followed() -> None:
    lines = CsvLines()
    for header, width in ((b"a,b", 2), (b"a,b,c", 3), (b"a,c,d", 3)):
        assert isinstance(lines.parse(header), Header)
        assert list(row(lines.parse(b",".join([b"7"] * width)))) == header.decode().split(",")


def test_a_header_that_holds_the_configured_channels_picks_by_name() -> None:
    lines = CsvLines(channels=("b", "a"))
    lines.parse(b"a,x,b")
    assert row(lines.parse(b"1,2,3")) == {"b": 3, "a": 1}


def test_configured_names_replace_a_header_of_the_same_width() -> None:
    lines = CsvLines(channels=("a", "b"))
    assert lines.parse(b"ch0,ch1") == Header(text="ch0,ch1")
    assert row(lines.parse(b"1,2")) == {"a": 1, "b": 2}


@pytest.mark.parametrize("channels", [("a", "time"), ("time", "a")])
def test_the_time_column_may_stand_anywhere(channels: tuple[str, ...]) -> None:
    cells = {"a": b"5", "time": b"2023-11-14T22:13:20Z"}
    outcome = CsvLines(channels=channels, time_field="time").parse(b",".join(cells[name] for name in channels))
    assert outcome == Parsed(channels=("a",), values=(5.0,), claimed_ns=1_700_000_000_000_000_000)


def test_a_time_field_that_is_no_channel_comes_first() -> None:
    lines = CsvLines(channels=("a",), time_field="t")
    assert lines.parse(b"1700000000,5") == Parsed(channels=("a",), values=(5.0,), claimed_ns=1_700_000_000_000_000_000)
    assert reason(lines.parse(b"soon,5")) == "field 1 (t): not a time"


def test_quoted_cells_and_other_separators_are_read() -> None:
    assert row(CsvLines(channels=("a", "b")).parse(b'"1","2"')) == {"a": 1, "b": 2}
    assert row(CsvLines(channels=("a", "b"), separator=";").parse(b"1;2")) == {"a": 1, "b": 2}
    assert row(CsvLines(channels=("a", "b"), separator=" ").parse(b"1    2")) == {"a": 1, "b": 2}
    assert isinstance(CsvLines(channels=("a", "b"), separator=";").parse(b"1,5;2"), Unread)


def test_a_thousand_channels_work_with_header_and_without() -> None:
    names = tuple(f"c{i}" for i in range(1000))
    line = b",".join(b"%d" % i for i in range(1000))
    configured, headed = CsvLines(channels=names), CsvLines()
    headed.parse(",".join(names).encode())
    assert row(configured.parse(line)) == row(headed.parse(line)) == {f"c{i}": i for i in range(1000)}


def test_settings_that_cannot_be_are_named() -> None:
    with pytest.raises(ValueError, match="channels: each name once"):
        CsvLines(channels=("a", "a"))
    with pytest.raises(ValueError, match="separator"):
        CsvLines(separator="")


@given(st.lists(st.one_of(st.binary(max_size=30), st.text('ab1.,- "', max_size=12).map(str.encode))))
def test_any_line_is_a_row_a_header_or_unread(lines: list[bytes]) -> None:
    for parser in (CsvLines(), CsvLines(channels=("a", "b")), CsvLines(channels=("a",), time_field="t")):
        for line in lines:
            outcome = parser.parse(line)
            assert isinstance(outcome, Parsed | Header | Unread)
            if isinstance(outcome, Parsed):
                assert outcome.channels
                assert len(set(outcome.channels)) == len(outcome.channels) == len(outcome.values)
