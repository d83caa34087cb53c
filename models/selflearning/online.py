"""The self-learning detector: watches the channels of a device together from its first minutes, with no training.

Each channel is smoothed at several spans of rows. What a row adds to the fastest, what each stage differs from the
next slower one, and the slowest from the anchored normal, are judged against what the other channels let expect and
against the largest such differences of the past; the same is done with how restless the channels are.
"""

from collections.abc import Sequence

import msgspec
import numpy as np

from models.contract import F64, LARGEST, Bools, Job, Scored, Task
from models.decide import DEFAULT
from models.selflearning.lines import matched
from models.selflearning.memory import BLOCK, Memory, size
from models.selflearning.verdict import WARM_ROWS, judge, shares

TOGETHER = 16  # channels of a device that are judged together; with more, each is judged by itself
FLOOR = 0.02
GAP_ROWS = 2.0  # grid rows that may be missing before it counts as a gap


class Online:
    """Scores and learns rows of many devices; see the module. More than 16 channels are each judged alone."""

    name = "online"
    version = 1
    task = Task.ONLINE
    channels: tuple[str, ...] = ()
    decision = DEFAULT

    def cold(self, channels: int) -> F64:
        """Nothing learnt: 16 channels at most take 10 KB together; beyond, 0.7 KB each."""
        if channels < 1:
            msg = f"a device has at least one channel, got {channels}"
            raise ValueError(msg)
        groups, width = _groups(channels)
        memory = Memory(np.zeros((size(width), groups)), width)
        memory["floor"] = FLOOR
        return _flat(memory)

    def advance(self, jobs: Sequence[Job]) -> list[Scored]:
        """Score and learn, all devices with equally many channels at once."""
        out: list[Scored | None] = [None] * len(jobs)
        by_width: dict[int, list[int]] = {}
        for at, job in enumerate(jobs):
            by_width.setdefault(job.rows.shape[1], []).append(at)
        for channels, places in by_width.items():
            # The longest first, so that those that still have rows are always the first ones.
            places.sort(key=lambda at: -len(jobs[at].t_ns))
            for at, scored in zip(places, _advance([jobs[at] for at in places], channels), strict=True):
                out[at] = scored
        return [scored for scored in out if scored is not None]

    def accept(self, state: F64) -> F64:
        """Where the device is now becomes its normal, and the anchor is set anew when that has matured."""
        channels = _channels(len(state))
        memory = _memory([state], channels)
        for name, part in (("level", 0), ("restless", 1)):
            memory[name][1:] = memory[name][0]
            memory["normal"][part] = memory[name][0]
        for name in ("anchored", "held", "drifting", "seen_ns"):
            memory[name][:] = 0.0
        memory["epoch"] = 0.0
        return _flat(memory)


def _groups(channels: int) -> tuple[int, int]:
    return (1, channels) if channels <= TOGETHER else (channels, 1)


def _channels(length: int) -> int:
    for channels in range(1, TOGETHER + 1):
        if size(channels) == length:
            return channels
    channels, rest = divmod(length, size(1))
    if rest:
        msg = f"no state of the online detector has length {length}"
        raise ValueError(msg)
    return channels


def _memory(states: Sequence[F64], channels: int) -> Memory:
    groups, width = _groups(channels)
    stacked = np.concatenate([state.reshape(groups, size(width)) for state in states])
    return Memory(np.ascontiguousarray(stacked.T), width)


def _flat(memory: Memory) -> F64:
    return np.ascontiguousarray(memory.vectors.T).reshape(-1)


class _Pages(msgspec.Struct, frozen=True):
    """What is written down while blocks are judged, (groups, places, ...)."""

    score: F64
    share: F64
    drift: Bools


