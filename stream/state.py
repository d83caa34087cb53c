"""The whole state of the core, and each of its records as bytes: versioned by part, checked by a CRC."""

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar, get_args
from urllib.parse import quote, unquote

import msgspec
import numpy as np

from stream.benches.records import Benches
from stream.devices.device import Device, Life, Watch
from stream.devices.grid import Grid
from stream.devices.health import Sense
from stream.devices.limits import Standing
from stream.devices.pace import Pace
from stream.devices.timetable import Timetable
from stream.edges import Edge
from stream.lanes import Lane
from stream.models.versions import Versions
from stream.seal import StateError, opened, sealed
from wire.messages import Alarm

# A part whose version differs starts cold, the others go on. Raise it when a part's meaning changes.
VERSIONS: Mapping[str, int] = {
    "channels": 1,
    "life": 1,
    "pace": 1,
    "sense": 2,
    "limits": 1,
    "grid": 1,
    "late": 1,
    "watch": 1,
    "alarms": 1,
    "shadow": 1,
}
_KINDS: Mapping[str, Any] = {
    "channels": tuple[str, ...],
    "life": Life,
    "pace": Pace,
    "sense": Sense,
    "limits": Standing,
    "grid": Grid | None,
    "late": Grid | None,
    "watch": Watch,
    "alarms": dict[str, Alarm],
    "shadow": Watch | None,
}
# Kept through every version: what an operator has to answer must not be forgotten by an update.
_ALWAYS = frozenset({"channels", "alarms"})


class CoreState(msgspec.Struct, frozen=True):
    """All that the core remembers between inputs; never changed in place."""

    devices: Mapping[tuple[str, str], Device] = {}  # by edge and name
    edges: Mapping[str, Edge] = {}
    lanes: Mapping[tuple[str, str], Lane] = {}  # by edge and log
    owners: Mapping[str, str] = {}  # the edge that a device belongs to
    models: Mapping[str, Versions] = {}  # set by model changes
    tables: Mapping[str, Timetable] = {}
    benches: Mapping[str, Benches] = {}  # by edge


_T = TypeVar("_T")


def _flat(value: object) -> object:
    if isinstance(value, np.ndarray):
        return value.tobytes()
    msg = f"{type(value)} is no part of a state"
    raise NotImplementedError(msg)


def _shaped(kind: Any, value: object) -> object:
    if not isinstance(value, bytes):
        msg = "an array is not bytes"
        raise StateError(msg)
    return np.frombuffer(value, dtype=get_args(get_args(kind)[1])[0])


_encoder = msgspec.msgpack.Encoder(enc_hook=_flat)
_decoders = {name: msgspec.msgpack.Decoder(kind, dec_hook=_shaped) for name, kind in _KINDS.items()}
_records = msgspec.msgpack.Decoder(dict[str, tuple[int, msgspec.Raw]])
_edges = msgspec.msgpack.Decoder(Edge)
_lanes = msgspec.msgpack.Decoder(Lane)
_models = msgspec.msgpack.Decoder(dict[str, int | Versions])


def device_key(edge: str, device: str) -> str:
    """The name of a device's record."""
    return f"device/{quote(edge, safe='')}/{quote(device, safe='')}"


def edge_key(edge: str) -> str:
    """The name of an edge's record."""
    return f"edge/{quote(edge, safe='')}"


def lane_key(edge: str, log: str) -> str:
    """The name of a lane's record."""
    return f"lane/{quote(edge, safe='')}/{quote(log, safe='')}"


MODELS_KEY = "models"
_NAMES: Mapping[str, int] = {"device": 2, "edge": 1, "lane": 2, "run": 2, "station": 2, "procedure": 2, "past": 2}


def split_key(key: str) -> list[str]:
    """Take a record's name apart again."""
    return [unquote(part) for part in key.split("/")]


def is_key(name: str) -> bool:
    """Whether a record can have this name.

    >>> [is_key(name) for name in ("device/hall/pump", "run/hall/r1", "edge/hall", "models", "device/hall", "edge")]
    [True, True, True, True, False, False]
    """
    kind, *names = name.split("/")
    return {**_NAMES, MODELS_KEY: 0}.get(kind) == len(names)


def pack_device(device: Device) -> bytes:
    """A device's record."""
    parts = {name: (version, getattr(device, name)) for name, version in VERSIONS.items()}
    return _sealed({**parts, "limits": (VERSIONS["limits"], device.limits.stored())})


def pack_other(record: Edge | Lane | Mapping[str, Versions]) -> bytes:
    """Any other record."""
    return _sealed(record)


def unpack_device(data: bytes) -> Device:
    """Read a device's record; a part of another version starts cold. Raises StateError if the record is damaged."""
    try:
        parts = _records.decode(opened(data))
        read = {
            name: _decoders[name].decode(raw)
            for name, (version, raw) in parts.items()
            if name in VERSIONS and (version == VERSIONS[name] or name in _ALWAYS)
        }
    except (msgspec.MsgspecError, ValueError, TypeError, IndexError) as error:
        msg = f"not readable: {error}"
        raise StateError(msg) from error
    device = Device.cold()
    device.grow(read.pop("channels", ()))
    for name, part in read.items():
        setattr(device, name, part)
    _fit(device)
    return device


def unpack_edge(data: bytes) -> Edge:
    """Read an edge's record; raises StateError."""
    return _decoded(_edges, data)


def unpack_lane(data: bytes) -> Lane:
    """Read a lane's record; raises StateError."""
    return _decoded(_lanes, data)


def unpack_models(data: bytes) -> dict[str, Versions]:
    """Read the versions of models; raises StateError."""
    return {name: Versions.stored(record) for name, record in _decoded(_models, data).items()}


def _decoded(decoder: msgspec.msgpack.Decoder[_T], data: bytes) -> _T:
    try:
        return decoder.decode(opened(data))
    except (msgspec.MsgspecError, ValueError) as error:
        msg = f"not readable: {error}"
        raise StateError(msg) from error


def _sealed(record: object) -> bytes:
    return sealed(_encoder.encode(record))


def _fit(device: Device) -> None:
    """A part that started cold beside others that did not must have their number of channels."""
    count = len(device.channels)
    sizes: Iterable[tuple[str, int]] = (
        ("sense", device.sense.value.size),
        ("pace", device.pace.count.size),
        ("grid", device.grid.value.size if device.grid else count),
        ("late", device.late.value.size if device.late else count),
    )
    if any(size != count for _, size in sizes):
        wrong = ", ".join(name for name, size in sizes if size != count)
        msg = f"its {wrong} does not fit its {count} channels"
        raise StateError(msg)
