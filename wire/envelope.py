"""The envelope: a version byte, CRC-32, msgpack body; the same bytes in SQLite and Kafka."""

import binascii
import struct
from collections.abc import Sequence
from typing import TypeVar

import msgspec

from wire.messages import Input, Message, Outcome

VERSION = 1
MAX_BYTES = 64 * 1024 * 1024
_HEAD = struct.Struct(">BI")
_Msg = TypeVar("_Msg")
_encoder = msgspec.msgpack.Encoder()
_inputs: msgspec.msgpack.Decoder[Input] = msgspec.msgpack.Decoder(Input)
_outcomes: msgspec.msgpack.Decoder[Outcome] = msgspec.msgpack.Decoder(Outcome)
_several: msgspec.msgpack.Decoder[list[Outcome]] = msgspec.msgpack.Decoder(list[Outcome])
_ARRAYS = frozenset(bytes([code]) for code in (*range(0x90, 0xA0), 0xDC, 0xDD))  # how an array begins in msgpack


class Rejected(msgspec.Struct, frozen=True):
    """Bytes that hold no message, with the reason; a value, not an exception: bad input is expected."""

    reason: str


def pack(message: Message) -> bytes:
    """Wrap a message into its envelope."""
    body = _encoder.encode(message)
    return _HEAD.pack(VERSION, _checksum(VERSION, body)) + body


def unpack_input(data: bytes) -> Input | Rejected:
    """Open an envelope from the input stream: the message, or why it is none."""
    return _unpack(data, _inputs)


def unpack_outcome(data: bytes) -> Outcome | Rejected:
    """Open an envelope with an outcome: the message, or why it is none."""
    return _unpack(data, _outcomes)


def pack_outcomes(outcomes: Sequence[Outcome]) -> bytes:
    """Wrap several outcomes into one envelope, its body an array of what `pack` would wrap one by one."""
    body = _encoder.encode(outcomes)
    return _HEAD.pack(VERSION, _checksum(VERSION, body)) + body


def unpack_outcomes(data: bytes) -> Sequence[Outcome] | Rejected:
    """Open an envelope with one outcome or with several.

    >>> unpack_outcomes(pack_outcomes([]))
    []
    """
    if data[_HEAD.size : _HEAD.size + 1] in _ARRAYS:
        return _unpack(data, _several)
    outcome = _unpack(data, _outcomes)
    return outcome if isinstance(outcome, Rejected) else [outcome]


def _unpack(data: bytes, decoder: msgspec.msgpack.Decoder[_Msg]) -> _Msg | Rejected:
    if len(data) < _HEAD.size:
        return Rejected(reason=f"too short for an envelope: {len(data)} bytes")
    if len(data) > MAX_BYTES:
        return Rejected(reason=f"too long for an envelope: {len(data)} bytes")
    version, crc = _HEAD.unpack_from(data)
    body = memoryview(data)[_HEAD.size :]
    if version != VERSION:
        return Rejected(reason=f"unknown envelope version {version}, this program reads {VERSION}")
    if crc != _checksum(version, body):
        return Rejected(reason="checksum does not match: the bytes were damaged or are no Tocsin message")
    try:
        return decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return Rejected(reason=f"not a message of this kind: {error}")


def _checksum(version: int, body: bytes | memoryview) -> int:
    return binascii.crc32(body, version)
