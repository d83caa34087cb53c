"""What every streaming detector is: cold, then advance; state is one flat vector, small enough for a message."""

from collections.abc import Sequence
from typing import Protocol

import msgspec
import numpy as np
import numpy.typing as npt

F64 = npt.NDArray[np.float64]
F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


class Job(msgspec.Struct, frozen=True):
    """k closed grid rows of one device with c channels, in time order, NaN = missing."""

    state: F64  # as `cold` or the last `advance` gave it
    t_ns: I64  # k
    rows: F64  # k x c
    running: Bools  # k; nothing is learnt or scored while the machine is off
    learn: bool = True  # false: score on a copy that learns nothing (late rows)


class Scored(msgspec.Struct, frozen=True):
    """What came of a job."""

    state: F64
    score: F32  # k; 1.0 = the limit, NaN until warm or while off
    contributions: F32  # k x c, not negative, summing to the score
    warm: float  # share of the learning that is done, 0 to 1
    drift: Bools  # k; the learnt normal has moved further from its anchor than allowed


class Detector(Protocol):
    """Scores rows of many devices in one call. The same rows in any split give the same bits."""

    name: str
    version: int

    def cold(self, channels: int) -> F64:
        """The state of a device that has shown nothing yet."""

    def advance(self, jobs: Sequence[Job]) -> list[Scored]:
        """Score and learn; never changes what it was handed."""

    def accept(self, state: F64) -> F64:
        """A person accepts the present normal: it becomes the new anchor."""
