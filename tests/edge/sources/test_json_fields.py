from math import isnan

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.sources.json_fields import JsonFields
from edge.sources.parsed import NOT_TEXT, Header, Outcome, Parsed, Unread
from wire.names import BAD_NAME


def read(text: str, *, fields: dict[str, str] | None = None, time_field: str = "") -> Outcome:
    return JsonFields(fields=fields, time_field=time_field).parse(text.encode())


def test_nested_names_are_joined_and_booleans_are_numbers() -> None:
    outcome = read('{"motor": {"rms": 1.5, "phases": [1, 2]}, "on": true, "off": false}')
    assert outcome == Parsed(
        channels=("motor.rms", "motor.phases.0", "motor.phases.1", "on", "off"), values=(1.5, 1.0, 2.0, 1.0, 0.0)
    )


def test_null_and_the_nan_literal_are_missing() -> None:
    outcome = read('{"a": null, "b": NaN, "c": 1}')
    assert isinstance(outcome, Parsed)
    assert [isnan(value) for value in outcome.values] == [True, True, False]


def test_text_is_told_apart_from_numbers() -> None:
    outcome = read('{"a": 1, "state": "open", "code": "21.5"}')
    assert outcome == Parsed(channels=("a",), values=(1.0,), texts=(("state", "open"), ("code", "21.5")))


def test_fields_pick_paths_and_give_every_row_the_same_channels() -> None:
    fields = {"temperature": "s.t", "flow": "s.f"}
    assert read('{"s": {"t": 5, "f": 2, "x": 9}}', fields=fields) == Parsed(
        channels=("temperature", "flow"), values=(5.0, 2.0)
    )
    partly = read('{"s": {"t": 5}}', fields=fields)
    assert isinstance(partly, Parsed)
    assert isnan(partly.values[1])
    assert read('{"u": 1}', fields=fields) == Unread(reason="JSON object without any of its fields")
    assert read('{"s": {"t": "hot"}}', fields=fields) == Unread(reason="s.t: not a finite number")


@pytest.mark.parametrize("time", ["1700000000", "1700000000000000000", "1700000000.0", '"2023-11-14T22:13:20Z"'])
def test_the_time_is_read_exactly(time: str) -> None:
    outcome = read(f'{{"meta": {{"time": {time}}}, "a": 1}}', time_field="meta.time")
    assert outcome == Parsed(channels=("a",), values=(1.0,), claimed_ns=1_700_000_000_000_000_000)


def test_no_time_is_no_claim_and_a_bad_time_is_refused() -> None:
    assert read('{"a": 1, "time": null}', time_field="time") == Parsed(channels=("a",), values=(1.0,))
    assert read('{"a": 1}', time_field="time") == Parsed(channels=("a",), values=(1.0,))
    assert read('{"a": 1, "time": "noon"}', time_field="time") == Unread(reason="time: not a time")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"[1]", "JSON, but no object"),
        (b"5", "JSON, but no object"),
        (b'{"a": 1', "not JSON"),
        (b'{"a": Infinity}', "a: not a finite number"),
        (b'{"a": 1e999}', "a: not a finite number"),
        (b'{"a": "x"}', "JSON object without a number"),
        (b"{}", "JSON object without a number"),
        (b'{"": 1}', BAD_NAME),
        (b'{"a\\u001b[2J": 1}', BAD_NAME),
        (b'{"a": 1, "a": 2}', "two values of one name"),
        (b'{"a": [1, 2], "b": 1, "b": 2}', "two values of one name"),
        (b'{"a": {"b": 1, "c": "x:", "b" : 2}}', "two values of one name"),
        (b'{"a.b": 1, "a": {"b": 2}}', "two values of one name"),
        (b"\xff\xfe", NOT_TEXT),
        (b'{"a": 1, "b": "\\ud800"}', "not JSON"),
        (b'{"a": 1, "\\udfff": NaN}', "not JSON"),
        (b'{"a":' * 100 + b"1" + b"}" * 100, "JSON nested too deeply"),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "JSON nested too deeply"),
        (b'{"a": [' + b"1," * 5000 + b"1]}", "more than 1024 values"),
        (b'{"a": 1' + b"0" * 400 + b"}", "a: not a finite number"),
    ],
)
def test_what_is_no_row_is_refused_with_its_reason(line: bytes, reason: str) -> None:
    assert JsonFields().parse(line) == Unread(reason=reason)


LEAVES = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5))
TREES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner))


@given(st.one_of(st.binary(), TREES.map(msgspec.json.encode)))
def test_any_payload_is_a_row_or_unread(line: bytes) -> None:
    for parser in (JsonFields(), JsonFields(time_field="a"), JsonFields(fields={"x": "a.0"})):
        outcome = parser.parse(line)
        assert isinstance(outcome, Parsed | Unread)
        assert not isinstance(outcome, Header)
        if isinstance(outcome, Parsed):
            assert len(set(outcome.channels)) == len(outcome.channels) == len(outcome.values) > 0
