"""Machines side by side under the self-learning detector, as the box would watch them."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from models.contract import F64, Job
from models.decide import DEFAULT, Deciding, decide
from models.selflearning.online import Online
from simulators.rows import Block, Machine

SECOND_NS = 1_000_000_000
START_NS = 1_780_272_000 * SECOND_NS  # 2026-06-01, a Monday
BLOCK = 4096


@dataclass
class Watched:
    """One machine, what the detector remembers of it, and when it rang."""

    machine: Machine
    state: F64
    deciding: Deciding = field(default_factory=Deciding)
    rang_ns: list[int] = field(default_factory=list)
    led_by: list[str] = field(default_factory=list)  # channel with the largest contribution at each ringing
    ringing_ns: int | None = None  # first row, from `since_ns` on, in which it rang


def watch(
    machines: Sequence[Machine], *, end_ns: int, since_ns: int = START_NS, every_ns: int = SECOND_NS, told: bool = True
) -> list[Watched]:
    """Run machines up to `end_ns`; `told`: the detector is told when they are off, as `running_when` does."""
    detector = Online()
    watched = [Watched(machine, detector.cold(len(machine.channels))) for machine in machines]
    streams = [m.blocks(start_ns=START_NS, every_ns=every_ns, block=BLOCK, end_ns=end_ns) for m in machines]
    for blocks in zip(*streams, strict=False):
        jobs = [_job(one, block, told=told) for one, block in zip(watched, blocks, strict=True)]
        for one, job, scored in zip(watched, jobs, detector.advance(jobs), strict=True):
            decided = decide(one.deciding, scored.score, DEFAULT)
            one.state, one.deciding = scored.state, decided.state
            for change in decided.changes:
                if change.active:
                    one.rang_ns.append(int(job.t_ns[change.index]))
                    one.led_by.append(one.machine.names[int(scored.contributions[change.index].argmax())])
            rows = np.flatnonzero(decided.active & (job.t_ns >= since_ns))
            if one.ringing_ns is None and rows.size:
                one.ringing_ns = int(job.t_ns[rows[0]])
    return watched


def _job(one: Watched, block: Block, *, told: bool) -> Job:
    name, level = one.machine.running
    running = np.ones(len(block.t_ns), dtype=np.bool_)
    if told:
        running = block.values[:, one.machine.column(name)] > level
    return Job(state=one.state, t_ns=block.t_ns, rows=block.values, running=running)
