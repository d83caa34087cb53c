import json
from math import inf, nan
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.sources.formats import parser
from edge.sources.line_reader import LineReader
from edge.sources.parsed import Parsed, Told, Unread
from edge.sources.run_events import RunEvents
from wire.config import SerialSource
from wire.messages import NS_PER_S, Measured, Refused, RunEnded, RunStarted, StepEnded

T_NS = 1_700_000_000 * NS_PER_S


def read(text: str | bytes | dict[str, object]) -> Told | Unread | None:
    body = json.dumps(text).encode() if isinstance(text, dict) else text if isinstance(text, bytes) else text.encode()
    return RunEvents(source="line-1").read(body, station="bench-1")


def reason(text: str | dict[str, object]) -> str:
    outcome = read(text)
    assert isinstance(outcome, Unread)
    return outcome.reason


def test_a_run_starts_with_all_that_is_said_of_it() -> None:
    said: dict[str, object] = {
        "event": "run-started",
        "run": 17,
        "unit": "SN-4711",
        "procedure": "servo-final",
        "version": 2,
        "operator": "shift-1",
        "retest_of": "16",
        "steps": ["S01", "S02"],
        "time": "2023-11-14T22:13:20Z",
        "unknown": {"of": "no matter"},
    }
    start = RunStarted(
        "17", "SN-4711", "servo-final", "2", "bench-1", "shift-1", "16", T_NS, "line-1", steps=("S01", "S02")
    )
    assert read(said) == Told((start,))
    assert read(said | {"station": "left"}) == Told(
        (
            RunStarted(
                "17", "SN-4711", "servo-final", "2", "left", "shift-1", "16", T_NS, "line-1", steps=("S01", "S02")
            ),
        )
    )


@pytest.mark.parametrize(("value", "kept"), [(1.5, 1.5), (3, 3.0), (True, True), ("4.2.1", "4.2.1")])
def test_a_measurement_is_a_number_a_text_or_true_or_false(value: object, kept: object) -> None:
    said = {"event": "measured", "run": "r", "step": "S01", "name": "n", "value": value, "uom": "V", "low": 1}
    measured = Measured("r", "S01", "n", 0.0, "V", 1.0, None, 0, "bench-1", "line-1")
    outcome = read(said)
    assert isinstance(outcome, Told)
    event = outcome.events[0]
    assert isinstance(event, Measured)
    assert (event.value, type(event.value)) == (kept, type(kept))
    assert (event.uom, event.low, event.high, event.t_ns, event.source) == ("V", 1.0, None, 0, measured.source)


def test_a_step_may_carry_its_measurements_which_then_have_its_time() -> None:
    said = {
        "event": "step",
        "run": "r",
        "step": "S01",
        "duration_s": 2,
        "time": 1_700_000_000,
        "measurements": [{"name": "a", "value": 1, "high": 2}, {"name": "b", "value": 2, "time": 1_700_000_001}],
    }
    assert read(said) == Told(
        (
            Measured("r", "S01", "a", 1.0, "", None, 2.0, T_NS, "bench-1", "line-1"),
            Measured("r", "S01", "b", 2.0, "", None, None, T_NS + NS_PER_S, "bench-1", "line-1"),
            StepEnded("r", "S01", T_NS, 2.0, "bench-1", "line-1"),
        )
    )


@pytest.mark.parametrize("bad", ["NaN", "-Infinity", "null", "[1]", "{}"])
def test_a_measurement_that_cannot_be_read_spoils_nothing_beside_it(bad: str) -> None:
    both = f'[{{"name":"a","value":{bad}}},{{"name":"b","value":1}}]'
    outcome = read(f'{{"event":"step","run":"r","step":"S","measurements":{both}}}')
    assert isinstance(outcome, Told)
    assert [type(event) for event in outcome.events] == [Measured, StepEnded]
    assert outcome.unread == (Unread("step: measurements: value: has to be a finite number, or true, false or a text"),)


@pytest.mark.parametrize("outcome", ["pass", "fail", "aborted"])
def test_a_run_ends(outcome: str) -> None:
    ended = read({"event": "run-ended", "run": "r", "outcome": outcome})
    assert isinstance(ended, Told)
    event = ended.events[0]
    assert isinstance(event, RunEnded)
    assert (event.run, event.outcome, event.station) == ("r", outcome, "bench-1")


