"""What the core says, as frozen structs, each naming the batch it comes from."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Literal

import msgspec

from wire.numbers import Count, Int64


class Origin(msgspec.Struct, frozen=True):
    """The batch an outcome comes from; for an outcome of another input, log is its kind and seq 0."""

    edge: str
    log: str
    seq: Count


Role = Literal["champion", "candidate", "backtest"]  # only what a champion says rings, is told, and is shown as live
NEAR_LIMIT = 0.5  # of a score: contributions are told of from here on


class Scores(msgspec.Struct, frozen=True, omit_defaults=True, tag="scores"):
    """How odd n grid rows of one device were; 1.0 is the model's limit, NaN while it learns.

    `t_ns`: int64 x n; `score`: float32 x n; `contributions`: float32 x n x c, row-major, summing to the score, or
    nothing where no score is NEAR_LIMIT: nearly always, and they would be most of the bytes.
    """

    origin: Origin
    edge: str
    device: str
    model: str
    version: Count
    channels: tuple[str, ...]
    t_ns: bytes
    score: bytes
    contributions: bytes
    late: bool = False
    role: Role = "champion"

    def __post_init__(self) -> None:
        """Refuse scores whose parts do not fit together."""
        rows, rest = divmod(len(self.t_ns), 8)
        told = 4 * rows * len(self.channels) if self.contributions else 0
        if rest or len(self.score) != 4 * rows or len(self.contributions) != told:
            msg = f"scores of {self.device!r}: times, scores and contributions do not fit"
            raise ValueError(msg)


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
    version: Count
    state: AlarmState
    priority: Priority
    onset_ns: Int64  # sensor time
    changed_ns: Int64
    summary: str  # one sentence for the operator
    cause: str = ""
    consequence: str = ""
    response: str = ""
    channel: str = ""
    value: float | None = None
    limit: float | None = None
    contributions: dict[str, float] = {}
    model: str = ""
    model_version: Count = 0
    who: str = ""
    why: str = ""

    @property
    def active(self) -> bool:
        """Whether the condition stands (acknowledged or not)."""
        return self.state in {AlarmState.UNACKNOWLEDGED, AlarmState.ACKNOWLEDGED}


class Advice(msgspec.Struct, frozen=True, omit_defaults=True, tag="advice"):
    """P(run fails) after a step, and stop or go on.

    `would_stop` is what costs and limits say; `stop` is what the bench is told, `withheld` why it is told nothing.
    Only a champion's is ever told: a candidate's is kept beside it, and `withheld` says `candidate`.
    """

    origin: Origin
    edge: str
    run: str
    step: str
    p_fail: float  # NaN: there is no model
    stop: bool
    t_ns: Int64
    unit: str = ""
    procedure: str = ""
    version: str = ""
    station: str = ""
    source: str = ""  # which brought the run's events
    done: Count = 0  # steps that ended, this one included
    low: float | None = None  # interval of p_fail
    high: float | None = None
    would_stop: bool = False
    withheld: str = ""  # "shadow", "control" (always tested to the end), "off", "no-model", "late", "over", "candidate"
    because: Mapping[str, float] = {}  # step, or "station" for its earlier runs -> share in what speaks for failure
    cost_stop: float | None = None  # expected, in the currency of the procedure
    cost_go_on: float | None = None
    saved_s: float | None = None  # what a stop here saves of the time that a run usually takes
    needed: Count = 0  # failures still needed before a model can be trained
    model: str = ""
    model_version: Count = 0
    mode: Literal["", "on", "shadow", "off"] = ""  # of its procedure: told, only recorded, or not asked for
    role: Role = "champion"


class Step(msgspec.Struct, frozen=True, omit_defaults=True):
    """A step of a run that ended, or of which something was measured."""

    name: str
    ended_ns: Int64 = 0  # 0: it did not end
    duration_s: float | None = None
    measured: Count = 0


class Candidate(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a candidate thought of a run beside the champion; no bench was told.

    `throughout`: it was asked after each step after which the champion called, which was one version all along.
    """

    version: Count
    p_fail: float | None = None  # after the last step
    would_stop_at: str = ""
    saved_s: float | None = None
    throughout: bool = False


class Run(msgspec.Struct, frozen=True, omit_defaults=True, tag="run"):
    """A run's whole state at one change; `change` counts its changes, `remarks` name what was irregular."""

    origin: Origin
    edge: str
    run: str
    change: Count
    unit: str
    procedure: str
    version: str
    station: str
    state: Literal["running", "pass", "fail", "aborted", "broken-off"]
    started_ns: Int64
    changed_ns: Int64
    ended_ns: Int64 = 0
    source: str = ""
    operator: str = ""
    retest_of: str = ""
    steps: tuple[Step, ...] = ()
    remarks: tuple[str, ...] = ()
    control: bool = False  # tested to the end whatever is thought of it
    p_fail: float | None = None  # after the last step
    would_stop_at: str = ""  # the first step after which costs and limits said stop
    stopped_at: str = ""  # the step after which the bench was told to stop
    saved_s: float | None = None  # what a stop there would save, or saved
    row: Mapping[str, float] = {}  # what was measured, as a model sees it; only when over
    model: str = ""
    model_version: Count = 0
    weight: float = 1.0  # runs that it stands for: a spared control run for those that were stopped in its stead
    candidate: Candidate | None = None


Meaning = Literal["anomaly", "normal", "maintenance", "pass", "fail"]


class Label(msgspec.Struct, frozen=True, omit_defaults=True, tag="label"):
    """What a person or a test found to be so, tied to rows of a device or to a run; it may be withdrawn."""

    id: str
    origin: Origin
    edge: str
    meaning: Meaning
    from_ns: Int64
    to_ns: Int64
    who: str
    at_ns: Int64
    device: str = ""
    run: str = ""
    comment: str = ""
    alarm: str = ""  # the id of the alarm that was judged
    model: str = ""
    model_version: Count = 0
    withdrawn_by: str = ""
    withdrawn_why: str = ""


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
    clock_ns: Int64
    last_ns: Int64  # newest row
    health: Health
    warm: float = 1.0  # share of the learning that is done, 0 to 1


class DeadLetter(msgspec.Struct, frozen=True, omit_defaults=True, tag="dead-letter"):
    """An input no one could decode or score, kept with its reason; `count` inputs stand behind it."""

    origin: Origin
    source: str
    reason: str
    body: bytes
    count: Int64 = 1
    size: Int64 = 0
    t_ns: Int64 = 0
    device: str = ""
