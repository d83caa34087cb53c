"""Whole messages as text fields: msgpack, deflated, in base64; knows no line and no query."""

from base64 import b64decode, b64encode
from typing import TypeVar
from zlib import compress, decompressobj

import msgspec

from store.influx.protocol import Whole

LONGEST = 60_000  # characters; InfluxDB refuses 64 KiB
BIGGEST = 4_000_000  # bytes that a text may become again
_encode = msgspec.msgpack.Encoder().encode
_Told = TypeVar("_Told")


def written(message: object) -> Whole | None:
    """A message as text; None where it would be too long."""
    text = b64encode(compress(_encode(message), 1)).decode()
    return Whole(text) if len(text) <= LONGEST else None


def told(text: str, kind: type[_Told]) -> _Told | None:
    """The message of a text; None for what is none."""
    try:
        body = decompressobj().decompress(b64decode(text), BIGGEST)
        return msgspec.msgpack.decode(body, type=kind)
    except (ValueError, msgspec.DecodeError, OSError):
        return None
