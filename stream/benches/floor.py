"""The test benches of one edge while a batch is worked on: records are found, made, and let go within their bounds."""

from typing import TypeVar

from stream.alarms.panel import Notice
from stream.benches.records import (
    MOST_OPEN,
    MOST_OVER,
    MOST_PROCEDURES,
    MOST_STATIONS,
    PAST,
    Past,
    ProcedureRecord,
    StationRecord,
)
from stream.benches.run import RunRecord
from stream.benches.stored import key
from stream.draft import Draft, Occasion

_Named = TypeVar("_Named", StationRecord, ProcedureRecord)


class Floor:
    """Hands out working copies; whoever asks for one changes it."""

    def __init__(self, at: Occasion, draft: Draft) -> None:
        self.at = at
        self._draft = draft
        self._benches = draft.floor(at.edge)

    def run(self, name: str) -> RunRecord | None:
        """A run that is remembered."""
        known = self._benches.runs.get(name)
        if known is not None and self._draft.touched(key("run", self.at.edge, name)):
            known = self._benches.runs[name] = known.fork()
        return known

    def new_run(self, name: str, record: RunRecord) -> None:
        """Remember a run."""
        self._draft.touched(key("run", self.at.edge, name))
        self._benches.runs[name] = record

    def open(self, station: str | None = None) -> list[str]:
        """Runs that are not over, the one longest unheard first; those of one station, or all."""
        runs = self._benches.runs.items()
        found = [(run.heard_ns, name) for name, run in runs if not run.over and station in {None, run.station}]
        return [name for _, name in sorted(found)]

    def too_many(self, newest: str) -> list[str]:
        """Open runs beyond the bound, the newest not among them; an alarm says so."""
        found = [name for name in self.open() if name != newest][: -(MOST_OPEN - 1)]
        if found:
            self._crowded(f"more than {MOST_OPEN} test runs are open: the one longest unheard is given up")
        return found

    def forget(self) -> None:
        """Let go of runs that are over and beyond the bound, those longest unheard."""
        if len(self._benches.runs) <= MOST_OVER:
            return
        over = sorted((run.heard_ns, name) for name, run in self._benches.runs.items() if run.over)
        for _, name in over[:-MOST_OVER]:
            del self._benches.runs[name]
            self._draft.touched(key("run", self.at.edge, name))
            self._benches.past[PAST] = self._benches.past.get(PAST, Past()).over(name)
            self._draft.touched(key("past", self.at.edge, PAST))

    def taught(self, station: str, procedure: str) -> list[RunRecord]:
        """Runs at hand that say something of a station, in the order in which they ended; to be read only."""
        runs = [(run.ended_ns, name) for name, run in self._benches.runs.items() if run.taught]
        found = [self._benches.runs[name] for _, name in sorted(runs)]
        return [run for run in found if (run.station, run.procedure) == (station, procedure)]

    def ended(self, procedure: str) -> list[RunRecord]:
        """Runs of a procedure at hand that were tested to the end from a start that was heard; to be read only."""
        runs = self._benches.runs.values()
        return [run for run in runs if run.begun and run.procedure == procedure and run.state in {"pass", "fail"}]

    def forgotten(self, name: str) -> bool:
        """Whether a run was over and is remembered no more."""
        return name not in self._benches.runs and self._benches.past.get(PAST, Past()).holds(name)

    def look(self, name: str) -> RunRecord | None:
        """A run to be read only."""
        return self._benches.runs.get(name)

    def station(self, name: str) -> StationRecord:
        """A station, which is heard of now; an unknown one starts anew."""
        return self._heard("station", name, self._benches.stations, StationRecord, MOST_STATIONS)

    def procedure(self, name: str) -> ProcedureRecord:
        """A procedure, which is heard of now; an unknown one starts anew."""
        return self._heard("procedure", name, self._benches.procedures, ProcedureRecord, MOST_PROCEDURES)

    def known_station(self, name: str) -> StationRecord | None:
        """A station to be read only."""
        return self._benches.stations.get(name)

    def known_procedure(self, name: str) -> ProcedureRecord | None:
        """A procedure to be read only."""
        return self._benches.procedures.get(name)

    def _heard(self, kind: str, name: str, records: dict[str, _Named], make: type[_Named], most: int) -> _Named:
        known = records.get(name)
        first = self._draft.touched(key(kind, self.at.edge, name))
        if known is None:
            known = records[name] = make()
            known.heard_ns = self._clock_ns
            self._make_room(kind, records, most)
        elif first:
            known = records[name] = known.fork()
        known.heard_ns = self._clock_ns
        return known

    @property
    def _clock_ns(self) -> int:
        return self._draft.edge(self.at.edge).clock_ns

    def _make_room(self, kind: str, records: dict[str, _Named], most: int) -> None:
        while len(records) > most:
            name = min(records, key=lambda name: (records[name].heard_ns, name))
            del records[name]
            self._draft.touched(key(kind, self.at.edge, name))
            self._crowded(f"more than {most} {kind}s of test benches: the one longest unheard is forgotten")

    def _crowded(self, what: str) -> None:
        edge = self._draft.edge(self.at.edge)
        self._draft.panel(self.at).raise_(Notice("crowded", "crowded", edge.clock_ns, {"what": what}), edge.clock_ns)
        edge.event("crowded")
