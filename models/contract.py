"""What every model is once fitted: cold, then advance; state is one flat vector, small enough for a message."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Protocol

import msgspec

from models.arrays import F32, F64, I64, Bools
from models.decide import Decision

__all__ = ["F32", "F64", "I64", "LARGEST", "Bools", "Detector", "Job", "Scored", "Task"]


LARGEST = 1e30  # of a score: what lies beyond counts as this, so that shares of it stay numbers as float32


class Task(StrEnum):
    """The questions a model can answer."""

    ANOMALY = "anomaly"  # is this row unlike the normal it was fitted on?
    LIFE = "life"  # how long until this unit fails?
    OUTCOME = "outcome"  # what will this unit's test, or this row's label, be?
    ONLINE = "online"  # is this row unlike what came before? needs no training


class Job(msgspec.Struct, frozen=True):
    """k closed grid rows of one device with c channels, in time order, NaN = missing."""

    state: F64  # as `cold` or the last `advance` gave it
    t_ns: I64  # k
    rows: F64  # k x c
    running: Bools  # k; nothing is learnt or scored while the machine is off
    learn: bool = True  # false: score on a copy that learns nothing (late rows)
    channels: tuple[str, ...] = ()  # names of the columns; empty: the columns a trained model was fitted on


class Scored(msgspec.Struct, frozen=True):
    """What came of a job."""

    state: F64
    score: F32  # k; 1.0 = the limit, NaN until warm or while off
    contributions: F32  # k x c, not negative, summing to the score
    warm: float  # share of the learning that is done, 0 to 1
    drift: Bools  # k; the learnt normal has moved further from its anchor than allowed
    # k x 3: expected life, its low and high; k x classes: how likely each is; k x 4: pass, fail, low and high of fail.
    outlook: F32 | None = None


class Detector(Protocol):
    """Scores rows of many devices in one call. The same rows in any split give the same scores."""

    @property
    def name(self) -> str:
        """What a configuration calls it."""

    @property
    def version(self) -> int:
        """Counts from 1."""

    @property
    def task(self) -> Task:
        """What its scores say."""

    @property
    def channels(self) -> tuple[str, ...]:
        """Those that it was fitted on; none: whatever channels a device has."""

    @property
    def decision(self) -> Decision:
        """When its scores ring."""

    def cold(self, channels: int) -> F64:
        """The state of a device that has shown nothing yet."""

    def advance(self, jobs: Sequence[Job]) -> list[Scored]:
        """Score and learn; never changes what it was handed."""

    def accept(self, state: F64) -> F64:
        """A person accepts the present normal: it becomes the new anchor."""
