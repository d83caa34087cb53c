"""Every message that crosses a room or a process, as frozen structs; knows nothing of bytes on disk or wire.

Times are integer nanoseconds since 1970 UTC. Unknown fields are ignored when decoding, so fields may be
added with a default, never renamed.
"""

from array import array
from collections.abc import Mapping
from enum import StrEnum
from operator import lt
from typing import Literal

import msgspec

NS_PER_S = 1_000_000_000
FLOAT_CODES: Mapping[str, str] = {"f8": "d", "f4": "f"}  # dtype tag -> array typecode, both little-endian


class Frame(msgspec.Struct, frozen=True, omit_defaults=True):
    """n rows of one device with c channels: times strictly increasing, values row-major, NaN = missing.

    Raises ValueError (msgspec.ValidationError when decoding) if the sizes disagree or times do not increase.
    """

    device: str
    channels: tuple[str, ...]
    t_ns: bytes  # little-endian int64 x n
    values: bytes  # little-endian float32 or float64 x n x c
    dtype: Literal["f8", "f4"] = "f8"
    own_times: bool = False  # recorded data with its own times: they, not the edge's clock, drive its timers

    def __post_init__(self) -> None:
        """Refuse a frame whose parts do not fit together."""
        if not self.channels or len(set(self.channels)) != len(self.channels):
            msg = f"frame of {self.device!r} needs distinct channels, got {self.channels!r}"
            raise ValueError(msg)
        width = 8 if self.dtype == "f8" else 4
        if len(self.t_ns) % 8 or len(self.values) * 8 != len(self.t_ns) * len(self.channels) * width:
            msg = f"frame of {self.device!r}: {len(self.t_ns)} B of times, {len(self.values)} B of values do not fit"
            raise ValueError(msg)
        times = array("q", self.t_ns)
        if not all(map(lt, times, times[1:])):
            msg = f"frame of {self.device!r}: times must strictly increase"
            raise ValueError(msg)

    @property
    def rows(self) -> int:
        """Number of rows n."""
        return len(self.t_ns) // 8


class RunStarted(msgspec.Struct, frozen=True, omit_defaults=True, tag="run-started"):
    """A unit begins a procedure on a station."""

    run: str
    unit: str
    procedure: str
    version: str
    station: str
    operator: str = ""
    retest_of: str = ""


class Measured(msgspec.Struct, frozen=True, omit_defaults=True, tag="measured"):
    """One measurement of one step of a run, with its limits where it has any."""

    run: str
    step: str
    name: str
    value: float | str | bool
    uom: str = ""
    low: float | None = None
    high: float | None = None


class RunEnded(msgspec.Struct, frozen=True, omit_defaults=True, tag="run-ended"):
    """A run is over."""

    run: str
    outcome: Literal["pass", "fail", "aborted"]


class Text(msgspec.Struct, frozen=True, omit_defaults=True, tag="text"):
    """Text a device said; numbers travel in frames."""

    device: str
    name: str
    text: str
    t_ns: int = 0


class Gap(msgspec.Struct, frozen=True, omit_defaults=True, tag="gap"):
    """A stretch known to be lost or thinned; `device` is "*" for all of the source or edge, rows -1 if unknown."""

    device: str
    from_ns: int
    to_ns: int
    rows: int
    reason: str
    source: str = ""


class SourceStatus(StrEnum):
    """What a source is doing."""

    STARTING = "starting"
    CONNECTED = "connected"
    RETRYING = "retrying"
    FAILED = "failed"
    ENDED = "ended"
    STOPPED = "stopped"


class SourceState(msgspec.Struct, frozen=True, omit_defaults=True, tag="source-state"):
    """A source changed its state; `detail` says why and what to do, in one sentence."""

    source: str
    state: SourceStatus
    detail: str = ""
    t_ns: int = 0


class ClockDoubted(msgspec.Struct, frozen=True, omit_defaults=True, tag="clock-doubted"):
    """`rows` rows of a device claimed times outside the window; they carry their arrival time, from `t_ns` on.

    `claimed_ns` is the first claimed time, kept as it came.
    """

    device: str
    t_ns: int
    claimed_ns: int
    rows: int = 1


class Refused(msgspec.Struct, frozen=True, omit_defaults=True, tag="refused"):
    """Input that a source could not read: `count` inputs with one reason, `body` the first of them, cut to 4 KiB."""

    source: str
    reason: str
    body: bytes
    count: int = 1
    size: int = 0  # bytes of the first, before cutting
    t_ns: int = 0
    device: str = ""


class Redelivered(msgspec.Struct, frozen=True, omit_defaults=True, tag="redelivered"):
    """`rows` rows came again after they had been committed, and were acknowledged without storing them twice."""

    source: str
    rows: int


