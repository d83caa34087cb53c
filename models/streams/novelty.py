"""The detector of single streams: a score where a channel shows a value unlike any of late, one score a change.

The distance of a new value to the nearest one of the last `memory` rows, as a share of what the channel has shown in
that time. The nearest one counts for less where it was seen once only and lies far from all others itself, as in a
local outlier factor (Breunig et al., LOF: identifying density-based local outliers, SIGMOD 2000).
"""

from collections.abc import Sequence
from typing import Annotated

import msgspec
import numpy as np

from models.contract import F64, I64, Bools, Job, Scored, Task
from models.decide import Decision
from models.selflearning.verdict import shares
from models.streams.visited import New, Visited

FAR = 1e150  # of a value: what lies beyond counts as this, so that distances stay numbers
FAINT = 0.1  # of a score: what is less says nothing and is 0
AGAIN = 64  # rows after which the width is measured anew, for the outermost values may be forgotten
HEAD = 4  # rows seen, width, the bar, the row that set it
EACH = Decision(k=1, n=1, clear=1.0, quiet=1)  # the score itself rings once a change
Count = Annotated[int, msgspec.Meta(ge=1)]
Share = Annotated[float, msgspec.Meta(gt=0.0, le=1.0)]
Factor = Annotated[float, msgspec.Meta(ge=0.0, le=10.0)]