RUN: dict[str, object] = {"event": "measured", "run": "r", "step": "S", "name": "n", "value": 1}


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"event": "run-start", "run": "r"}, "event: has to be one of run-started, measured, step, run-ended"),
        ({"event": 3, "run": "r"}, "event: has to be one of run-started, measured, step, run-ended"),
        ({"event": "run-started", "run": "r", "procedure": "p"}, "run-started: unit: is missing or empty"),
        ({"event": "step", "run": "r"}, "step: step: is missing or empty"),
        ({"event": "step", "run": "", "step": "S"}, "step: run: is missing or empty"),
        (
            {"event": "run-ended", "run": "r", "outcome": "passed"},
            "run-ended: outcome: has to be pass, fail or aborted",
        ),
        (
            {"event": "step", "run": "r", "step": "S", "measurements": 3},
            "step: measurements: has to be a list of at most 1024",
        ),
        (
            {"event": "step", "run": "r", "step": "S", "duration_s": "2"},
            "step: duration_s: has to be a finite number, or left out",
        ),
        (RUN | {"value": nan}, "measured: value: has to be a finite number, or true, false or a text"),
        (RUN | {"value": None}, "measured: value: has to be a finite number, or true, false or a text"),
        (RUN | {"high": inf}, "measured: high: has to be a finite number, or left out"),
        (RUN | {"low": True}, "measured: low: has to be a finite number, or left out"),
        (RUN | {"value": 10**400}, "measured: value: has to be a finite number, or true, false or a text"),
        (RUN | {"time": "soon"}, "measured: time: has to be a time in ISO 8601 or since 1970, or to be left out"),
        (
            RUN | {"name": "x" * 201},
            "measured: name: a name is empty, over 200 characters, or holds control characters",
        ),
        (RUN | {"step": "S\n1"}, "measured: step: a name is empty, over 200 characters, or holds control characters"),
        (RUN | {"run": ["r"]}, "measured: run: has to be a text"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(said: dict[str, object], why: str) -> None:
    assert reason(said) == why


def test_a_name_said_twice_is_refused() -> None:
    assert reason('{"event":"step","run":"r","run":"q","step":"S"}') == "two values of one name"


@pytest.mark.parametrize("text", ['{"temp": 3}', '{"event": "door-open", "temp": 3}', "[1]", '"event" "run"', "{", ""])
def test_what_has_no_event_and_no_run_is_none(text: str) -> None:
    assert read(text) is None


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
FIELDS = ("step", "name", "value", "unit", "procedure", "version", "outcome", "measurements", "steps", "time", "low")


@given(
    st.sampled_from(["run-started", "measured", "step", "run-ended", "x"]),
    json_values,
    st.dictionaries(st.sampled_from(FIELDS), json_values),
)
def test_nothing_that_a_bench_says_raises(kind: str, run: object, said: dict[str, object]) -> None:
    outcome = read({"event": kind, "run": run, **said})
    assert isinstance(outcome, Told | Unread)


@given(st.binary(max_size=60))
def test_no_bytes_raise(body: bytes) -> None:
    read(b'{"event":"step","run":"r",' + body)


@pytest.mark.parametrize("form", ["json", "csv", "regex"])
def test_serial_lines_of_any_format_may_hold_run_events_among_readings(form: Literal["json", "csv", "regex"]) -> None:
    readings = {"json": b'{"a":1,"b":2}\n', "csv": b"1,2\n", "regex": b"1;2\n"}
    settings = SerialSource(
        port="/dev/x", device="bench-1", format=form, channels=("a", "b"), pattern="(?P<a>\\d);(?P<b>\\d)"
    )
    lines = parser(settings, source="line-1")
    assert isinstance(lines.parse(readings[form].strip()), Parsed)
    reader = LineReader(source="line-1", device="bench-1", parser=lines, max_line_bytes=1000)
    step = b'{"event":"step","run":"r","step":"S01","measurements":[{"name":"a","value":null}]}\n'
    harvest = reader.feed(b"\n" + readings[form] + step + b'{"event":"stop","run":"r"}\n', now_s=0.0)
    assert len(harvest.rows) == 1
    assert StepEnded("r", "S01", station="bench-1", source="line-1") in harvest.events
    assert [event.reason for event in harvest.events if isinstance(event, Refused)] == [
        "step: measurements: value: has to be a finite number, or true, false or a text",
        "event: has to be one of run-started, measured, step, run-ended",
    ]


def test_a_checksum_is_looked_at_first() -> None:
    lines = parser(SerialSource(port="/dev/x", device="b", format="json", checksum="nmea"), source="line-1")
    body = b'{"event":"step","run":"r","step":"S01"}'
    total = 0
    for byte in body:
        total ^= byte
    assert isinstance(lines.parse(b"$%s*%02X" % (body, total)), Told)
    assert lines.parse(b"$%s*%02X" % (body, total ^ 1)) == Unread("checksum does not match")