def _advance(jobs: Sequence[Job], channels: int) -> list[Scored]:
    groups, width = _groups(channels)
    memory = _memory([job.state for job in jobs], channels)
    lengths = np.array([len(job.t_ns) for job in jobs])
    start = memory["filled"][::groups].astype(np.int64)
    rows, skipped = _laid(jobs, memory, int(lengths.max(initial=0)), groups)
    learns = np.repeat(np.array([job.learn for job in jobs]), groups)
    pages = _Pages(score=np.empty_like(skipped), share=np.empty_like(rows), drift=np.zeros(skipped.shape, np.bool_))
    done = np.zeros(len(jobs), dtype=np.int64)  # rows taken
    while (left := lengths - done).any():
        # All open blocks are filled as far as rows reach, judged, and closed where full.
        fits = np.minimum(left, BLOCK - start)
        active = np.repeat(fits > 0, groups)
        everyone, devices = bool(active.all()), np.flatnonzero(active)
        part = memory if everyone else Memory(np.ascontiguousarray(memory.vectors[:, devices]), width)
        source, first, take = (np.repeat(each, groups)[devices] for each in (done, start, fits))
        lines = matched(devices, source, first, take, everyone=everyone)
        lines.fill(part["rows"], rows)
        lines.fill(part["skipped"], skipped)
        part["filled"][:] = first + take
        score, share = judge(part, learns[devices])
        lines.keep(pages.score, score)
        lines.keep(pages.share, share)
        if (drifting := part["drifting"] > 0).any():
            lines.keep(pages.drift, np.broadcast_to(drifting, score.shape))
        if part is not memory:
            memory.vectors[:, devices] = part.vectors
        start = np.where(fits > 0, (start + fits) % BLOCK, start)
        done += fits
    return _scored(jobs, memory, pages, groups)


def _scored(jobs: Sequence[Job], memory: Memory, pages: _Pages, groups: int) -> list[Scored]:
    out = []
    vectors = np.ascontiguousarray(memory.vectors.T)
    warm = np.minimum(memory["count"].max(axis=0) / WARM_ROWS, 1.0)
    for at, job in enumerate(jobs):
        k, mine = len(job.t_ns), slice(at * groups, (at + 1) * groups)
        parts = pages.score[mine, :k]  # one a group
        heard = np.where(np.isnan(parts), -1.0, parts)
        score = np.minimum(heard.max(axis=0), LARGEST)
        known = np.where(score >= 0, score, np.nan)
        share = pages.share[at, :k] if groups == 1 else shares(np.maximum(heard.T, 0.0)[..., None])[..., 0]
        out.append(
            Scored(
                state=vectors[mine].reshape(-1) if job.learn else job.state.copy(),
                score=known.astype(np.float32),
                contributions=(share * np.maximum(score, 0.0)[:, None]).astype(np.float32),
                warm=float(warm[mine].max()),
                drift=np.any(pages.drift[mine, :k], axis=0),
            )
        )
    return out


def _laid(jobs: Sequence[Job], memory: Memory, longest: int, groups: int) -> tuple[F64, F64]:
    """Rows (D, longest, width) with what is off as missing, and grid rows skipped before each (D, longest)."""
    rows = np.empty((len(jobs) * groups, longest, memory.channels))
    skipped = np.empty(rows.shape[:2])
    for at, job in enumerate(jobs):
        k = len(job.t_ns)
        if not k:
            continue
        mine = slice(at * groups, (at + 1) * groups)
        values = np.where(job.running[:, None] & np.isfinite(job.rows), job.rows, np.nan)
        rows[mine, :k] = values if groups == 1 else values.T[:, :, None]
        last = memory["last_ns"][at * groups]
        every = memory["every_ns"][at * groups]
        t = job.t_ns.astype(np.float64)
        steps = np.diff(t, prepend=last or t[0])
        usual = np.minimum.accumulate(np.where(steps > 0, steps, np.inf))
        usual = np.minimum(usual, every or np.inf)
        missed = np.floor(steps / usual + 0.5) - 1.0
        skipped[mine, :k] = np.where(missed > GAP_ROWS, missed, 0.0)
        memory["last_ns"][mine] = t[-1]
        memory["every_ns"][mine] = usual[-1] if np.isfinite(usual[-1]) else 0.0
    return rows, skipped
