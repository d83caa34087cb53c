"""How a run ends: by its outcome, or because nothing more is heard of it; and what is learnt from it."""

import hashlib

from stream.benches import remarks
from stream.benches.calls import learn
from stream.benches.habits import planned, taught
from stream.benches.ledger import WILL_FAIL, Ledger
from stream.benches.memories import StationMemories
from stream.benches.run import RunRecord
from wire.config import HOUR_NS
from wire.messages import Label, RunEnded

BROKEN_OFF_NS = 8 * HOUR_NS  # without a word, where the configuration does not say
TEST = "test"  # who says what a run's outcome says


def end(event: RunEnded, run: RunRecord, t_ns: int, ledger: Ledger) -> None:
    """A run that is not over ends with an outcome."""
    name = event.run
    run.state, run.ended_ns = event.outcome, t_ns
    ground = ledger.ground(run)
    if not run.begun:
        ledger.note(name, run, [remarks.NO_START])
    told = bool(planned(run, ground.rule))
    ledger.note(name, run, remarks.missing(run, ground.expected, planned=told))
    ledger.note(name, run, remarks.passed(run))
    if _stopped(run):
        ledger.note(name, run, [remarks.stopped(run.stopped_at)])
    elif event.outcome != "aborted":
        _teach(run, t_ns, ledger)
        ledger.at.out.append(_label(name, run, event.outcome, ledger))
    _over(name, run, t_ns, ledger)


def give_up(name: str, run: RunRecord, why: str, at_ns: int, ledger: Ledger) -> None:
    """Nothing more is heard of a run."""
    run.state, run.ended_ns = "broken-off", at_ns
    ledger.note(name, run, [why])
    _over(name, run, at_ns, ledger)


def _over(name: str, run: RunRecord, at_ns: int, ledger: Ledger) -> None:
    others = (ledger.floor.look(other) for other in ledger.floor.open(run.station))
    if run.stopped_at and not any(other and other.stopped_at for other in others):
        ledger.panel.clear(alarm(run), at_ns)
    ledger.change(name)


def alarm(run: RunRecord) -> str:
    """The rule that rings while a run is expected to fail."""
    return WILL_FAIL + run.station


def _stopped(run: RunRecord) -> bool:
    """Whether it ended because a stop was told: then its outcome is that advice, and proves nothing.

    It is so if it was aborted, or is said to have failed without any further step: neither one that came later nor, as
    what comes may be out of order, one of a later time. A clock that was set back makes of no stop an outcome.
    """
    if not run.stopped_at or run.state == "pass":
        return False
    return run.state == "aborted" or not run.went_on or run.ended_last == run.stopped_at


def _teach(run: RunRecord, t_ns: int, ledger: Ledger) -> None:
    """Let the procedure know what is usual, and the model what this station measures."""
    if run.procedure:
        taught(ledger.floor.procedure(run.procedure), run)
    if not run.station or ledger.late:
        return
    models = ledger.models(run)
    if models is not None:
        memories = StationMemories(run, models, ledger.floor)
        tried = [models.candidate] if models.candidate else []
        memory, beside = (learn(run, memories, each, t_ns) for each in (models.each(), tried))
        if memory is not None:
            memories.keep(memory)
        memories.keep_tried(beside)
    run.taught = True  # not before: a model that is shown what was taught must not see this one twice


def _label(name: str, run: RunRecord, outcome: str, ledger: Ledger) -> Label:
    digest = hashlib.blake2b(f"{ledger.at.edge}\0{name}\0{TEST}".encode(), digest_size=10)
    return Label(
        id=digest.hexdigest(),
        origin=ledger.at.origin,
        edge=ledger.at.edge,
        meaning="fail" if outcome == "fail" else "pass",
        from_ns=run.started_ns,
        to_ns=run.ended_ns,
        who=TEST,
        at_ns=run.ended_ns,
        run=name,
        model=run.model,
        model_version=run.model_version,
    )
