"""A fitted model at work: named channels in, scores out; the same code live, in batch and in training."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from models.contract import F64, I64, Job, Scored, Task
from models.decide import Decision
from models.features.bank import Bank
from models.features.normalise import Normaliser
from models.head import Head, Settled

NEAR_LIMIT = 0.5  # of a score: which channels speak for it is asked from here on


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
        """Score the rows of many devices: features a device, one look for all, then a device at a time again."""
        rows = [self._mine(job) for job in jobs]
        cut = self.bank.memory
        run = self.bank.run([job.state[:cut] for job in jobs], rows)
        x = np.concatenate([made for made, _ in run] or [np.zeros((0, self.bank.width))])
        looks = self.head.look(x) if len(x) else np.zeros((0, 0))
        out, at = [], 0
        for job, (made, memory) in zip(jobs, run, strict=True):
            mine = slice(at, at + len(made))
            out.append(self._scored(job, made, looks[mine], memory))
            at += len(made)
        return out

    def _mine(self, job: Job) -> F64:
        """The running rows of a job in the order of the model's channels, normalised; one that is absent is NaN."""
        rows = job.rows if job.running.all() else job.rows[job.running]
        if job.channels and job.channels != self.channels:
            place = {name: at for at, name in enumerate(job.channels)}
            with_absent = np.concatenate([rows, np.full((len(rows), 1), np.nan)], axis=1)
            rows = with_absent[:, [place.get(name, -1) for name in self.channels]]
        elif rows.shape[1] != len(self.channels):
            msg = f"{self.name} was fitted on {len(self.channels)} channels, these rows have {rows.shape[1]}"
            raise ValueError(msg)
        return self.normaliser.apply(np.where(np.isfinite(rows), rows, np.nan))

    def _scored(self, job: Job, x: F64, looks: F64, memory: F64) -> Scored:
        cut = self.bank.memory
        age = self._age(job, len(x))
        settled = self.head.settle(job.state[cut:], looks, age)
        cold = age + 1 < self.bank.warm
        score = np.where(cold, np.nan, settled.score)
        shares = self._shares(job, x, looks, score)
        total = age[-1] + 1 if len(age) else self._count(job.state)
        return Scored(
            state=np.concatenate([memory, settled.memory]) if job.learn else job.state.copy(),
            score=_scattered(score, job),
            contributions=_scattered(shares, job),
            warm=float(min(1.0, total / self.bank.warm)),
            drift=np.zeros(len(job.t_ns), dtype=np.bool_),
            outlook=self._outlook(settled, cold, job),
        )

    def _count(self, state: F64) -> int:
        return int(state[0]) if len(state) else 0

    def _age(self, job: Job, rows: int) -> I64:
        return self._count(job.state) + np.arange(rows, dtype=np.int64)

    def _shares(self, job: Job, x: F64, looks: F64, score: F64) -> F64:
        """Contributions (k x c of the job), told of from NEAR_LIMIT on, 0 elsewhere."""
        out = np.zeros((len(score), len(job.channels) or len(self.channels)))
        near = np.flatnonzero(score >= NEAR_LIMIT)
        if not near.size:
            return out
        shares = self.head.blame(x[near], looks[near]) * score[near, None]
        if job.channels and job.channels != self.channels:
            place = {name: at for at, name in enumerate(job.channels)}
            known = [(place[name], at) for at, name in enumerate(self.channels) if name in place]
            theirs, mine = map(list, zip(*known, strict=True)) if known else ([], [])
            out[np.ix_(near, theirs)] = shares[:, mine]
        else:
            out[near] = shares
        return out

    @staticmethod
    def _outlook(settled: Settled, cold: np.ndarray, job: Job) -> np.ndarray | None:
        if settled.outlook is None:
            return None
        return _scattered(np.where(cold[:, None], np.nan, settled.outlook), job)


def _scattered(values: F64, job: Job) -> np.ndarray:
    """Values of the running rows laid on all rows of the job as float32, NaN (or 0, for shares) where it was off."""
    if job.running.all():
        return values.astype(np.float32)
    out = np.full((len(job.t_ns), *values.shape[1:]), np.nan, dtype=np.float32)
    out[job.running] = values
    return out
