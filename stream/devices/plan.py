"""What the configuration says of one device, laid out by its channels for whole columns at once."""

from typing import Literal

import msgspec
import numpy as np

from models.contract import F64, I64
from stream.alarms.panel import Texts
from stream.devices.running import Running, parse
from wire.config import Channel, Config, DeviceRule, Limits, channel

NEVER = 2**62  # past every time that a row or a clock may carry

Level = Literal["HH", "H", "LL", "L"]
_LEVELS: tuple[Level, ...] = ("HH", "H", "LL", "L")


class Bound(msgspec.Struct, frozen=True):
    """One static limit of one channel."""

    rule: str  # "limit:temperature:HH"
    row: str  # "limit:HH"
    cover: str  # the rule that answers for this one while it is not normal; "" = none
    covered: str  # the rule this one answers for
    channel: str
    limit: float
    uom: str
    texts: Texts


class Plan(msgspec.Struct, frozen=True):
    """A device's rules by channel and by bound; arrays are never changed after they were made."""

    channels: tuple[str, ...]
    uoms: tuple[str, ...]
    low: F64
    high: F64
    ranged: bool
    stuck_ns: I64  # 0 = not said
    silent_ns: I64  # 0 = not said
    bounds: tuple[Bound, ...]
    columns: I64  # of each bound
    signs: F64  # +1 for H and HH, -1 for L and LL
    thresholds: F64  # signed: violated at or above
    deadbands: F64
    delays_ns: I64
    every_ns: int  # 0 = learnt
    device_silent_ns: int  # 0 = not said
    running: Running | None
    model: str | None
    texts: Texts
    range_rules: tuple[str, ...]
    stuck_rules: tuple[str, ...]
    silent_rules: tuple[str, ...]


def plan(config: Config, device: str, channels: tuple[str, ...]) -> Plan:
    """Lay out what the configuration says of a device with these channels; raises RunningError."""
    rule = config.device(device)
    entries = [channel(rule, name) for name in channels]
    bounds = [found for index, entry in enumerate(entries) for found in _bounds(index, channels[index], entry)]
    low, high = _floats([e.low for e in entries], -np.inf), _floats([e.high for e in entries], np.inf)
    return Plan(
        channels=channels,
        uoms=tuple(e.uom or "" for e in entries),
        low=low,
        high=high,
        ranged=bool(np.isfinite(low).any() or np.isfinite(high).any()),
        stuck_ns=np.array([e.stuck_after_ns or 0 for e in entries], dtype=np.int64),
        silent_ns=np.array([e.silent_after_ns or 0 for e in entries], dtype=np.int64),
        bounds=tuple(b[0] for b in bounds),
        columns=np.array([b[1] for b in bounds], dtype=np.int64),
        signs=np.array([b[2] for b in bounds], dtype=np.float64),
        thresholds=np.array([b[2] * b[0].limit for b in bounds], dtype=np.float64),
        deadbands=np.array([b[3].deadband for b in bounds], dtype=np.float64),
        delays_ns=np.array([b[3].delay_ns for b in bounds], dtype=np.int64),
        every_ns=rule.every_ns or 0,
        device_silent_ns=rule.silent_after_ns or 0,
        running=parse(rule.running_when) if rule.running_when else None,
        model=rule.model,
        texts=_texts(rule),
        range_rules=tuple(f"range:{name}" for name in channels),
        stuck_rules=tuple(f"stuck:{name}" for name in channels),
        silent_rules=tuple(f"silent:{name}" for name in channels),
    )


def _bounds(index: int, name: str, entry: Channel) -> list[tuple[Bound, int, float, Limits]]:
    limits = entry.limits
    if limits is None:
        return []
    found = []
    for level in _LEVELS:
        limit = getattr(limits, level)
        if limit is None:
            continue
        severe = level in {"HH", "LL"}
        bound = Bound(
            rule=f"limit:{name}:{level}",
            row=f"limit:{level}",
            cover="" if severe else f"limit:{name}:{level * 2}",
            covered=f"limit:{name}:{level[0]}" if severe else "",
            channel=name,
            limit=float(limit),
            uom=entry.uom or "",
            texts=Texts(limits.cause, limits.consequence, limits.response),
        )
        found.append((bound, index, 1.0 if level[0] == "H" else -1.0, limits))
    return found


def _texts(rule: DeviceRule) -> Texts:
    return Texts(rule.cause or "", rule.consequence or "", rule.response or "")


def _floats(values: list[float | None], missing: float) -> F64:
    return np.array([missing if v is None else v for v in values], dtype=np.float64)
