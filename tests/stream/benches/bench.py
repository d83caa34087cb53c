"""A test bench by hand for tests of runs in the core: its events, a model with known answers, and what came out."""

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from models.contract import F64, Detector, Job, Scored, Task
from models.decide import DEFAULT
from stream.core import Core
from stream.models.detectors import Shelf
from tests.stream.plant import T0, Line, S
from wire.config import Config, Costs, Procedure
from wire.messages import Advice, Label, Measured, Run, RunEnded, RunEvent, RunStarted, StepEnded

STEPS = ("S1", "S2", "S3")
CHANNELS = tuple(f"{step}/{name}" for step in STEPS for name in ("x", "x.margin", ".seconds"))
COSTS = Costs(bench_hour=3600.0, scrap_good=10.0, pass_bad=0.0, repair=5.0)


class Foreseer:
    """P(fail) is the mean of what was measured so far, as a share of one; it stops units from `limit` on.

    It remembers how many runs of a station it saw, and the mean of their S1/x. With `drift`, that mean is added.
    """

    def __init__(self, version: int = 1, name: str = "fails", limit: float = 0.5, *, drift: bool = False) -> None:
        self.name, self.version, self.task, self.decision = name, version, Task.OUTCOME, DEFAULT
        self.channels = CHANNELS
        self.limit = limit
        self._drift = drift

    def cold(self, channels: int) -> F64:  # noqa: ARG002 -- it knows its own
        return np.zeros(2)

    def accept(self, state: F64) -> F64:
        return state

    def advance(self, jobs: Sequence[Job]) -> list[Scored]:
        return [self._all(job) for job in jobs]

    def _all(self, job: Job) -> Scored:
        """Its rows one by one; what is said is that of the last."""
        state = job.state
        for row in job.rows:
            said = self._one(msgspec.structs.replace(job, state=state, rows=row[None]))
            state = said.state
        return said

    def _one(self, job: Job) -> Scored:
        row = job.rows[0]
        x = np.array([at for at, name in enumerate(CHANNELS) if name.endswith("/x")])
        known = np.nan_to_num(row[x])
        p = float(known.sum() / max(1, np.isfinite(row[x]).sum())) + self._drift * float(job.state[1])
        shares = np.zeros((1, len(CHANNELS)), np.float32)
        shares[0, x] = known
        seen = job.state[0] + 1
        after = np.array([seen, job.state[1] + (known[0] - job.state[1]) / seen])
        return Scored(
            state=after if job.learn else job.state.copy(),
            score=np.array([p / self.limit], np.float32),
            contributions=shares,
            warm=1.0,
            drift=np.zeros(1, np.bool_),
            outlook=np.array([[1 - p, p, p - 0.1, p + 0.1]], np.float32),
        )


class Silent(Foreseer):
    """Gives no number."""

    def _one(self, job: Job) -> Scored:
        said = super()._one(job)
        return msgspec.structs.replace(said, score=np.full(1, np.nan, np.float32))


class Broken(Foreseer):
    """Fails at work."""

    def advance(self, jobs: Sequence[Job]) -> list[Scored]:  # noqa: ARG002 -- whatever comes
        msg = "no memory left"
        raise ValueError(msg)


def rule(**said: object) -> Procedure:
    """A rule for the procedure `axle`, with a model."""
    return Procedure(**{"match": "axle", "model": "fails", "costs": COSTS, "whole_share": 0.0, **said})  # type: ignore[arg-type] # by name


def floor(*rules: Procedure, models: Sequence[Detector] = ()) -> Core:
    """A core with rules for procedures and these models."""
    return Core(Config(procedures=rules), Shelf(models))


class Hall(Line):
    """An edge with test benches."""

    def __init__(self, core: Core) -> None:
        super().__init__(core)
        self.second = 0.0

    def say(self, *events: RunEvent, after: float = 1.0) -> None:
        """Let events through in one batch, so many seconds later."""
        self.second += after
        self.beat(self.second, events=events)

    def start(self, run: str = "r1", **said: object) -> None:
        """A run begins."""
        known = {"unit": f"unit of {run}", "procedure": "axle", "version": "1", "station": "b1", **said}
        self.say(RunStarted(run=run, **known))  # type: ignore[arg-type] # by name

    def step(self, run: str, step: str, x: float = 0.0, seconds: float = 10.0) -> Advice:
        """A step with one measurement; the champion's advice."""
        measured = Measured(run, step, "x", x, "mm", 0.0, 1.0, station="b1")
        self.say(measured, StepEnded(run, step, duration_s=seconds, station="b1"))
        return [advice for advice in self.advice() if advice.role == "champion"][-1]

    def end(self, run: str, outcome: str = "pass") -> None:
        """A run ends."""
        self.say(RunEnded(run, outcome))  # type: ignore[arg-type] # one of three

    def whole(self, run: str, x: float = 0.0, outcome: str = "pass", **said: object) -> None:
        """A run from its start to its end."""
        self.start(run, **said)
        for step in STEPS:
            self.step(run, step, x)
        self.end(run, outcome)

    def practised(self, count: int = 6) -> "Hall":
        """So many passes, so that it is known what is usual and how long it takes."""
        for number in range(count):
            self.whole(f"before-{number}")
        self.outcomes.clear()
        return self

    def runs(self, run: str = "") -> list[Run]:
        """Every state that was told of a run."""
        return [o for o in self.outcomes if isinstance(o, Run) and run in {"", o.run}]

    def remarks(self, run: str = "r1") -> tuple[str, ...]:
        """What is remarked on a run by now."""
        return self.runs(run)[-1].remarks

    def advice(self) -> list[Advice]:
        return [o for o in self.outcomes if isinstance(o, Advice)]

    def labels(self) -> list[Label]:
        return [o for o in self.outcomes if isinstance(o, Label)]


def at(second: float) -> int:
    """A time, so many seconds past T0."""
    return T0 + round(second * S)


def rows(run: Run) -> Mapping[str, float]:
    """The row without times taken."""
    return {column: value for column, value in run.row.items() if not column.endswith(".seconds")}
