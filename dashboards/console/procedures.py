"""Procedures as they stand: how their runs ended, what early stops saved, and whether benches are told of them."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import msgspec

from dashboards.console.kept import Kept
from dashboards.console.stations import words
from models.runs.comparison import Comparison, compared
from models.runs.savings import Savings, savings
from store.port import Reader
from wire.config import Costs, Procedure
from wire.messages import Advice, Label, Run

MOST = 10_000  # runs that are looked at, the newest
MOST_LABELS = 2 * MOST  # the newest, of all procedures and devices
GOING = 200  # running ones that are shown
ENDED = 50  # the newest; GET /api/v1/runs has the others
FRESH_S, PROCEDURES_S = 1.0, 3.0
NEEDED = 30


class Switched(msgspec.Struct, frozen=True):
    """That a person let benches be told, or no more; what was advised until then says nothing of it."""

    on: bool
    until_ns: int


class Standing(msgspec.Struct, frozen=True):
    """One procedure."""

    name: str
    rule: Procedure
    runs: Sequence[Run]  # newest start first, without their wide rows
    saved: Savings
    newest: Advice | None  # on the run that was advised on last
    comparison: Comparison | None  # with a candidate, where one is tried
    switched: Switched | None = None  # by somebody who asked here

    @property
    def mode(self) -> str:
        """Whether benches are told: on, shadow or off."""
        newest, switched = self.newest, self.switched
        if switched is not None and (newest is None or newest.t_ns <= switched.until_ns):
            return "on" if switched.on else "shadow"
        return (newest.mode if newest is not None else "") or self.rule.advice or "shadow"

    @property
    def needed(self) -> int:
        """Failures still needed before a model can be trained."""
        if self.newest is not None:
            return self.newest.needed
        return max(0, (self.rule.needed_failures or NEEDED) - self.saved.states.get("fail", 0))

    @property
    def model(self) -> tuple[str, int]:
        """Which model advises, in which version; 0 while it has not."""
        if self.newest is not None and self.newest.model:
            return self.newest.model, self.newest.model_version
        return self.rule.model or "", 0

    @property
    def costs(self) -> Costs:
        """What its ends cost."""
        return self.rule.costs or Costs()

    def named(self, field: str) -> list[str]:
        """All edges, stations or versions that its runs name."""
        return sorted({getattr(run, field) for run in self.runs} - {""})


class Live(msgspec.Struct, frozen=True):
    """A run that goes on, and the newest word on it."""

    run: Run
    advice: Advice | None


class Procedures:
    """Looks at the runs of the store for all who ask; every call blocks, and raises what the store raises."""

    def __init__(self, reader: Reader, rule_of: Callable[[str], Procedure]) -> None:
        """Nothing has been looked at yet."""
        self._switched: dict[str, Switched] = {}  # procedures of which runs are stored
        self._standings = Kept(lambda: standings(reader, rule_of, self._switched), every_s=PROCEDURES_S)
        self._live = Kept(lambda: live(reader), every_s=FRESH_S)
        self._ended = Kept(lambda: ended(reader), every_s=FRESH_S)

    def all(self) -> Sequence[Standing]:
        """Every procedure of which a run was seen, by name."""
        return self._standings.get()

    def live(self) -> Sequence[Live]:
        """The runs that go on."""
        return self._live.get()

    def ended(self) -> Sequence[Run]:
        """Those that ended last, newest start first."""
        return self._ended.get()

    def switch(self, procedure: str, *, on: bool, at_ns: int) -> None:
        """Somebody let benches be told, or no more: so it is from now on, whatever was said of steps before."""
        # The clock of a bench may be ahead of this one.
        said_ns = [of.newest.t_ns for of in self.all() if of.name == procedure and of.newest is not None]
        self._switched[procedure] = Switched(on, max([at_ns, *said_ns]))
        self._standings.forget()


def standings(
    reader: Reader, rule_of: Callable[[str], Procedure], switched: Mapping[str, Switched] = MappingProxyType({})
) -> Sequence[Standing]:
    """Every procedure, of its runs among the newest MOST; a run whose start was not heard is of none that is known."""
    by_name: dict[str, list[Run]] = {}
    for run in reader.runs(limit=MOST, rows=False):
        if run.procedure:
            by_name.setdefault(run.procedure, []).append(run)
    said = words(reader, by_name)
    labels: dict[tuple[str, str], list[Label]] = {}
    for label in reader.labels(withdrawn=True, limit=MOST_LABELS) if by_name else ():
        if label.run:
            labels.setdefault((label.edge, label.run), []).append(label)
    return [
        msgspec.structs.replace(
            _standing(
                name,
                some,
                rule_of(name),
                said.get(name),
                [label for run in some for label in labels.get((run.edge, run.run), ())],
            ),
            switched=switched.get(name),
        )
        for name, some in sorted(by_name.items())
    ]


def live(reader: Reader) -> Sequence[Live]:
    """The runs that go on, each with the newest word on it."""
    runs = reader.runs(state="running", limit=GOING, rows=False)
    said = reader.newest(runs)
    return [Live(run, said.get((run.edge, run.run))) for run in runs]


def ended(reader: Reader) -> Sequence[Run]:
    """Runs that go on no more."""
    return [run for run in reader.runs(limit=GOING + ENDED, rows=False) if run.state != "running"][:ENDED]


def _standing(
    name: str, runs: Sequence[Run], rule: Procedure, newest: Advice | None, labels: Sequence[Label]
) -> Standing:
    force = (newest.model, newest.model_version) if newest is not None and newest.model else None
    costs = rule.costs or Costs()
    saved = savings(runs, costs, labels, force=force)
    return Standing(name, rule, runs, saved, newest, compared(runs, costs, labels))
