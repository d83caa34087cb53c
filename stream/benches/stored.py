"""The records of test benches as bytes, by name: versioned, packed small, checked by a CRC."""

import zlib
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

import msgspec

from stream.benches.records import Benches, Past, ProcedureRecord, StationRecord
from stream.benches.run import ANEW, RunRecord
from stream.seal import StateError, opened, sealed

# A record of another version starts anew. Raise it when the meaning of a kind changes.
VERSIONS: Mapping[str, int] = MappingProxyType({"run": 1, "station": 1, "procedure": 1, "past": 1})
LOST = "its record was lost and starts anew: what was known of it before is not in here"
LARGEST = 1 << 24  # bytes that a record may unpack to

_KINDS: Mapping[str, Any] = {
    "run": tuple[int, RunRecord],
    "station": tuple[int, StationRecord],
    "procedure": tuple[int, ProcedureRecord],
    "past": tuple[int, Past],
}
_encoder = msgspec.msgpack.Encoder()
_decoders = {kind: msgspec.msgpack.Decoder(made) for kind, made in _KINDS.items()}
_versions = msgspec.msgpack.Decoder(tuple[int, msgspec.Raw])


def key(kind: str, edge: str, name: str) -> str:
    """The name of a record.

    >>> key("run", "hall", "r/1")
    'run/hall/r%2F1'
    """
    return f"{kind}/{quote(edge, safe='')}/{quote(name, safe='')}"


def keys(edge: str, benches: Benches) -> Iterator[str]:
    """The names of all records of an edge."""
    for kind, records in _by_kind(benches).items():
        yield from (key(kind, edge, name) for name in records)


def packed(benches: Benches | None, kind: str, name: str) -> bytes:
    """A record as bytes; b"" if it is gone."""
    record = _by_kind(benches)[kind].get(name) if benches else None
    return sealed(zlib.compress(_encoder.encode((VERSIONS[kind], record)), 1)) if record else b""


def put(benches: Benches, kind: str, name: str, data: bytes) -> str:
    """Take a record in; in place of one that cannot be read a new one, and the reason why."""
    try:
        _by_kind(benches)[kind][name] = _unpacked(kind, data)
    except StateError as error:
        if kind == "run":
            benches.runs[name] = RunRecord(change=ANEW, remarks=(LOST,))
        return f"{kind} {name}: {error}"
    return ""


def _unpacked(kind: str, data: bytes) -> Any:
    try:
        body = zlib.decompressobj().decompress(opened(data), LARGEST)
        version, _ = _versions.decode(body)
        if version != VERSIONS[kind]:
            msg = f"version {version} of it is not known here"
            raise StateError(msg)
        return _decoders[kind].decode(body)[1]
    except (zlib.error, msgspec.MsgspecError) as error:
        msg = f"not readable: {error}"
        raise StateError(msg) from error


def _by_kind(benches: Benches) -> Mapping[str, dict[str, Any]]:
    return {
        "run": benches.runs,
        "station": benches.stations,
        "procedure": benches.procedures,
        "past": benches.past,
    }
