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
    Candidate,
    DeadLetter,
    Health,
    Label,
    Liveness,
    Meaning,
    Origin,
    Priority,
    Role,
    Run,
    Scores,
    Step,
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
    RunEvent,
    RunStarted,
    SourceState,
    SourceStatus,
    StepEnded,
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
    "Backtested",
    "Batch",
    "Candidate",
    "ClockDoubted",
    "DeadLetter",
    "Event",
    "Frame",
    "Gap",
    "Health",
    "Input",
    "Label",
    "Labelled",
    "Liveness",
    "Meaning",
    "Measured",
    "Message",
    "ModelChange",
    "Origin",
    "OutboxState",
    "Outcome",
    "Priority",
    "Redelivered",
    "Refused",
    "Role",
    "Run",
    "RunEnded",
    "RunEvent",
    "RunStarted",
    "Scores",
    "SourceState",
    "SourceStatus",
    "Step",
    "StepEnded",
    "Text",
    "Tick",
    "Verb",
    "Verdict",
    "Watched",
]


class Verb(StrEnum):
    """What a person may do with an alarm."""

    ACKNOWLEDGE = "acknowledge"
    ACCEPT_NORMAL = "accept-normal"
    SHELVE = "shelve"
    UNSHELVE = "unshelve"
    ADVISE = "advise"  # rule "advice:PROCEDURE": from here on benches are told to stop
    WITHHOLD = "withhold"  # and from here on they are not


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
    rule: str = ""
    from_ns: Int64 = 0  # what is judged: from the alarm's onset
    to_ns: Int64 = 0  # to its end, or to now
    model: str = ""
    model_version: Count = 0


class Labelled(msgspec.Struct, frozen=True, omit_defaults=True, tag="labelled"):
    """A person labels rows or a run, or withdraws a label: then it is the same label with who withdrew it."""

    id: str
    edge: str
    label: Label


class Watched(msgspec.Struct, frozen=True, omit_defaults=True, tag="watched"):
    """What comes to a model, or from it, has moved (`stands`) or has come back; `device` "*": no one device."""

    id: str
    edge: str
    device: str
    model: str
    version: Count
    stands: bool
    value: float = 0.0
    limit: float = 0.0
    channel: str = ""
    detail: str = ""
    at_ns: Int64 = 0


class Backtested(msgspec.Struct, frozen=True, omit_defaults=True, tag="backtested"):
    """Scores of recorded rows by some version of a model; stored beside the live ones, ringing nothing."""

    id: str
    edge: str
    scores: Scores


class Tick(msgspec.Struct, frozen=True, omit_defaults=True, tag="tick"):
    """Wall time, written by a shell that has read its inputs to the end; only `edge silent` needs it."""

    at_ns: Int64


class ModelChange(msgspec.Struct, frozen=True, omit_defaults=True, tag="model-change"):
    """From here on devices that name model `name` are scored by `version`, or also by it if it is the candidate.

    Version 0 of a candidate: there is none any more. With `trouble` that version could not be put to work, and all
    stays as it is.
    """

    id: str
    name: str
    version: Count
    who: str = ""
    at_ns: Int64 = 0
    role: Literal["champion", "candidate"] = "champion"
    trouble: str = ""


Input = Batch | Action | Verdict | Tick | ModelChange | Labelled | Watched | Backtested
Outcome = Scores | Alarm | Advice | Liveness | DeadLetter | Run | Label
Message = Input | Outcome
