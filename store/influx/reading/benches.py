"""Runs, advice and labels out of InfluxDB, where each change is a point: the newest of each is what stands.

A run is looked for among at most MOST changes, from the newest back. Raises StoreAwayError.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Generic, TypeVar

import msgspec

from store.influx.bench_lines import APART
from store.influx.blob import told
from store.influx.client import Series
from store.influx.reading.asking import Asking, between, word
from store.influx.reading.names import text
from store.influx.reading.words import selected
from store.influx.table import (
    ADVICE,
    BODY,
    CELLS,
    EDGE,
    LABELS,
    MEASURED,
    PROCEDURE,
    ROLE,
    RUNS,
    SHADOW_ADVICE,
    STATION,
    shown,
)
from store.which import WhichLabels, WhichRuns
from wire.messages import Advice, Label, Measured, Role, Run

CHANGES = 4  # of a run, as a guess
MOST = 20_000  # points in one answer
ADVISED = 2_000  # points in one answer: a run has no more steps
AT_A_STATION = 2  # points of each: it seldom has more than one run that goes on
AT_ONCE = 20  # statements in one question: more would be longer than what stands in front of a server may take
_DAY_NS = 86_400 * 1_000_000_000
_Told = TypeVar("_Told", Run, Label)
_Body = TypeVar("_Body")
_Cells = dict[str, float]


class _Said(msgspec.Struct, Generic[_Told], frozen=True):
    """Which fields tell a state, how it is read, what it is a state of, and which of two is newer."""

    fields: Sequence[str]
    of: Callable[[Iterable[Series]], Iterator[_Told]]
    key: Callable[[_Told], tuple[str, str]]
    rank: Callable[[_Told], int]


def runs(asking: Asking, which: WhichRuns) -> list[Run]:
    """The newest state of each run, newest start first."""
    tags = [f'"{tag}" = {text(shown(name))}' for tag, name in _tags(which) if name]
    tags += [f'"unit" = {text(which.unit)}'] if which.unit else []
    end = asking.of(RUNS, *tags, f"time >= {max(which.since_ns // APART * APART, 0)}")
    newest = _newest(asking, end, which.limit, _Said(_run_fields(rows=which.rows), _runs_of, _named, _change))
    found = sorted((run for run in newest if which.fits(run)), key=lambda run: (-run.started_ns, run.run))
    return found[: which.limit]


def run(asking: Asking, edge: str, name: str) -> Run | None:
    """One run; the newest of that name where no edge is named."""
    where = [f'"run" = {text(name)}', *([f'"{EDGE}" = {text(shown(edge))}'] if edge else [])]
    found = asking.ask([selected(_run_fields(rows=True), asking.of(RUNS, *where), ADVISED)])
    states = [state for state in _runs_of(found) if state.run == name and edge in {"", state.edge}]
    return max(states, key=lambda state: (state.started_ns, state.change), default=None)


def advice(asking: Asking, of: Run, role: Role) -> list[Advice]:
    """What was advised on a run in this role, in the order of its steps."""
    end = asking.of(ADVICE, *_lived(of))
    if role != "champion":
        end = asking.of(SHADOW_ADVICE, f'"{ROLE}" = {text(role)}', *_lived(of))
    return sorted(_bodies(asking.ask([selected([BODY], end, ADVISED)]), Advice), key=_last)


def newest(asking: Asking, of: Sequence[Run]) -> Mapping[tuple[str, str], Advice]:
    """The last word on each of these runs: that of each station in one question, and what is not among them by run."""
    if not of:
        return {}
    since = f"time >= {max(0, min(run.started_ns for run in of) - _DAY_NS)}"
    lately = f'GROUP BY "{EDGE}", "{STATION}" ORDER BY time DESC LIMIT {AT_A_STATION}'
    found = _bodies(asking.ask([f'SELECT "{BODY}" {asking.of(ADVICE, since)} {lately}']), Advice)
    seen = {(one.edge, one.run) for one in found}
    rest = [selected([BODY], asking.of(ADVICE, *_lived(run)), 1) for run in of if (run.edge, run.run) not in seen]
    for place in range(0, len(rest), AT_ONCE):
        found += _bodies(asking.ask(rest[place : place + AT_ONCE]), Advice)
    wanted = {(run.edge, run.run) for run in of}
    return {(one.edge, one.run): one for one in sorted(found, key=_last) if (one.edge, one.run) in wanted}


def measured(asking: Asking, of: Run) -> list[Measured]:
    """What was said to be measured in a run, in the order it came, to the millisecond."""
    found = asking.ask([selected([BODY], asking.of(MEASURED, *_lived(of)), MOST)])
    return [event for some in reversed(_bodies(found, list[Measured])) for event in some]


def _lived(of: Run) -> Sequence[str]:
    """The conditions that something was said of a run."""
    lived = between(of.started_ns - _DAY_NS, max(of.changed_ns, of.started_ns) + _DAY_NS)
    return f'"{EDGE}" = {text(shown(of.edge))}', f'"run" = {text(of.run)}', lived


def _bodies(found: Iterable[Series], kind: type[_Body]) -> list[_Body]:
    return [one for row in _rows(found) if (one := told(word(row[BODY]), kind)) is not None]


def _last(said: Advice) -> tuple[int, int]:
    return said.t_ns, said.done


def labels(asking: Asking, which: WhichLabels) -> list[Label]:
    """Labels in their newest state, newest first."""
    asked = (("id", which.label), ("about", which.device), ("run", which.run))
    about = [f'"{field}" = {text(name)}' for field, name in asked if name]
    end = asking.of(LABELS, *about, f"time >= {max(which.since_ns // APART * APART, 0)}")
    newest = _newest(asking, end, which.limit, _Said([BODY], _labels_of, _id, _over))
    found = sorted((label for label in newest if which.fits(label)), key=lambda label: (-label.at_ns, label.id))
    return found[: which.limit]


def _newest(asking: Asking, end: str, limit: int, said: _Said[_Told]) -> list[_Told]:
    """The newest state of as many as are wanted; what is filtered afterwards is looked for among twice as many."""
    wanted = CHANGES
    while True:
        points = min(wanted * limit, MOST)
        found = asking.ask([selected(said.fields, end, points)])
        newest: dict[tuple[str, str], _Told] = {}
        for state in said.of(found):
            known = newest.get(said.key(state))
            if known is None or said.rank(state) > said.rank(known):
                newest[said.key(state)] = state
        if len(newest) >= 2 * limit or sum(len(series.values) for series in found) < points or points == MOST:
            return list(newest.values())
        wanted *= CHANGES


def _named(run: Run) -> tuple[str, str]:
    return run.edge, run.run


def _change(run: Run) -> int:
    return run.change


def _id(label: Label) -> tuple[str, str]:
    return label.edge, label.id


def _over(label: Label) -> int:
    return int(bool(label.withdrawn_by))


def _tags(which: WhichRuns) -> Iterable[tuple[str, str]]:
    return ((PROCEDURE, which.procedure), (STATION, which.station))


def _run_fields(*, rows: bool) -> Sequence[str]:
    return (BODY, CELLS) if rows else (BODY,)


def _runs_of(found: Iterable[Series]) -> Iterator[Run]:
    for row in _rows(found):
        state = told(word(row[BODY]), Run)
        if state is not None:
            yield msgspec.structs.replace(state, row=told(word(row.get(CELLS)), _Cells) or {})


def _labels_of(found: Iterable[Series]) -> Iterator[Label]:
    for row in _rows(found):
        state = told(word(row[BODY]), Label)
        if state is not None:
            yield state


def _rows(found: Iterable[Series]) -> Iterator[dict[str, object]]:
    return (dict(row) for series in found for row in series.rows())
