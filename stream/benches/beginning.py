"""How a run comes to be known: by its start, or by something else that is heard of it first."""

from stream.alarms.phrase import span
from stream.benches import remarks
from stream.benches.control import whole
from stream.benches.ending import give_up
from stream.benches.habits import MOST_UNITS, silence_s
from stream.benches.ledger import Ledger
from stream.benches.records import put
from stream.benches.run import MOST_STEPS, RunRecord
from wire.messages import NS_PER_S, Measured, RunStarted, StepEnded

WHOLE_SHARE = 0.05  # of runs that are always tested to the end, where the configuration does not say


def start(event: RunStarted, t_ns: int, ledger: Ledger) -> None:
    """A run begins, as far as it did not before."""
    name, run = event.run, ledger.floor.run(event.run)
    if run is None:
        run = _new(name, RunRecord(started_ns=t_ns), ledger)
    elif run.begun:
        _again(event, run, t_ns, ledger)
        return
    else:
        go_on(name, run, ledger)
        ledger.note(name, run, [remarks.LATE_START] if run.over else [])
    known = run.station == event.station
    run.begun, run.started_ns, run.heard_ns = True, t_ns, ledger.edge_clock_ns
    run.unit, run.procedure, run.version, run.station = event.unit, event.procedure, event.version, event.station
    run.operator, run.retest_of, run.planned = event.operator, event.retest_of, event.steps[:MOST_STEPS]
    run.source = event.source or run.source
    _draw(name, run, ledger)
    _look_back(name, run, ledger)
    if not (known or run.over):
        _look_around(name, run, ledger)
    ledger.change(name)


def _again(event: RunStarted, run: RunRecord, t_ns: int, ledger: Ledger) -> None:
    """A run that started is said to start. For another unit, or after its end, it is another run under its name.

    What comes from here on could be of either: nothing of it is taken.
    """
    other = (event.unit, event.procedure) != (run.unit, run.procedure)
    if not (other or (run.over and t_ns > run.ended_ns)):
        ledger.note(event.run, run, [remarks.again(run)])
        return
    run.given_again = True
    if run.over:
        ledger.note(event.run, run, [remarks.given_again(event)])
    else:
        give_up(event.run, run, remarks.given_again(event), t_ns, ledger)


def join(event: Measured | StepEnded, what: str, t_ns: int, ledger: Ledger) -> RunRecord:
    """The run that something is heard of; one whose start was not heard begins without it."""
    name, run = event.run, ledger.floor.run(event.run)
    if run is None:
        run = _new(name, RunRecord(started_ns=t_ns, source=event.source, station=event.station), ledger)
        _draw(name, run, ledger)
        ledger.note(name, run, [remarks.unheard(what)])
        _look_around(name, run, ledger)
    if event.station and not run.station:
        run.station = event.station
        _look_around(name, run, ledger)
    run.source = run.source or event.source
    given_up = run.state == "broken-off"
    go_on(name, run, ledger)
    if given_up:
        _look_around(name, run, ledger)
    return run


def go_on(name: str, run: RunRecord, ledger: Ledger) -> None:
    """Something is heard of a run; one that was given up goes on."""
    run.heard_ns = ledger.edge_clock_ns
    if run.state == "broken-off":
        ledger.note(name, run, [remarks.reopened(run)])
        run.state, run.ended_ns = "running", 0
        _make_room(name, ledger)


def _new(name: str, run: RunRecord, ledger: Ledger) -> RunRecord:
    run.heard_ns = ledger.edge_clock_ns
    ledger.floor.new_run(name, run)
    _make_room(name, ledger)
    ledger.tell(ledger.edge_clock_ns)  # of a run that is forgotten nothing could be told
    ledger.floor.forget()
    return run


def _make_room(name: str, ledger: Ledger) -> None:
    for other in ledger.floor.too_many(name):
        run = ledger.floor.run(other)
        assert run is not None
        give_up(other, run, remarks.CROWDED_OUT, ledger.edge_clock_ns, ledger)


def _draw(name: str, run: RunRecord, ledger: Ledger) -> None:
    """Whether it is a control run."""
    share = ledger.rule(run).whole_share
    run.share = WHOLE_SHARE if share is None else share
    run.control = whole(name, run.share)


def _look_around(name: str, run: RunRecord, ledger: Ledger) -> None:
    """Who else is on the station. What an outage held back is not beside what is there now.

    A run that broke off without a word is none that is still there: it is given up, and goes on if it speaks again.
    """
    if ledger.late or not run.station:
        return
    for other_name in ledger.floor.open(run.station):
        other = ledger.floor.run(other_name)
        if other is None or other_name == name:
            continue
        if silence_ns := _left(other, ledger):
            give_up(other_name, other, remarks.left(span(silence_ns), name), ledger.edge_clock_ns, ledger)
            continue
        ledger.note(name, run, [remarks.overlap(other_name)])
        ledger.note(other_name, other, [remarks.overlap(name)])


def _left(run: RunRecord, ledger: Ledger) -> int:
    """For how long nothing was heard of a run, where that is longer than its steps ever take, ns; else 0."""
    usual_s = silence_s(ledger.floor.ended(run.procedure)) if run.procedure and run.heard_ns >= 0 else None
    silence_ns = ledger.edge_clock_ns - run.heard_ns
    return silence_ns if usual_s is not None and silence_ns > usual_s * NS_PER_S else 0


def _look_back(name: str, run: RunRecord, ledger: Ledger) -> None:
    """What was on the station before, and which runs this unit had."""
    if run.station and run.procedure and not ledger.late:
        before = ledger.floor.station(run.station).runs(run.procedure, run.version)
        ledger.note(name, run, remarks.version(run, before))
    if not (run.procedure and run.unit):
        return
    units = ledger.floor.procedure(run.procedure).units
    ledger.note(name, run, remarks.retest(run, ledger.floor.look(run.retest_of), units.get(run.unit, "")))
    put(units, run.unit, name, MOST_UNITS)
