"""Asking a model about a run: how likely it fails, and which steps speak for it; where it cannot say, why."""

import logging
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol

import msgspec
import numpy as np

from models.contract import Detector, Job, Scored, Task
from models.runs.row import row_of, step_of
from stream.benches.records import Memory
from stream.benches.run import RunRecord
from stream.models.detectors import Detectors, previous, shadow, wanted
from stream.models.versions import Versions

TOP = 5  # steps that are named
STATION = "station"  # named among them: how its earlier runs were
SAID = 200  # characters of a reason: it may quote what a model stumbled over
WITH_INTERVAL = 4  # numbers of an outlook: P(pass), P(fail), and the interval of that

log = logging.getLogger(__name__)


class Call(msgspec.Struct, frozen=True):
    """What a model says of a run so far; `beyond`: its limit on stopping units that would pass."""

    model: str
    version: int
    p_fail: float
    low: float | None
    high: float | None
    beyond: bool
    because: Mapping[str, float]  # step -> share in what speaks for failure


class Asked(msgspec.Struct, frozen=True):
    """The call, None where there is none; and why the model in force did not make it."""

    call: Call | None
    why: str = ""


class Memories(Protocol):
    """What is known of the runs of a procedure on a station."""

    def of(self, detector: Detector) -> Memory | None:
        """What a model remembers of them."""


class Models(msgspec.Struct, frozen=True):
    """Where the model of a procedure is found, in the version that is in force."""

    name: str
    versions: Mapping[str, Versions]
    detectors: Detectors

    @property
    def known(self) -> Versions:
        """Which versions of it are at work."""
        return self.versions.get(self.name, Versions())

    @property
    def in_force(self) -> Detector | None:
        """The version in force, if it is to be had."""
        return wanted(self.name, self.versions, self.detectors)

    @property
    def candidate(self) -> Detector | None:
        """The version that is tried beside the one in force, if there is one and it is to be had."""
        return shadow(self.name, self.versions, self.detectors)

    @property
    def to_come(self) -> bool:
        """Whether no version was ever in force: it may be that it is yet to be trained."""
        return self.in_force is None and not self.known.champion

    @property
    def lacking(self) -> str:
        """Why the version in force is not to be had; "" if it is."""
        if self.in_force:
            return ""
        return self.detectors.why(self.name, self.known.champion)

    def each(self) -> Iterator[Detector]:
        """The one in force, then the one before it."""
        for found in (wanted, previous):
            detector = found(self.name, self.versions, self.detectors)
            if detector is not None:
                yield detector


def ask(run: RunRecord, memories: Memories, models: Models, t_ns: int) -> Asked:
    """Let the model in force call a run, or where it fails the one before it; nothing is learnt."""
    why = models.lacking
    for detector in models.each():
        told = ask_one(detector, run, memories, t_ns)
        if not isinstance(told, str):
            return Asked(told, why)
        why = why or f"version {detector.version}: {told}"
    return Asked(None, why)


def ask_one(detector: Detector, run: RunRecord, memories: Memories, t_ns: int) -> Call | str | None:
    """Let one version call a run: None while it has nothing to say yet; why, where it should and cannot."""
    said = _advanced(detector, [run], memories.of(detector), [t_ns], learn=False)
    return said if isinstance(said, str) else _call(detector, run, said)


def learn(run: RunRecord, memories: Memories, detectors: Iterable[Detector], t_ns: int) -> Memory | None:
    """What the first of them that does not fail remembers of the station after this whole run; None for nothing."""
    for detector in detectors:
        said = _advanced(detector, [run], memories.of(detector), [t_ns], learn=True)
        if not isinstance(said, str):
            return _kept(detector, said)
    return None


def remembered(runs: Sequence[RunRecord], detector: Detector) -> Memory | None:
    """What a model would remember of a station had it seen these runs of it; None where it would nothing."""
    if not runs or not detector.cold(len(detector.channels)).size:
        return None
    said = _advanced(detector, runs, None, [run.ended_ns for run in runs], learn=True)
    return None if isinstance(said, str) else _kept(detector, said)


def fits(memory: Memory, detector: Detector) -> bool:
    """Whether a memory is that of this model."""
    return (memory.model, memory.version) == (detector.name, detector.version)


def _kept(detector: Detector, said: Scored) -> Memory | None:
    return Memory(detector.name, detector.version, said.state.tobytes()) if said.state.size else None


def _advanced(
    detector: Detector, runs: Sequence[RunRecord], memory: Memory | None, t_ns: Sequence[int], *, learn: bool
) -> Scored | str:
    """What came of the rows of runs; why, where nothing can."""
    if detector.task is not Task.OUTCOME:
        return f"it answers another question: its task is {detector.task.value}, not {Task.OUTCOME.value}"
    row = runs[-1].row
    if row and not any(column in row for column in detector.channels):
        return f"it knows none of the {len(row)} columns of this run"
    rows = np.array([row_of(run.row, detector.channels) for run in runs])
    on = np.ones(len(runs), dtype=np.bool_)
    try:
        job = Job(_state(detector, memory), np.array(t_ns), rows, on, learn=learn, channels=detector.channels)
        return detector.advance([job])[0]
    except Exception as error:
        log.exception("model %s %d fails on a run of %s", detector.name, detector.version, runs[-1].procedure)
        return f"it fails: {type(error).__name__}: {error}"[:SAID]


def _state(detector: Detector, memory: Memory | None) -> np.ndarray:
    cold = detector.cold(len(detector.channels))
    if memory is None or not fits(memory, detector):
        return cold
    state = np.frombuffer(memory.state, dtype=np.float64)
    return state if state.size == cold.size else cold


def _call(detector: Detector, run: RunRecord, said: Scored) -> Call | str | None:
    """None while it has not seen enough runs of the station; why, where it gives no number though it should."""
    outlook = [] if said.outlook is None else [float(value) for value in said.outlook[0]]
    score = float(said.score[0])
    p_fail = outlook[1] if len(outlook) > 1 else math.nan
    if math.isnan(score) or math.isnan(p_fail):
        measured = any(not math.isnan(run.row.get(column, math.nan)) for column in detector.channels)
        return "it gives no number where it should" if measured and said.warm >= 1.0 else None
    interval = outlook[2:] if len(outlook) == WITH_INTERVAL and not any(map(math.isnan, outlook[2:])) else [None, None]
    return Call(
        model=detector.name,
        version=detector.version,
        p_fail=p_fail,
        low=interval[0],
        high=interval[1],
        beyond=score >= 1.0,
        because=_because(detector, run, said),
    )


def _because(detector: Detector, run: RunRecord, said: Scored) -> Mapping[str, float]:
    """Shares by step; what speaks against the run in columns that are still to come is what its station did before."""
    parts = np.nan_to_num(said.contributions[0].astype(np.float64))
    total = float(parts.sum())
    if not total:
        return {}
    known = [at for at, column in enumerate(detector.channels) if not math.isnan(run.row.get(column, math.nan))]
    newest = max(known, default=-1)
    steps: dict[str, float] = {}
    for at in np.flatnonzero(parts > 0.0):
        column = detector.channels[at]
        step = (step_of(column) or column) if at <= newest else STATION
        steps[step] = steps.get(step, 0.0) + float(parts[at]) / total
    top = sorted(steps, key=lambda step: (-steps[step], step))[:TOP]
    return {step: round(steps[step], 4) for step in top}
