"""What an edge says, as frozen structs: frames of numbers, events beside them, and the batch that carries both."""

from array import array
from collections.abc import Mapping
from enum import StrEnum
from operator import lt
from typing import Literal

import msgspec

from wire.numbers import Count, Int64

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
    """A unit begins a procedure on a station; `steps` are those planned, in order, if the bench says."""

    run: str
    unit: str
    procedure: str
    version: str
    station: str
    operator: str = ""
    retest_of: str = ""
    t_ns: Int64 = 0  # 0: when it came, as in all run events
    source: str = ""  # which brought it, filled in by the edge: advice goes back the same way
    steps: tuple[str, ...] = ()


class Measured(msgspec.Struct, frozen=True, omit_defaults=True, tag="measured"):
    """One measurement of one step of a run, with its limits where it has any."""

    run: str
    step: str
    name: str
    value: float | str | bool
    uom: str = ""
    low: float | None = None
    high: float | None = None
    t_ns: Int64 = 0
    station: str = ""  # known where no start of the run was heard
    source: str = ""


class StepEnded(msgspec.Struct, frozen=True, omit_defaults=True, tag="step-ended"):
    """A step of a run is over: advice follows."""

    run: str
    step: str
    t_ns: Int64 = 0
    duration_s: float | None = None  # as the bench says; else from the times
    station: str = ""
    source: str = ""


class RunEnded(msgspec.Struct, frozen=True, omit_defaults=True, tag="run-ended"):
    """A run is over."""

    run: str
    outcome: Literal["pass", "fail", "aborted"]
    t_ns: Int64 = 0
    station: str = ""
    source: str = ""


class Text(msgspec.Struct, frozen=True, omit_defaults=True, tag="text"):
    """Text a device said; numbers travel in frames."""

    device: str
    name: str
    text: str
    t_ns: Int64 = 0


class Gap(msgspec.Struct, frozen=True, omit_defaults=True, tag="gap"):
    """A stretch known to be lost or thinned; `device` is "*" for all of the source or edge, rows -1 if unknown."""

    device: str
    from_ns: Int64
    to_ns: Int64
    rows: Int64
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
    t_ns: Int64 = 0


class ClockDoubted(msgspec.Struct, frozen=True, omit_defaults=True, tag="clock-doubted"):
    """`rows` rows of a device claimed times outside the window; they carry their arrival time, from `t_ns` on.

    `claimed_ns` is the first claimed time, kept as it came.
    """

    device: str
    t_ns: Int64
    claimed_ns: Int64
    rows: Int64 = 1


class Refused(msgspec.Struct, frozen=True, omit_defaults=True, tag="refused"):
    """Input that a source could not read: `count` inputs with one reason, `body` the first of them, cut to 4 KiB."""

    source: str
    reason: str
    body: bytes
    count: Int64 = 1
    size: Int64 = 0  # bytes of the first, before cutting
    t_ns: Int64 = 0
    device: str = ""


class Redelivered(msgspec.Struct, frozen=True, omit_defaults=True, tag="redelivered"):
    """`rows` rows came again after they had been committed, and were acknowledged without storing them twice."""

    source: str
    rows: Int64


Event = RunStarted | Measured | StepEnded | RunEnded | Text | Gap | SourceState | ClockDoubted | Refused | Redelivered
RunEvent = RunStarted | Measured | StepEnded | RunEnded


class OutboxState(msgspec.Struct, frozen=True, omit_defaults=True):
    """How full the outbox of an edge is; to be looked at, nothing is decided by it."""

    backlog: Count  # records that wait
    bytes: Count  # that they take on disk
    rows: Count  # taken in since the outbox was made
    hours_left: float | None = None  # at the present rate; None while nothing comes in


class Batch(msgspec.Struct, frozen=True, omit_defaults=True, tag="batch"):
    """What an edge sends at once; `(edge, log, seq)` names it for ever, seq counts from 1 without holes."""

    edge: str
    log: str  # the lane's uuid, 32 hex digits
    seq: Count
    clock_ns: Int64  # the edge's clock when the newest row was committed; never goes back in a lane
    late: bool = False
    frames: tuple[Frame, ...] = ()
    events: tuple[Event, ...] = ()
    outbox: OutboxState | None = None  # told now and then
