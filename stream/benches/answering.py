"""The answer to a step that ended: the model is asked, the advice is given, and a stop that is told rings.

After it the candidate is asked, if there is one: what it says is kept beside, told to nobody, and rings nothing.
"""

import msgspec

from stream.alarms.panel import Notice
from stream.alarms.phrase import quantity
from stream.benches.advising import Ground, Occurrence, advise, needed
from stream.benches.calls import Call, Models, ask, ask_one
from stream.benches.ending import alarm
from stream.benches.ledger import Ledger
from stream.benches.memories import StationMemories
from stream.benches.remarks import short
from stream.benches.run import RunRecord
from stream.models.herald import Wanted
from stream.models.replacing import refusal
from wire.messages import Advice, StepEnded

replace = msgspec.structs.replace


def answer(event: StepEnded, run: RunRecord, t_ns: int, ledger: Ledger) -> None:
    """Advise on a run after one of its steps; always, if only to say that it is over or that there is no model."""
    ground = ledger.ground(run)
    models = None if run.over or ground.mode == "off" else ledger.models(run)
    call = _call(run, t_ns, ledger, models, collecting=needed(ground) > 0) if models else None
    of = Occurrence(ledger.at.origin, ledger.at.edge, event.run, event.step, t_ns, ledger.late)
    advice = advise(run, call, ground, of)
    ledger.at.out.append(advice)
    if advice.stop and not (ledger.loud and not ledger.panel.holds(alarm(run))):
        _ring(advice, run, ledger)
    first = not run.model
    if run.advised(advice):
        ledger.change(event.run)
    if models:
        _try(run, models, ledger, ground, of, first=first)


def _try(run: RunRecord, models: Models, ledger: Ledger, ground: Ground, of: Occurrence, *, first: bool) -> None:
    """Keep what a candidate says; where it fails, an alarm says why once, until another is tried or none."""
    candidate = models.candidate
    if candidate is None:
        run.tried(0, None, first=first)
        return
    call = ask_one(candidate, run, StationMemories(run, models, ledger.floor), of.t_ns)
    advice = None
    if isinstance(call, str):
        why = f"in run {short(of.run)} after {short(of.step)} {call}"
        wish = Wanted(models.name, "candidate", candidate.version, why)
        ledger.panel.raise_(refusal(wish, models.known, ledger.edge_clock_ns), ledger.edge_clock_ns)
    if isinstance(call, Call):
        advice = replace(advise(run, call, ground, of), role="candidate", stop=False, withheld="candidate")
        ledger.at.out.append(advice)
    run.tried(candidate.version, advice, first=first)


def _call(run: RunRecord, t_ns: int, ledger: Ledger, models: Models, *, collecting: bool) -> Call | None:
    """What the model says; where it fails, an alarm says why: not while data is collected for the first one."""
    asked = ask(run, StationMemories(run, models, ledger.floor), models, t_ns)
    rule, at_ns = f"model:{models.name}", ledger.edge_clock_ns
    if asked.why and not (models.to_come and collecting):
        instead = f"version {asked.call.version} does" if asked.call else "benches are told to go on"
        facts = {"model": models.name, "procedure": run.procedure, "instead": instead, "reason": asked.why}
        ledger.panel.raise_(Notice(rule, "model-of-runs", at_ns, facts, model=models.name), at_ns)
    else:
        ledger.panel.clear(rule, at_ns)
    return asked.call


def _ring(advice: Advice, run: RunRecord, ledger: Ledger) -> None:
    """Ring where a bench is told to stop: not in shadow, and not for a run that is to be tested to the end."""
    facts = {
        "device": run.station or "a bench",
        "unit": run.unit or "the unit",
        "run": advice.run,
        "step": advice.step,
        "probability": quantity(advice.p_fail),
        "steps": ", ".join(advice.because) or "no one step",
    }
    notice = Notice(
        alarm(run),
        "run-will-fail",
        advice.t_ns,
        facts,
        value=advice.p_fail,
        contributions=advice.because,
        model=advice.model,
        model_version=advice.model_version,
    )
    ledger.panel.raise_(notice, advice.t_ns)
