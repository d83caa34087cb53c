"""The envelope: what is packed comes back, whatever else comes is rejected with a reason."""

import binascii
import struct

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.strategies import batches, inputs, outcomes
from wire.envelope import MAX_BYTES, VERSION, Rejected, pack, unpack_input, unpack_outcome
from wire.messages import Batch, Frame, Input, Outcome, Scores, Tick

encode = msgspec.msgpack.encode
LONGEST = b"\xff\xff\xff\xff"
BATCH = b"\x86" + b"".join(map(encode, ("type", "batch", "edge", "e", "log", "x", "seq", 1, "clock_ns", 1)))


def enveloped(body: bytes, version: int = VERSION) -> bytes:
    """A sound envelope around any body, as an ill-meaning or a newer program would make it."""
    return struct.pack(">BI", version, binascii.crc32(body, version)) + body


@given(inputs)
def test_every_input_survives(message: Input) -> None:
    assert unpack_input(pack(message)) == message


@given(outcomes)
def test_every_outcome_survives(message: Outcome) -> None:
    assert unpack_outcome(pack(message)) == message


@given(inputs, st.data())
def test_a_truncated_input_is_rejected(message: Input, data: st.DataObject) -> None:
    packed = pack(message)
    assert isinstance(unpack_input(packed[: data.draw(st.integers(0, len(packed) - 1))]), Rejected)


