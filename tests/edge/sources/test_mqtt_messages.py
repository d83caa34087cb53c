from math import isnan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.sources.mqtt_messages import MAX_PAYLOAD, MessageReader
from edge.sources.mqtt_topics import Place, TopicPattern
from wire.messages import Refused, Text
from wire.ports import Row


def reader(pattern: str = "plant/{device}/{channel}", **fields: str) -> MessageReader:
    return MessageReader(source="line", pattern=pattern, fields=fields, time_field="time")


def reason(topic: str | None, payload: bytes, *, retained: bool = False) -> str:
    harvest = reader().read(topic, payload, retained=retained)
    (event,) = harvest.events
    assert isinstance(event, Refused)
    assert harvest.rows == ()
    assert (event.source, event.size, event.body) == ("line", len(payload), payload[:4096])
    return event.reason


def test_a_topic_names_device_and_channel() -> None:
    pattern = TopicPattern("plant/{device}/{channel}")
    assert pattern.place("plant/pump-1/flow") == Place("pump-1", "flow")
    assert pattern.place("plant/pump-1") == Place("pump-1", None)
    assert pattern.place("plant/pump-1/flow/raw") is None
    assert pattern.place("plant//flow") is None
    assert TopicPattern("{channel}/of/{device}").place("flow/of/pump") == Place("pump", "flow")
    assert TopicPattern("m.x/{device}").place("mox/pump") is None


@pytest.mark.parametrize("pattern", ["plant", "plant/{channel}", "{device}/{device}", "{device}/{unit}"])
def test_a_pattern_that_cannot_be_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="pattern: expected"):
        TopicPattern(pattern)


def test_a_bare_number_is_a_row_of_one_channel() -> None:
    assert reader().read("plant/pump-1/flow", b" 2.5 ").rows == (Row("pump-1", ("flow",), (2.5,)),)
    assert reader().read("plant/pump-1/on", b"true").rows == (Row("pump-1", ("on",), (1.0,)),)
    assert isnan(reader().read("plant/pump-1/flow", b"nan").rows[0].values[0])


def test_a_mapping_is_a_row_with_its_own_time_and_words() -> None:
    payload = b'{"time": 1700000000000, "m": {"rms": 2}, "state": "run"}'
    harvest = reader().read("plant/pump-1", payload)
    assert harvest.rows == (Row("pump-1", ("m.rms",), (2.0,), 1_700_000_000_000_000_000),)
    assert harvest.events == (Text("pump-1", "state", "run", 1_700_000_000_000_000_000),)
    assert reader(vibration="m.rms").read("plant/pump-1", payload).rows[0].channels == ("vibration",)


def test_a_refusal_names_the_topic() -> None:
    assert reason("office/lamp", b"1") == "topic office/lamp does not fit the pattern plant/{device}/{channel}"
    assert reason("plant/pump-1/flow", b"1_0") == "topic plant/pump-1/flow: not a finite number"
    assert reason("plant/pump-1/flow", b"") == "topic plant/pump-1/flow: not a finite number"
    assert reason("plant/pump-1", b"5") == "topic plant/pump-1: JSON, but no object"
    assert reason("plant/pump-1", b" " * (MAX_PAYLOAD + 1)) == "topic plant/pump-1: payload larger than 1048576 bytes"
    assert reason(None, b"1") == "topic is not UTF-8"


def test_a_retained_copy_counts_only_with_its_own_time() -> None:
    assert "of unknown age" in reason("plant/pump-1/flow", b"5", retained=True)
    assert reader().read("plant/pump-1", b'{"time": 1700000000, "a": 1}', retained=True).rows


@given(topic=st.text(max_size=20), payload=st.binary(max_size=20), retained=st.booleans())
def test_every_message_ends_as_one_row_or_one_refusal(topic: str, payload: bytes, *, retained: bool) -> None:
    for name in (topic, "plant/a/b", "plant/a"):
        harvest = reader().read(name, payload, retained=retained)
        assert len(harvest.rows) + sum(isinstance(event, Refused) for event in harvest.events) == 1
