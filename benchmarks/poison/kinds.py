"""Ways in which an input can be bad: a row each, with how it has to end."""

import binascii
import random
import struct
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

import msgspec
import numpy as np

from wire.envelope import pack
from wire.messages import (
    Action,
    Alarm,
    AlarmState,
    Batch,
    Event,
    Frame,
    Gap,
    ModelChange,
    Origin,
    Priority,
    SourceState,
    SourceStatus,
    Text,
    Verb,
)

LARGE = 3 * 1024 * 1024  # more than a worker takes at once
LAST = 2**63 - 1


class Fate(StrEnum):
    """How an input has to end."""

    BURIED = "buried"  # as a dead letter that names its place on the bus
    REFUSED = "refused"  # as a dead letter with its bytes: it can be read and means nothing
    TAKEN = "taken"  # as any other input, however odd its numbers


class Poison(msgspec.Struct, frozen=True):
    """One bad record; `body` None erases, as in compacted topics."""

    key: bytes
    body: bytes | None
    fate: Fate


class Dose(msgspec.Struct, frozen=True):
    """What a kind of poison is made of: chance, a good input with its key, and a number that nobody else has."""

    chance: random.Random
    good: bytes
    key: bytes
    number: int

    @property
    def edge(self) -> str:
        """An edge that says nothing good."""
        return f"hostile-{self.number}"


Made = bytes | None
Buried = Callable[[Dose], Made]


def envelope(body: bytes, version: int = 1) -> bytes:
    """Whatever bytes with a checksum that is right."""
    return struct.pack(">BI", version, binascii.crc32(body, version)) + body


