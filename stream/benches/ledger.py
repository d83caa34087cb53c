"""What the work on one batch of run events shares: the floor, what holds for a run, which runs are to be told of."""

from collections.abc import Iterable

from stream.alarms.panel import Panel
from stream.benches.advising import Ground
from stream.benches.calls import Models
from stream.benches.floor import Floor
from stream.benches.habits import planned, usual
from stream.benches.records import MOST_STATIONS
from stream.benches.run import RunRecord
from stream.draft import Draft, Occasion
from stream.models.detectors import OFF, Detectors
from wire.config import Procedure
from wire.messages import Batch

WILL_FAIL = "run-will-fail:"  # and the station: the rule that rings while a run is expected to fail


class Ledger:
    """One batch at work. A run is told once an event, whatever changed of it."""

    def __init__(self, batch: Batch, at: Occasion, draft: Draft, detectors: Detectors) -> None:
        self.at = at
        self.late = batch.late
        self.clock_ns = batch.clock_ns
        self.floor = Floor(at, draft)
        self._draft = draft
        self._detectors = detectors
        self._changed: dict[str, None] = {}

    @property
    def edge_clock_ns(self) -> int:
        """The clock of the edge, on which runs are given up; a late batch does not move it."""
        return self._draft.edge(self.at.edge).clock_ns

    @property
    def panel(self) -> Panel:
        """The alarms of the edge itself."""
        return self._draft.panel(self.at)

    @property
    def loud(self) -> bool:
        """Whether alarms of as many stations as are known stand, or wait for an answer: no further one rings."""
        alarms = self._draft.edge(self.at.edge).alarms
        return len(alarms) > MOST_STATIONS and sum(rule.startswith(WILL_FAIL) for rule in alarms) >= MOST_STATIONS

    def note(self, name: str, run: RunRecord, remarks: Iterable[str]) -> None:
        """Keep what is irregular; what is new is told."""
        for text in remarks:
            if run.remark(text):
                self.change(name)

    def change(self, name: str) -> None:
        """A run is to be told of."""
        self._changed[name] = None

    def tell(self, t_ns: int) -> None:
        """Tell of the runs that changed."""
        for name in self._changed:
            run = self.floor.run(name)
            if run is not None:
                run.changed_ns = max(run.changed_ns, t_ns)
                self.at.out.append(run.told(name, self.at.edge, self.at.origin))
        self._changed.clear()

    def rule(self, run: RunRecord) -> Procedure:
        """What the configuration says of a run's procedure."""
        return self._draft.plans.procedure(run.procedure)

    def ground(self, run: RunRecord) -> Ground:
        """What an advice on a run rests on."""
        rule = self.rule(run)
        procedure = self.floor.known_procedure(run.procedure)
        expected = planned(run, rule) or usual(run, procedure)
        switch = self._draft.edge(self.at.edge).advice.get(run.procedure)
        return Ground(rule, procedure, expected, switch)

    def models(self, run: RunRecord) -> Models | None:
        """Where the model of a run's procedure is; None if it is to have none."""
        name = self.rule(run).model
        if not name or name == OFF or not run.procedure:
            return None
        return Models(name, self._draft.models, self._detectors)
