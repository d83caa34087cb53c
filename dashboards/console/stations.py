"""Stations and procedures of test benches: what was said of each last; knows no page and no JSON."""

from collections.abc import Mapping, Sequence

import msgspec

from store.port import Reader
from wire.messages import Advice, Run

MOST = 10_000  # runs that are looked at, the newest
GOING = 500  # of these that go on, whose newest step is asked for


class Station(msgspec.Struct, frozen=True):
    """One station of an edge."""

    edge: str
    station: str  # "" where runs did not say
    source: str  # that its newest run came by
    procedure: str  # of its newest run; "" where no start was heard
    heard_ns: int  # when the last was said of a run there: a start, a step, an end, or what was odd
    running: tuple[str, ...]  # names of runs, newest start first


def stations(reader: Reader) -> list[Station]:
    """All that runs are known of, by edge and name."""
    by_place: dict[tuple[str, str], list[Run]] = {}
    runs = reader.runs(limit=MOST, rows=False)
    for run in runs:
        by_place.setdefault((run.edge, run.station), []).append(run)
    said = reader.newest([run for run in runs if run.state == "running"][:GOING])
    return [
        Station(
            edge=edge,
            station=station,
            source=mine[0].source,
            procedure=mine[0].procedure,
            heard_ns=max(heard_ns(run, said.get((run.edge, run.run))) for run in mine),
            running=tuple(run.run for run in mine if run.state == "running"),
        )
        for (edge, station), mine in sorted(by_place.items())
    ]


def heard_ns(run: Run, newest: Advice | None) -> int:
    """When the last was said of a run; a step between changes of it is known by the word on it."""
    return max(run.changed_ns, newest.t_ns if newest is not None else 0)


def words(reader: Reader, by_name: Mapping[str, Sequence[Run]]) -> Mapping[str, Advice]:
    """The last word on the runs of each procedure, where there is one.

    Of two runs each, the last that changed of those that go on and of those that are over: one that has only just begun
    has no word yet.
    """
    lately = {name: [*_last(runs, over=False), *_last(runs, over=True)] for name, runs in by_name.items()}
    said = reader.newest([run for some in lately.values() for run in some])
    found = {name: [said[at] for run in some if (at := (run.edge, run.run)) in said] for name, some in lately.items()}
    return {name: max(mine, key=lambda one: (one.t_ns, one.done)) for name, mine in found.items() if mine}


def _last(runs: Sequence[Run], *, over: bool) -> Sequence[Run]:
    mine = [run for run in runs if (run.state != "running") is over]
    return [max(mine, key=lambda run: run.changed_ns)] if mine else []
