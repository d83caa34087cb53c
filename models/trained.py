"""A fitted model at work: named channels in, scores out; the same code live, in batch and in training."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import msgspec
import numpy as np

from models.contract import F32, F64, I64, LARGEST, Bools, Job, Scored, Task
from models.decide import Decision
from models.features.bank import Bank
from models.features.normalise import Normaliser
from models.head import Foretelling, Head, Settled

NEAR_LIMIT = 0.5  # of a score: which channels speak for it is asked from here on
BLOCK = 2048  # rows worked on at once: they stay in the cache, and BLAS begins no threads for so few


@dataclass(frozen=True)
class Trained:
    """Follows `models.contract.Detector`. Its memory of a device: age, the bank's and the head's."""

    name: str
    version: int
    task: Task
    channels: tuple[str, ...]
    decision: Decision
    normaliser: Normaliser
    bank: Bank
    head: Head
    classes: tuple[str, ...] = ()
    words: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def cold(self, channels: int) -> F64:  # noqa: ARG002 -- it knows its own channels
        """The memory of a device that has shown nothing yet."""
        return np.zeros(self.bank.memory + self.head.memory)

    def accept(self, state: F64) -> F64:
        """What is normal was settled in training, so nothing changes."""
        return state

    def advance(self, jobs: Sequence[Job]) -> list[Scored]:
        """Score the rows of many devices, so many at a time that memory is not what takes the time."""
        with np.errstate(all="ignore"):  # missing and absurd values are data here
            return self._in_steps(jobs)

    def _in_steps(self, jobs: Sequence[Job]) -> list[Scored]:
        longest = max((len(job.t_ns) for job in jobs), default=0)
        step = max(1, BLOCK // max(1, len(jobs)))
        if longest <= step:
            return self._advance(jobs)
        parts: list[list[Scored]] = [[] for _ in jobs]
        states = [job.state for job in jobs]
        for start in range(0, longest, step):
            places = [at for at, job in enumerate(jobs) if start < max(1, len(job.t_ns))]
            pieces = [_piece(jobs[at], states[at], slice(start, start + step)) for at in places]
            for at, scored in zip(places, self._advance(pieces), strict=True):
                parts[at].append(scored)
                states[at] = scored.state
        return [_whole(job, scored) for job, scored in zip(jobs, parts, strict=True)]

    def _advance(self, jobs: Sequence[Job]) -> list[Scored]:
        """Features a device, one look for all, then a device at a time again."""
        rows = self._rows(jobs)
        cut, warm = self.bank.memory, self.bank.warm
        run = self.bank.run([job.state[:cut] for job in jobs], rows)
        x = _joined([made for made, _ in run], self.bank.width)
        ages = [int(job.state[0]) for job in jobs]  # rows that each device showed before
        age = _joined([before + np.arange(len(mine)) for before, mine in zip(ages, rows, strict=True)])
        said, memories = self._said(jobs, x, age, [len(mine) for mine in rows])
        cold = age + 1 < warm
        score = np.where(cold, np.nan, np.minimum(said.score, LARGEST)).astype(np.float32)
        shares = np.zeros((len(score), len(self.channels)), dtype=np.float32)
        near = np.flatnonzero(score >= NEAR_LIMIT)
        if near.size and said.seen is not None:
            shares[near] = self.head.blame(x[near], said.seen[near]) * score[near, None]
        outlook = None if said.outlook is None else np.where(cold[:, None], np.nan, said.outlook)
        out, at = [], 0
        for job, before, mine, (_, memory), own in zip(jobs, ages, rows, run, memories, strict=True):
            part = slice(at, at + len(mine))
            at = part.stop
            on = None if len(mine) == len(job.t_ns) else job.running
            out.append(
                Scored(
                    state=np.concatenate([memory, own]) if job.learn else job.state.copy(),
                    score=_scattered(score[part], on, np.nan),
                    contributions=_scattered(self._told(shares[part], job), on, 0.0),
                    warm=min(1.0, (before + len(mine)) / warm),
                    drift=np.zeros(len(job.t_ns), dtype=np.bool_),
                    outlook=None if outlook is None else _scattered(outlook[part], on, np.nan),
                )
            )
        return out

    @property
    def _outlooks(self) -> int:
        """Numbers in which it tells of a row what is to come."""
        if isinstance(self.head, Foretelling):
            return self.head.outlooks
        return {Task.LIFE: 3, Task.OUTCOME: len(self.classes)}.get(self.task, 0)

    def _rows(self, jobs: Sequence[Job]) -> list[F64]:
        """The running rows of each job in the order of the model's channels, normalised; one that is absent is NaN."""
        mine = [self._mine(job) for job in jobs]
        stacked = _joined(mine, len(self.channels))
        scaled = self.normaliser.apply(np.where(np.isfinite(stacked), stacked, np.nan))
        ends = np.cumsum([len(rows) for rows in mine], dtype=np.int64).tolist()
        return [scaled[end - len(rows) : end] for rows, end in zip(mine, ends, strict=True)]

    def _mine(self, job: Job) -> F64:
        rows = job.rows if job.running.all() else job.rows[job.running]
        if job.channels and job.channels != self.channels:
            place = {name: at for at, name in enumerate(job.channels)}
            with_absent = np.concatenate([rows, np.full((len(rows), 1), np.nan)], axis=1)
            return with_absent[:, [place.get(name, -1) for name in self.channels]]
        if rows.shape[1] != len(self.channels):
            msg = f"{self.name} was fitted on {len(self.channels)} channels, these rows have {rows.shape[1]}"
            raise ValueError(msg)
        return rows

    def _said(self, jobs: Sequence[Job], x: F64, age: I64, lengths: Sequence[int]) -> tuple[Settled, list[F64]]:
        """What the head says of all rows, and its memory of each device after them; of no rows it is asked nothing.

        A head that remembers nothing settles the rows of all devices at once.
        """
        memories = [job.state[self.bank.memory :] for job in jobs]
        looks = self.head.look(x) if len(x) else np.zeros((0, 0))
        if not len(x) or not self.head.memory:
            nothing = Settled(np.zeros(0), np.zeros(0), np.zeros((0, self._outlooks)))
            said = self.head.settle(np.zeros(0), looks, age) if len(x) else nothing
            parts = [(said, looks)]
        else:
            parts, at = [], 0
            for place, length in enumerate(lengths):
                mine = slice(at, at + length)
                at += length
                if length:
                    said = self.head.settle(memories[place], looks[mine], age[mine])
                    memories[place] = said.memory
                    parts.append((said, looks[mine]))
        together = Settled(
            score=_joined([said.score for said, _ in parts]),
            memory=np.zeros(0),
            outlook=_joined([self._outlook(said) for said, _ in parts]) if self._outlooks else None,
            seen=_joined([look if said.seen is None else said.seen for said, look in parts]),
        )
        return together, memories

    def _outlook(self, said: Settled) -> F64:
        if said.outlook is None:
            return np.full((len(said.score), self._outlooks), np.nan)
        return np.asarray(said.outlook, dtype=np.float64)

    def _told(self, shares: F32, job: Job) -> F32:
        """The same in the order of the job's channels."""
        if not job.channels or job.channels == self.channels:
            return shares
        place = {name: at for at, name in enumerate(self.channels)}
        known = [(at, place[name]) for at, name in enumerate(job.channels) if name in place]
        out = np.zeros((len(shares), len(job.channels)), dtype=np.float32)
        for theirs, mine in known:
            out[:, theirs] = shares[:, mine]
        return out


def _joined(parts: Sequence[np.ndarray], width: int | None = None) -> np.ndarray:
    if len(parts) == 1:
        return parts[0]
    return np.concatenate(parts) if parts else np.zeros((0,) if width is None else (0, width))


def _piece(job: Job, state: F64, part: slice) -> Job:
    return msgspec.structs.replace(
        job, state=state, t_ns=job.t_ns[part], rows=job.rows[part], running=job.running[part], learn=True
    )


def _whole(job: Job, parts: Sequence[Scored]) -> Scored:
    return Scored(
        state=parts[-1].state if job.learn else job.state.copy(),
        score=_joined([part.score for part in parts]),
        contributions=_joined([part.contributions for part in parts]),
        warm=parts[-1].warm,
        drift=_joined([part.drift for part in parts]),
        outlook=None
        if parts[0].outlook is None
        else _joined([part.outlook for part in parts if part.outlook is not None]),
    )


def _scattered(values: np.ndarray, running: Bools | None, off: float) -> F32:
    """Values of the running rows (None: all) laid on all rows as float32, `off` where the machine was."""
    if running is None:
        return values.astype(np.float32, copy=False)
    out = np.full((len(running), *values.shape[1:]), off, dtype=np.float32)
    out[running] = values
    return out
