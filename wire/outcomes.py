"""What the core says, as frozen structs, each naming the batch it comes from."""

from enum import StrEnum

import msgspec

from wire.numbers import Count, Int64


class Origin(msgspec.Struct, frozen=True):
    """The batch an outcome comes from; for an outcome of another input, log is its kind and seq 0."""

    edge: str
    log: str
    seq: Count


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
    """P(run fails) after a step, and stop or go on."""

    origin: Origin
    edge: str
    run: str
    step: str
    p_fail: float
    stop: bool
    t_ns: Int64


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
