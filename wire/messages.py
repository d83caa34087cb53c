"""Every message that crosses a room or a process, as frozen structs; knows nothing of bytes on disk or wire.

Times are integer nanoseconds since 1970 UTC. Unknown fields are ignored when decoding, so fields may be
added with a default, never renamed.
"""

from enum import StrEnum
from typing import Literal

import msgspec

from wire.numbers import NS_PER_S, Count, Int64
from wire.outcomes import (
    NEAR_LIMIT,
    Advice,
    Alarm,
    AlarmState,
    DeadLetter,
    Health,
    Liveness,
    Origin,
    Priority,
    Scores,
)
from wire.readings import (
    FLOAT_CODES,
    Batch,
    ClockDoubted,
    Event,
    Frame,
    Gap,
    Measured,
    OutboxState,
    Redelivered,
    Refused,
    RunEnded,
    RunStarted,
    SourceState,
    SourceStatus,
    Text,
)

__all__ = [
    "FLOAT_CODES",
    "NEAR_LIMIT",
    "NS_PER_S",
    "Action",
    "Advice",
    "Alarm",
    "AlarmState",
    "Batch",
    "ClockDoubted",
    "DeadLetter",
    "Event",
    "Frame",
    "Gap",
    "Health",
    "Input",
    "Liveness",
    "Measured",
    "Message",
    "ModelChange",
    "Origin",
    "OutboxState",
    "Outcome",
    "Priority",
    "Redelivered",
    "Refused",
    "RunEnded",
    "RunStarted",
    "Scores",
    "SourceState",
    "SourceStatus",
    "Text",
    "Tick",
    "Verb",
    "Verdict",
]


class Verb(StrEnum):
    """What a person may do with an alarm."""

    ACKNOWLEDGE = "acknowledge"
    ACCEPT_NORMAL = "accept-normal"
    SHELVE = "shelve"
    UNSHELVE = "unshelve"


class Action(msgspec.Struct, frozen=True, omit_defaults=True, tag="action"):
    """A person acts on an alarm of a device; travels in the input stream so that every replay repeats it."""

    id: str
    edge: str
    device: str
    rule: str
    verb: Verb
    who: str
    why: str = ""
    until_ns: Int64 = 0
    at_ns: Int64 = 0


class Verdict(msgspec.Struct, frozen=True, omit_defaults=True, tag="verdict"):
    """What an operator found behind an alarm."""

    id: str
    edge: str
    device: str
    alarm: str
    finding: Literal["true", "false-alarm", "maintenance"]
    who: str
    comment: str = ""
    at_ns: Int64 = 0


class Tick(msgspec.Struct, frozen=True, omit_defaults=True, tag="tick"):
    """Wall time, written by a shell that has read its inputs to the end; only `edge silent` needs it."""

    at_ns: Int64


class ModelChange(msgspec.Struct, frozen=True, omit_defaults=True, tag="model-change"):
    """From here on devices that name model `name` are scored by `version`."""

    id: str
    name: str
    version: Count
    who: str = ""
    at_ns: Int64 = 0


Input = Batch | Action | Verdict | Tick | ModelChange
Outcome = Scores | Alarm | Advice | Liveness | DeadLetter
Message = Input | Outcome
