"""What the core remembers of one run on a test bench, within bounds."""

import copy
from collections.abc import Mapping
from typing import Literal

import msgspec

from wire.messages import Advice, Candidate, Origin, Run, Step

State = Literal["running", "pass", "fail", "aborted", "broken-off"]

MOST_COLUMNS = 2000  # of a run's row; what is measured beyond them is left out, and a remark says so
MOST_CHARACTERS = 100_000  # in the names of those columns
MOST_STEPS = 500  # of a run; likewise
MOST_REMARKS = 64  # of a run; the last one says that there were more
MOST_NAME = 200  # characters of any name in a run event; a longer one is a dead letter
ANEW = 10_000  # changes of a run whose record was lost are counted from here: beyond all that were told before

replace = msgspec.structs.replace

FULL = f"more was irregular than the {MOST_REMARKS} remarks that are kept"


class RunRecord(msgspec.Struct):
    """One run; `fork` before changing one."""

    station: str = ""
    unit: str = ""
    procedure: str = ""
    version: str = ""
    source: str = ""
    operator: str = ""
    retest_of: str = ""
    begun: bool = False  # its start was heard
    state: State = "running"
    change: int = 0
    heard_ns: int = -1  # clock of its edge when something came of it; -1 = not known, it counts from now
    started_ns: int = 0
    changed_ns: int = 0
    ended_ns: int = 0
    planned: tuple[str, ...] = ()
    steps: dict[str, Step] = {}
    row: dict[str, float] = {}
    width: int = 0  # characters in the names of its columns
    remarks: tuple[str, ...] = ()
    control: bool = False
    share: float = 1.0  # of runs that were to be control runs when it began
    spared: bool = False  # a control run that would have been told to stop
    given_again: bool = False  # its name, to another run, of which nothing is taken
    taught: bool = False  # it ended with an outcome that says something of its station
    p_fail: float | None = None
    would_stop_at: str = ""
    stopped_at: str = ""
    went_on: bool = False  # another step ended after a stop was told, whatever time it bears
    saved_s: float | None = None
    model: str = ""
    model_version: int = 0
    candidate: Candidate | None = None

    def fork(self) -> "RunRecord":
        """A copy that may be changed."""
        forked = copy.copy(self)
        forked.steps, forked.row = dict(self.steps), dict(self.row)
        return forked

    @property
    def over(self) -> bool:
        """Whether it ended, or was given up."""
        return self.state != "running"

    @property
    def weight(self) -> float:
        """Runs that it stands for: of those that were called while advice was on, only control runs have an outcome."""
        return 1.0 / self.share if self.spared and self.share > 0 else 1.0

    @property
    def ended(self) -> tuple[str, ...]:
        """Its steps that ended."""
        return tuple(step.name for step in self.steps.values() if step.ended_ns)

    @property
    def ended_last(self) -> str:
        """The step that ended last."""
        steps = enumerate(self.steps.values())
        return max(((step.ended_ns, place, step.name) for place, step in steps), default=(0, 0, ""))[2]

    def lay(self, found: Mapping[str, float]) -> bool:
        """Put values into the row, after the end only where there was none; False where there is no room."""
        fresh = [column for column in found if column not in self.row]
        width = self.width + sum(map(len, fresh))
        if fresh and (len(self.row) + len(fresh) > MOST_COLUMNS or width > MOST_CHARACTERS):
            return False
        self.width = width
        self.row |= {column: found[column] for column in fresh} if self.over else found
        return True

    def remark(self, text: str) -> bool:
        """Note what is irregular, once; whether it is new."""
        if text in self.remarks or FULL in self.remarks:
            return False
        self.remarks = (*self.remarks, text if len(self.remarks) < MOST_REMARKS - 1 else FULL)
        return True

    def advised(self, advice: Advice) -> bool:
        """Note what was advised; whether a stop is due, or told, for the first time."""
        if self.over:
            return False
        if advice.model:
            if self.candidate and advice.model_version != self.model_version:
                self.candidate = replace(self.candidate, throughout=False)
            self.p_fail, self.model, self.model_version = advice.p_fail, advice.model, advice.model_version
        spared = advice.would_stop and advice.withheld == "control" and not self.spared
        due = advice.would_stop and not self.would_stop_at
        told = advice.stop and not self.stopped_at
        if due:
            self.would_stop_at = advice.step
        if told:
            self.stopped_at = advice.step
        if due or told:
            self.saved_s = advice.saved_s
        self.spared = self.spared or spared
        return due or told or spared

    def tried(self, version: int, advice: Advice | None, *, first: bool) -> None:
        """Note what a candidate thought (0: none is tried); `first`: the champion had not called this run before."""
        known = self.candidate
        if version and (known is None or known.version != version):
            known = Candidate(version, throughout=first)
        if known is None:
            return
        if not version:
            known = replace(known, throughout=False)
        elif advice is not None:
            due = advice.would_stop and not known.would_stop_at
            stop = {"would_stop_at": advice.step, "saved_s": advice.saved_s} if due else {}
            known = replace(known, p_fail=advice.p_fail, **stop)
        self.candidate = known

    def told(self, name: str, edge: str, origin: Origin) -> Run:
        """Its whole state as an outcome; counts as a change."""
        self.change += 1
        return Run(
            origin=origin,
            edge=edge,
            run=name,
            change=self.change,
            unit=self.unit,
            procedure=self.procedure,
            version=self.version,
            station=self.station,
            state=self.state,
            started_ns=self.started_ns,
            changed_ns=self.changed_ns,
            ended_ns=self.ended_ns,
            source=self.source,
            operator=self.operator,
            retest_of=self.retest_of,
            steps=tuple(self.steps.values()),
            remarks=self.remarks,
            control=self.control,
            p_fail=self.p_fail,
            would_stop_at=self.would_stop_at,
            stopped_at=self.stopped_at,
            saved_s=self.saved_s,
            row=dict(self.row) if self.over else {},
            model=self.model,
            model_version=self.model_version,
            weight=self.weight,
            candidate=self.candidate,
        )
