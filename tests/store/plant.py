"""Small commits for the tests of the store."""

from collections.abc import Mapping, Sequence
from typing import TypedDict

import numpy as np

from store.port import Commit
from wire.messages import (
    Alarm,
    AlarmState,
    Batch,
    DeadLetter,
    Event,
    Frame,
    Health,
    Liveness,
    Origin,
    Outcome,
    Priority,
    Scores,
)

LANE = "0" * 32
START_NS = 1_790_000_000_000_000_000
SECOND_NS = 1_000_000_000
NAN = float("nan")
Rows = Mapping[int, Sequence[float]]


class Ever(TypedDict):
    start_ns: int
    end_ns: int


EVER: Ever = {"start_ns": 0, "end_ns": 2**63 - 1}


def frame(device: str, channels: Sequence[str], rows: Rows, *, dtype: str = "f8") -> Frame:
    t_ns = np.array(sorted(rows), "<i8")
    values = np.array([rows[t] for t in sorted(rows)], "<" + dtype)
    return Frame(device, tuple(channels), t_ns.tobytes(), values.tobytes(), "f8" if dtype == "f8" else "f4")


def ramp(device: str, start: int, rows: int, channels: int = 2) -> Frame:
    """Rows a second apart from second `start` on; each value is its row's number."""
    names = [f"c{i}" for i in range(channels)]
    return frame(device, names, {START_NS + n * SECOND_NS: [float(n)] * channels for n in range(start, start + rows)})


def commit(
    cursor: int,
    *frames: Frame,
    edge: str = "edge",
    events: Sequence[Event] = (),
    outcomes: Sequence[Outcome] = (),
    state: Mapping[str, bytes] | None = None,
    late: bool = False,
) -> Commit:
    batch = Batch(edge, LANE, cursor, START_NS, late, frames, tuple(events))
    return Commit(cursor, [batch], outcomes, state or {})


def origin(edge: str = "edge", seq: int = 1) -> Origin:
    return Origin(edge, LANE, seq)


def scores(device: str, rows: Mapping[int, tuple[float, Sequence[float]]], channels: Sequence[str]) -> Scores:
    t_ns = np.array(sorted(rows), "<i8")
    score = np.array([rows[t][0] for t in sorted(rows)], "<f4")
    parts = np.array([rows[t][1] for t in sorted(rows)], "<f4")
    return Scores(
        origin(), "edge", device, "online", 1, tuple(channels), t_ns.tobytes(), score.tobytes(), parts.tobytes()
    )


def alarm(alarm_id: str, version: int, state: AlarmState, *, device: str = "pump", changed_ns: int = START_NS) -> Alarm:
    return Alarm(
        id=alarm_id,
        origin=origin(),
        edge="edge",
        device=device,
        rule="limit:heat:HH",
        version=version,
        state=state,
        priority=Priority.HIGH,
        onset_ns=START_NS,
        changed_ns=changed_ns,
        summary="heat 91 is above 85",
        value=91.0,
        limit=85.0,
        contributions={"heat": 1.0},
    )


def letter(reason: str, *, count: int = 1) -> DeadLetter:
    return DeadLetter(origin(), "serial-1", reason, b"\xff\x00junk", count, 6, START_NS, "pump")


def alive(device: str, health: Health) -> Liveness:
    return Liveness(origin(), "edge", device, START_NS, START_NS, health, 0.25)