@given(inputs, st.data())
def test_one_flipped_bit_is_rejected(message: Input, data: st.DataObject) -> None:
    packed = bytearray(pack(message))
    bit = data.draw(st.integers(0, len(packed) * 8 - 1))
    packed[bit // 8] ^= 1 << bit % 8
    assert isinstance(unpack_input(bytes(packed)), Rejected)


@given(outcomes, st.data())
def test_a_burst_of_up_to_32_bits_is_rejected(message: Outcome, data: st.DataObject) -> None:
    packed = bytearray(pack(message))
    start = data.draw(st.integers(0, len(packed) - 1))
    burst = data.draw(st.binary(min_size=1, max_size=4).filter(any))
    for place, byte in enumerate(burst[: len(packed) - start], start=start):
        packed[place] ^= byte
    assert (bytes(packed) == pack(message)) or isinstance(unpack_outcome(bytes(packed)), Rejected)


@given(inputs, st.lists(st.integers(0, 2**30), min_size=2, max_size=12, unique=True))
def test_many_flipped_bits_are_never_half_a_message(message: Input, bits: list[int]) -> None:
    packed = bytearray(pack(message))
    for bit in bits:
        packed[bit // 8 % len(packed)] ^= 1 << bit % 8
    assert isinstance(unpack_input(bytes(packed)), Rejected) or bytes(packed) == pack(message)


@given(st.binary(max_size=200))
def test_foreign_bytes_are_rejected(data: bytes) -> None:
    assert isinstance(unpack_input(data), Rejected)
    assert isinstance(unpack_outcome(data), Rejected)


@given(st.binary(max_size=200))
def test_a_sound_envelope_around_foreign_bytes_is_rejected(body: bytes) -> None:
    assert isinstance(unpack_input(enveloped(body)), Rejected)


@given(st.recursive(st.none() | st.integers(0, 9) | st.text(max_size=3), lambda more: st.lists(more, max_size=3)))
def test_another_programs_msgpack_is_rejected(thing: object) -> None:
    assert isinstance(unpack_input(enveloped(encode(thing))), Rejected)


@given(inputs)
def test_an_input_is_no_outcome(message: Input) -> None:
    assert isinstance(unpack_outcome(pack(message)), Rejected)


@given(batches, st.integers(0, 255).filter(lambda version: version != VERSION))
def test_another_version_is_rejected_by_name(batch: Batch, version: int) -> None:
    answer = unpack_input(enveloped(encode(batch), version))
    assert isinstance(answer, Rejected)
    assert f"version {version}" in answer.reason


@given(inputs, st.dictionaries(st.text(min_size=30, max_size=40), st.binary(max_size=9), max_size=3))
def test_unknown_fields_are_ignored(message: Input, unknown: dict[str, bytes]) -> None:
    fields = msgspec.msgpack.decode(encode(message))
    assert unpack_input(enveloped(encode({**fields, **unknown}))) == message


def test_nan_keeps_its_payload_and_its_sign() -> None:
    odd = bytes.fromhex("efbeadde0000f8ff 0100000000 00f07f".replace(" ", ""))
    frame = Frame("d", ("a", "b"), bytes(8), odd)
    batch = unpack_input(pack(Batch("e", "l", 1, 0, frames=(frame,))))
    assert isinstance(batch, Batch)
    assert batch.frames[0].values == odd


@pytest.mark.parametrize(
    "body",
    [
        BATCH + encode("frames") + b"\xdd" + LONGEST,
        BATCH + encode("frames") + b"\x91\x84" + encode("device") + b"\xdb" + LONGEST,
        BATCH + encode("unknown") + b"\xdd" + LONGEST,
        BATCH + encode("unknown") + b"\xdf" + LONGEST,
        BATCH + encode("unknown") + b"\xc6" + LONGEST,
        BATCH + encode("unknown") + b"\x91" * 200_000,
        BATCH + encode("unknown") + b"\x81\xa1a" * 200_000,
        BATCH + encode("unknown") + encode([]) + b"\xc0",
        b"\xdf" + LONGEST,
        b"\x82" + encode("type") + encode("tick") + encode("at_ns") + encode(2**64 - 1),
        b"\x82" + encode("type") + encode("tick") + encode("at_ns") + b"\xd6\xff\x00\x00\x00\x00",
        b"\x82" + encode("type") + encode("tick") + b"\xa2\xff\xfe" + encode(1),
        b"\x82" + encode("type") + encode("model-change") + encode("id") + b"\xa2\xff\xfe",
    ],
    ids=range(13),
)
def test_a_body_that_promises_more_than_it_holds_is_rejected(body: bytes) -> None:
    assert isinstance(unpack_input(enveloped(body)), Rejected)


def test_an_envelope_beyond_the_bound_is_rejected_unread() -> None:
    answer = unpack_input(bytes(MAX_BYTES + 1))
    assert isinstance(answer, Rejected)
    assert "too long" in answer.reason


def one_frame(**changed: object) -> bytes:
    """A batch of one frame with some fields replaced, as a program with a fault would send it."""
    frame = {"device": "d", "channels": ["a"], "t_ns": bytes(8), "values": bytes(8)} | changed
    fields = {"type": "batch", "edge": "e", "log": "l", "seq": 1, "clock_ns": 1, "frames": [frame]}
    return enveloped(encode(fields))


@pytest.mark.parametrize(
    "changed",
    [
        {"channels": []},
        {"channels": ["a", "a"], "values": bytes(16)},
        {"values": bytes(7)},
        {"values": bytes(16)},
        {"t_ns": bytes(9)},
        {"t_ns": bytes(16), "values": bytes(16)},
        {"t_ns": struct.pack("<2q", 2, 1), "values": bytes(16)},
        {"dtype": "f4"},
        {"dtype": "i8"},
    ],
)
def test_a_frame_whose_parts_do_not_fit_is_rejected(changed: dict[str, object]) -> None:
    assert isinstance(unpack_input(one_frame()), Batch)
    assert isinstance(unpack_input(one_frame(**changed)), Rejected)


def test_scores_whose_parts_do_not_fit_are_rejected() -> None:
    whole = msgspec.json.decode(b'{"type":"scores","origin":{"edge":"e","log":"l","seq":1},"edge":"e","device":"d"}')
    whole |= {"model": "m", "version": 1, "channels": ["a"]}
    fitting = {"t_ns": bytes(8), "score": bytes(4), "contributions": bytes(4)}
    assert isinstance(unpack_outcome(enveloped(encode(whole | fitting))), Scores)
    for name in fitting:
        assert isinstance(unpack_outcome(enveloped(encode(whole | fitting | {name: bytes(3)}))), Rejected)


def test_the_bounds_of_a_time_are_those_of_int64() -> None:
    for at_ns in (-(2**63), 2**63 - 1):
        assert unpack_input(pack(Tick(at_ns))) == Tick(at_ns)
