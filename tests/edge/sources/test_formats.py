from functools import reduce
from operator import xor

import msgspec
import pytest

from edge.sources.formats import parser
from edge.sources.parsed import NOT_TEXT, Parsed, Unread
from wire.config import SerialSource

SERIAL = SerialSource(port="/dev/null", device="pump-1")


def summed(body: bytes) -> bytes:
    return b"$%s*%02X" % (body, reduce(xor, body, 0))


def test_named_groups_are_channels_and_the_group_time_is_the_time() -> None:
    pattern = r"T=(?P<temperature>\S+)( F=(?P<flow>\S+))? @(?P<time>\S+)"
    lines = parser(msgspec.structs.replace(SERIAL, format="regex", pattern=pattern))
    assert lines.parse(b"T=21.5 F=3 @1700000000") == Parsed(
        channels=("temperature", "flow"), values=(21.5, 3.0), claimed_ns=1_700_000_000_000_000_000
    )
    assert lines.parse(b"T=hot @1700000000") == Unread(reason="group temperature: not a finite number")
    assert lines.parse(b"T=1 @later") == Unread(reason="group time: not a time")
    assert lines.parse(b"junk T=1 @1700000000") == Unread(reason="the pattern does not match the line")
    assert lines.parse(b"\xff") == Unread(reason=NOT_TEXT)


@pytest.mark.parametrize("pattern", ["(", "no groups", ""])
def test_a_pattern_that_cannot_be_is_named(pattern: str) -> None:
    with pytest.raises(ValueError, match="pattern: "):
        parser(msgspec.structs.replace(SERIAL, format="regex", pattern=pattern))


def test_a_channel_without_its_group_is_named() -> None:
    with pytest.raises(ValueError, match="pattern: no named group for b"):
        parser(msgspec.structs.replace(SERIAL, format="regex", pattern="(?P<a>.)", channels=("a", "b")))


def test_a_right_checksum_lets_a_line_through_and_a_wrong_one_does_not() -> None:
    lines = parser(msgspec.structs.replace(SERIAL, channels=("a", "b"), checksum="nmea"))
    sentence = summed(b"1.5,2")
    assert lines.parse(sentence) == Parsed(channels=("a", "b"), values=(1.5, 2.0))
    assert lines.parse(sentence.lower()) == Parsed(channels=("a", "b"), values=(1.5, 2.0))
    assert lines.parse(sentence.replace(b"1.5", b"1.4")) == Unread(reason="checksum does not match")
    assert lines.parse(b"1.5,2") == Unread(reason="not of the form $...*hh")
    assert lines.parse(b"\xfe\xff") == Unread(reason=NOT_TEXT)
    assert lines.parse(b"$*") == Unread(reason="not of the form $...*hh")


def test_json_channels_are_dotted_paths() -> None:
    lines = parser(msgspec.structs.replace(SERIAL, format="json", channels=("m.rms",)))
    assert lines.parse(b'{"m": {"rms": 2}, "x": 3}') == Parsed(channels=("m.rms",), values=(2.0,))