class Habits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The hyper-parameters of a recipe."""

    memory: Annotated[int, msgspec.Meta(ge=10)] = 4000  # rows after which a value is new again
    places: Annotated[int, msgspec.Meta(ge=8, le=1024)] = 64  # values that are remembered, 16 bytes each
    grain: Share = 1.0 / 128.0  # values closer than this share of the width are one place
    sparse: Share = 0.05  # a nearest value that is alone by this share of the width counts half
    youth: Factor = 0.2  # power of the rows seen by which the limit grows until the memory is full
    rest: Count = 48  # rows after a score for which only ...
    rise: Annotated[float, msgspec.Meta(ge=1.0)] = 1.25  # ... one so many times as high is a new change
    warm: Count = 192  # rows before the first score
    limit: Share = 0.025  # novelty that scores 1.0


class Streams:
    """Follows `models.contract.Detector`; each channel by itself, the worst one is the score. No clock is read."""

    name = "stream"
    version = 1
    task = Task.ONLINE
    channels: tuple[str, ...] = ()

    def __init__(self, habits: Habits | None = None, *, decision: Decision = EACH) -> None:
        self.habits = habits or Habits()
        self.decision = decision
        # By a table, for the last bit of a power depends on how many are taken at once.
        seen = np.maximum(np.arange(self.habits.memory + 1), 1) / self.habits.memory
        self._youth: F64 = seen**-self.habits.youth

    @property
    def size(self) -> int:
        """Numbers that are remembered of a channel."""
        return HEAD + 2 * self.habits.places

    def cold(self, channels: int) -> F64:
        """Nothing seen: 16 bytes a place and channel, 1 KB with 64 places."""
        if channels < 1:
            msg = f"a device has at least one channel, got {channels}"
            raise ValueError(msg)
        return np.zeros(channels * self.size)

    def accept(self, state: F64) -> F64:
        """What was shown is known already; nothing else is held against a device."""
        return state.copy()

    def advance(self, jobs: Sequence[Job]) -> list[Scored]:
        """Score and learn the channels of all devices at once, row by row."""
        # The longest first, so that those that still have rows are always the first ones.
        order = sorted(range(len(jobs)), key=lambda at: -len(jobs[at].t_ns))
        out: list[Scored | None] = [None] * len(jobs)
        for at, scored in zip(order, self._advance([jobs[at] for at in order]), strict=True):
            out[at] = scored
        return [scored for scored in out if scored is not None]

    def _advance(self, jobs: Sequence[Job]) -> list[Scored]:
        if not jobs:
            return []
        for job in jobs:
            needed = job.rows.shape[1] * self.size
            if len(job.state) != needed:
                msg = f"{job.rows.shape[1]} channels have a state of {needed} numbers, got {len(job.state)}"
                raise ValueError(msg)
        memory = np.concatenate([job.state for job in jobs]).reshape(-1, self.size)
        widths = [job.rows.shape[1] for job in jobs]
        ends = np.cumsum(widths)
        rows = _laid(jobs, ends)
        learns = np.repeat([job.learn for job in jobs], widths)
        lasts = np.repeat([len(job.t_ns) for job in jobs], widths)
        number = memory[:, 0] + np.cumsum(~np.isnan(rows), axis=0)
        with np.errstate(invalid="ignore", over="ignore"):
            odd = self._odd(memory, rows, number, learns, lasts)
        odd = self._rung(memory, odd, number)
        memory[:, 0] = number[-1] if len(number) else memory[:, 0]
        score = np.where(np.isnan(rows) | (number <= self.habits.warm), np.nan, odd)
        return [
            self._scored(job, memory[end - width : end], score[: len(job.t_ns), end - width : end])
            for job, end, width in zip(jobs, ends.tolist(), widths, strict=True)
        ]

    def _odd(self, memory: F64, rows: F64, number: F64, learns: Bools, lasts: I64) -> F64:
        """How new each value is, in limits (k, S); `number` (k, S) counts the rows that a channel has shown."""
        habits, odd = self.habits, np.zeros(rows.shape)
        k = habits.places
        value, visit = memory[:, HEAD : HEAD + k].copy(), memory[:, HEAD + k :].copy()
        places = Visited(value, visit, memory[:, 1].copy(), rows=habits.memory, grain=habits.grain)
        shown = ~np.isnan(rows)
        stamp = np.where(shown & learns, number, -1.0)
        oldest = np.maximum(number - habits.memory, 1.0)
        due = shown & (number % AGAIN == 0.0)
        some_due = due.any(axis=1).tolist()
        part = places
        for row, last in enumerate(_counts(lasts, len(rows))):
            if last != len(part.value):
                part = places.take(last)
            if some_due[row]:
                part.measure(np.flatnonzero(due[row, :last]), oldest[row])
            new = part.show(rows[row, :last], stamp[row, :last], oldest[row, :last])
            if new is not None:
                odd[row, new.channel] = self._novelty(new, number[row, new.channel])
        memory[:, 1], memory[:, HEAD : HEAD + k], memory[:, HEAD + k :] = places.width, value, visit
        return odd

    def _novelty(self, new: New, number: F64) -> F64:
        habits = self.habits
        scale = new.width + new.alone / habits.sparse
        share = np.where(new.away < np.inf, new.away, 0.0) / np.where(scale > 0.0, scale, 1.0)
        return share * self._youth[np.minimum(number, habits.memory).astype(np.int64)] / habits.limit

    def _rung(self, memory: F64, odd: F64, number: F64) -> F64:
        """Leave of the scores (k, S) what is no part of the change before; carries the bars on."""
        rung = np.zeros(odd.shape)
        for channel in np.flatnonzero((odd >= FAINT).any(axis=0)):
            bar, since = memory[channel, 2], memory[channel, 3]
            for row in np.flatnonzero(odd[:, channel] >= FAINT):
                mine, now = odd[row, channel], number[row, channel]
                if now - since > self.habits.rest or mine > self.habits.rise * bar:
                    rung[row, channel] = bar = mine
                    since = now
            memory[channel, 2:HEAD] = bar, since
        return rung

    def _scored(self, job: Job, memory: F64, score: F64) -> Scored:
        known = ~np.isnan(score)
        heard = np.where(known, score, 0.0)
        worst = heard.max(axis=1)
        share = shares(heard[..., None])[..., 0]
        return Scored(
            state=memory.reshape(-1).copy() if job.learn else job.state.copy(),
            score=np.where(known.any(axis=1), worst, np.nan).astype(np.float32),
            contributions=(share * worst[:, None]).astype(np.float32),
            warm=float(min(memory[:, 0].max() / self.habits.warm, 1.0)),
            drift=np.zeros(len(job.t_ns), dtype=np.bool_),
        )


def _laid(jobs: Sequence[Job], ends: F64) -> F64:
    """The rows of all jobs side by side (longest, S), what is off as missing."""
    rows = np.full((len(jobs[0].t_ns), int(ends[-1])), np.nan)
    for job, end in zip(jobs, ends.tolist(), strict=True):
        on = job.running[:, None] & np.isfinite(job.rows)
        rows[: len(job.t_ns), end - job.rows.shape[1] : end] = np.where(on, np.clip(job.rows, -FAR, FAR), np.nan)
    return rows


def _counts(lasts: I64, rows: int) -> list[int]:
    """How many of the channels, longest first, have each of the rows."""
    counts: list[int] = np.searchsorted(-lasts, -np.arange(rows)).tolist()
    return counts