def _flipped(dose: Dose) -> bytes:
    body = bytearray(dose.good)
    for place in dose.chance.sample(range(8 * len(body)), dose.chance.randint(1, 8)):
        body[place // 8] ^= 1 << place % 8
    return bytes(body)


def _batch(dose: Dose, **more: Any) -> dict[str, Any]:
    """A batch as a map, to be spoilt."""
    said = {"type": "batch", "edge": dose.key.decode(), "log": "0" * 32, "seq": 1, "clock_ns": 1, "frames": []}
    return {**said, **more}


def _spoilt(dose: Dose, **more: Any) -> bytes:
    return envelope(msgspec.msgpack.encode(_batch(dose, **more)))


def _frame(**more: Any) -> dict[str, Any]:
    return {"device": "d", "channels": ["a"], "t_ns": b"\0" * 8, "values": b"\0" * 8, **more}


def _alarm(dose: Dose) -> bytes:
    origin = Origin(dose.edge, "0" * 32, 1)
    return pack(
        Alarm("a", origin, dose.edge, "d", "silent", 1, AlarmState.UNACKNOWLEDGED, Priority.LOW, 1, 1, "It rings")
    )


BURIED: Mapping[str, Buried] = {
    "bits flipped": _flipped,
    "cut off": lambda dose: dose.good[: dose.chance.randrange(1, len(dose.good))],
    "too long": lambda dose: dose.good + dose.chance.randbytes(dose.chance.randint(1, 9)),
    "twice over": lambda dose: dose.good * 2,
    "empty": lambda _: b"",
    "tombstone": lambda _: None,
    "garbage": lambda dose: dose.chance.randbytes(dose.chance.randint(1, 2000)),
    "text": lambda dose: b'{"device": "pump-%d", "temperature": 70}' % dose.number,
    "another version": lambda dose: bytes([dose.chance.randint(2, 255)]) + dose.good[1:],
    "a later version, whole": lambda dose: envelope(dose.good[5:], 2),
    "nonsense, checksum right": lambda dose: envelope(dose.chance.randbytes(dose.chance.randint(1, 500))),
    "no body": lambda _: envelope(b""),
    "a number": lambda dose: envelope(msgspec.msgpack.encode(dose.number)),
    "a list": lambda dose: envelope(msgspec.msgpack.encode([_batch(dose)])),
    "of no kind": lambda dose: envelope(msgspec.msgpack.encode({"edge": dose.edge})),
    "of an unknown kind": lambda dose: envelope(msgspec.msgpack.encode({"type": "wish", "edge": dose.edge})),
    "an outcome": _alarm,
    "shapes that disagree": lambda dose: _spoilt(dose, frames=[_frame(values=b"\0" * 24)]),
    "half a time": lambda dose: _spoilt(dose, frames=[_frame(t_ns=b"\0" * 7)]),
    "times that go back": lambda dose: _spoilt(dose, frames=[_frame(t_ns=b"\1" + b"\0" * 15, values=b"\0" * 16)]),
    "a channel twice": lambda dose: _spoilt(dose, frames=[_frame(channels=["a", "a"], values=b"\0" * 16)]),
    "no channel": lambda dose: _spoilt(dose, frames=[_frame(channels=[], values=b"")]),
    "an unknown dtype": lambda dose: _spoilt(dose, frames=[_frame(dtype="f16")]),
    "a number below all": lambda dose: _spoilt(dose, seq=-1),
    "a number past all": lambda dose: _spoilt(dose, seq=2**64 - 1),
    "a clock past all": lambda dose: _spoilt(dose, clock_ns=2**63),
    "text for a number": lambda dose: _spoilt(dose, seq="one"),
    "an unknown event": lambda dose: _spoilt(dose, events=[{"type": "wish"}]),
    "a length that lies": lambda _: envelope(b"\x82\xa4type\xa5batch\xa4edge\xdb\xff\xff\xff\xffx"),
    "a count that lies": lambda _: envelope(b"\x82\xa4type\xa5batch\xa6frames\xdd\xff\xff\xff\xff\xc0"),
    "a map that lies": lambda _: envelope(b"\xdf\xff\xff\xff\xff\xa4type\xa5batch"),
    "no text at all": lambda _: envelope(b"\x82\xa4type\xa5batch\xa4edge\xa2\xff\xfe"),
    "deep nesting": lambda _: envelope(b"\x91" * 100_000),
    "deep nesting within": lambda _: envelope(b"\x82\xa4type\xa5batch\xa4wish" + b"\x81\xa1a" * 50_000 + b"\xc0"),
    "more than a letter holds": lambda dose: envelope(dose.chance.randbytes(200_000)),
}


def _said(dose: Dose, *frames: Frame, events: tuple[Event, ...] = (), clock_ns: int | None = None) -> bytes:
    at_ns = 1_780_000_000_000_000_000 if clock_ns is None else clock_ns
    return pack(Batch(dose.edge, f"{dose.number:032x}", 1, clock_ns=at_ns, frames=frames, events=events))


def _rows(dose: Dose, times: list[int], values: list[float], name: str = "", channels: tuple[str, ...] = ()) -> Frame:
    names = channels or ("a",)
    block = np.repeat(np.array(values, "<f8")[:, None], len(names), axis=1)
    return Frame(name or f"odd-{dose.number}", names, np.array(times, "<i8").tobytes(), block.tobytes())


def _number_0(dose: Dose) -> bytes:
    return pack(Batch(dose.edge, f"{dose.number:032x}", 0, clock_ns=1))


def _action(dose: Dose) -> bytes:
    return pack(Action(f"x{dose.number}", dose.edge, "nobody", "silent", Verb.ACKNOWLEDGE, "anna"))


REFUSED: Mapping[str, Buried] = {
    "number 0": _number_0,
    "a clock before 1970": lambda dose: _said(dose, clock_ns=-1),
    "a clock past 2116": lambda dose: _said(dose, clock_ns=LAST),
    "an answer to nobody": _action,
    "a model that is not": lambda dose: pack(ModelChange(f"m{dose.number}", "nothing", 7)),
}
TAKEN: Mapping[str, Buried] = {
    "no number": lambda dose: _said(dose, _rows(dose, [1, 2, 3], [float("nan")] * 3)),
    "infinite": lambda dose: _said(dose, _rows(dose, [1, 2], [float("inf"), float("-inf")])),
    "as large as can be": lambda dose: _said(dose, _rows(dose, [10**18, 10**18 + 1], [1.7e308, -1.7e308])),
    "no rows": lambda dose: _said(dose, _rows(dose, [], [])),
    "times before 1970": lambda dose: _said(dose, _rows(dose, [-LAST - 1, -5], [1.0, 2.0])),
    "times past all": lambda dose: _said(dose, _rows(dose, [0, LAST], [1.0, 2.0])),
    "a huge name": lambda dose: _said(dose, _rows(dose, [1], [1.0], name="é" * 100_000)),
    "a name of signs": lambda dose: _said(dose, _rows(dose, [1], [1.0], name=f'{dose.number}/@\0\n\r%,= "\\{{x}}')),
    "huge channels": lambda dose: _said(dose, _rows(dose, [1], [1.0], channels=("a" * 70_000, "b" * 70_000))),
    "thousands of channels": lambda dose: _said(
        dose, _rows(dose, [1], [1.0], channels=tuple(f"c{i}" for i in range(3000)))
    ),
    "odd events": lambda dose: _said(
        dose,
        events=(
            Gap("*", -LAST - 1, LAST, LAST, "x" * 100_000),
            SourceState("\0", SourceStatus.FAILED, "y" * 100_000, LAST),
            Text("", "", "\0" * 1000, -LAST),
        ),
    ),
    "nothing": _said,
}


def poison(dose: Dose) -> tuple[str, Poison]:
    """Some poison, and what kind it is."""
    turn = dose.number % 100
    if turn == 50:
        large = _said(dose, _rows(dose, list(range(LARGE // 16)), [1.0] * (LARGE // 16)))
        return "too large", Poison(dose.edge.encode(), large, Fate.BURIED)
    if turn in {20, 70}:
        return "under another key", Poison(dose.key, _said(dose, _rows(dose, [1], [1.0])), Fate.BURIED)
    if turn % 10 == 1:
        name = dose.chance.choice(sorted(REFUSED))
        return name, Poison(dose.edge.encode(), REFUSED[name](dose), Fate.REFUSED)
    if turn % 10 == 2:
        name = dose.chance.choice(sorted(TAKEN))
        return name, Poison(dose.edge.encode(), TAKEN[name](dose), Fate.TAKEN)
    name = sorted(BURIED)[dose.number * 11 % len(BURIED)]
    return name, Poison(dose.key, BURIED[name](dose), Fate.BURIED)