Event = RunStarted | Measured | RunEnded | Text | Gap | SourceState | ClockDoubted | Refused | Redelivered


class Batch(msgspec.Struct, frozen=True, omit_defaults=True, tag="batch"):
    """What an edge sends at once; `(edge, log, seq)` names it for ever, seq counts from 1 without holes."""

    edge: str
    log: str  # the lane's uuid, 32 hex digits
    seq: int
    clock_ns: int  # the edge's clock when the newest row was committed; never goes back in a lane
    late: bool = False
    frames: tuple[Frame, ...] = ()
    events: tuple[Event, ...] = ()


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
    until_ns: int = 0
    at_ns: int = 0


class Verdict(msgspec.Struct, frozen=True, omit_defaults=True, tag="verdict"):
    """What an operator found behind an alarm."""

    id: str
    edge: str
    device: str
    alarm: str
    finding: Literal["true", "false-alarm", "maintenance"]
    who: str
    comment: str = ""
    at_ns: int = 0


class Tick(msgspec.Struct, frozen=True, omit_defaults=True, tag="tick"):
    """Wall time, written by a shell that has read its inputs to the end; only `edge silent` needs it."""

    at_ns: int


class ModelChange(msgspec.Struct, frozen=True, omit_defaults=True, tag="model-change"):
    """From here on devices that name model `name` are scored by `version`."""

    id: str
    name: str
    version: int
    who: str = ""
    at_ns: int = 0


Input = Batch | Action | Verdict | Tick | ModelChange


class Origin(msgspec.Struct, frozen=True):
    """The batch an outcome comes from; for an outcome of another input, log is its kind and seq 0."""

    edge: str
    log: str
    seq: int


class Scores(msgspec.Struct, frozen=True, omit_defaults=True, tag="scores"):
    """How odd n grid rows of one device were; 1.0 is the model's limit, NaN while it learns.

    `t_ns`: int64 x n; `score`: float32 x n; `contributions`: float32 x n x c, row-major, summing to the score.
    """

    origin: Origin
    edge: str
    device: str
    model: str
    version: int
    channels: tuple[str, ...]
    t_ns: bytes
    score: bytes
    contributions: bytes
    late: bool = False


class AlarmState(StrEnum):
    """States of an alarm after ISA-18.2."""

    NORMAL = "normal"
    UNACKNOWLEDGED = "unacknowledged"
    ACKNOWLEDGED = "acknowledged"
    RETURNED = "returned-unacknowledged"


class Priority(StrEnum):
    """How soon a person must respond, ISA-18.2 order."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class Alarm(msgspec.Struct, frozen=True, omit_defaults=True, tag="alarm"):
    """An alarm's whole state at one change; `version` counts its changes, `id` is derived from device, rule, onset."""

    id: str
    origin: Origin
    edge: str
    device: str
    rule: str  # "limit:temperature:HH", "anomaly", "drift", "silent", "silent:flow", "stuck:flow", "clock", ...
    version: int
    state: AlarmState
    priority: Priority
    onset_ns: int  # sensor time
    changed_ns: int
    summary: str  # one sentence for the operator
    cause: str = ""
    consequence: str = ""
    response: str = ""
    channel: str = ""
    value: float | None = None
    limit: float | None = None
    contributions: dict[str, float] = {}
    model: str = ""
    model_version: int = 0
    who: str = ""
    why: str = ""

    @property
    def active(self) -> bool:
        """Whether the condition stands (acknowledged or not)."""
        return self.state in {AlarmState.UNACKNOWLEDGED, AlarmState.ACKNOWLEDGED}


class Advice(msgspec.Struct, frozen=True, omit_defaults=True, tag="advice"):
    """P(run fails) after a step, and stop or go on."""

    origin: Origin
    edge: str
    run: str
    step: str
    p_fail: float
    stop: bool
    t_ns: int


class Health(StrEnum):
    """How a device is doing on the input clock."""

    LEARNING = "learning"
    RUNNING = "running"
    OFF = "off"
    SILENT = "silent"


class Liveness(msgspec.Struct, frozen=True, omit_defaults=True, tag="liveness"):
    """How a device is doing: sent when that changes and every 10 s of the input clock."""

    origin: Origin
    edge: str
    device: str
    clock_ns: int
    last_ns: int  # newest row
    health: Health
    warm: float = 1.0  # share of the learning that is done, 0 to 1


class DeadLetter(msgspec.Struct, frozen=True, omit_defaults=True, tag="dead-letter"):
    """An input no one could decode or score, kept with its reason; `count` inputs stand behind it."""

    origin: Origin
    source: str
    reason: str
    body: bytes
    count: int = 1
    size: int = 0
    t_ns: int = 0
    device: str = ""


Outcome = Scores | Alarm | Advice | Liveness | DeadLetter
Message = Input | Outcome
