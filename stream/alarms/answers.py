"""What people do with alarms: acknowledge, accept a new normal, and say what they found."""

from collections.abc import Mapping
from types import MappingProxyType

import msgspec

from models.decide import Deciding
from stream.alarms.panel import WHOLE, Notice
from stream.draft import Draft, Occasion
from stream.inputs import origin_of, refused
from stream.models.detectors import Detectors
from wire.messages import Action, Backtested, Label, Labelled, Meaning, Outcome, Verb, Verdict, Watched

MEANINGS: Mapping[str, Meaning] = MappingProxyType(
    {"true": "anomaly", "false-alarm": "normal", "maintenance": "maintenance"}
)
SWITCHES: Mapping[Verb, bool] = MappingProxyType({Verb.ADVISE: True, Verb.WITHHOLD: False})
ADVICE = "advice:"  # and the procedure: the rule of an action that turns advice on or off
Wish = Action | Verdict | Labelled | Watched | Backtested


def answer(item: Wish, draft: Draft, detectors: Detectors, out: list[Outcome]) -> None:
    """Take one action, verdict or word; one that finds nothing to act on is kept as a dead letter with the reason."""
    at = Occasion(item.edge, origin_of(item, item.edge), out)
    if isinstance(item, Labelled):
        out.append(msgspec.structs.replace(item.label, origin=at.origin))
        return
    if isinstance(item, Backtested):
        out.append(msgspec.structs.replace(item.scores, origin=at.origin, role="backtest"))
        return
    if isinstance(item, Watched):
        _watched(item, draft, at)
        return
    reason = _tried(item, draft, detectors, at)
    if reason:
        out.append(refused(item, at.origin, item.who, reason, t_ns=item.at_ns, device=item.device))


def _tried(item: Action | Verdict, draft: Draft, detectors: Detectors, at: Occasion) -> str:
    whole = item.device == WHOLE
    if item.edge not in draft.edges or not (whole or (item.edge, item.device) in draft.devices):
        return f"no device {item.device!r} of edge {item.edge!r} is known"
    if draft.edge(item.edge).answered(item.id):
        return "the same action came before"
    if isinstance(item, Verdict):
        return _found(item, draft, at)
    if item.verb is Verb.ACKNOWLEDGE:
        return _acknowledged(item, draft, at)
    if item.verb is Verb.ACCEPT_NORMAL and not whole:
        return _accepted(item, draft, detectors, at)
    return _switched(item, draft) if item.verb in SWITCHES and whole else _no_such(item)


def _no_such(item: Action) -> str:
    return f"{item.verb.value} is nothing that can be done with {item.rule!r} here"


def _switched(item: Action, draft: Draft) -> str:
    procedure = item.rule.removeprefix(ADVICE)
    if not procedure or procedure == item.rule:
        return f"{item.rule!r} names no procedure: expected {ADVICE}NAME"
    if draft.edge(item.edge).switch(procedure, on=SWITCHES[item.verb]):
        return ""
    return "the advice of too many procedures was turned on or off"


def _acknowledged(item: Action, draft: Draft, at: Occasion) -> str:
    panel = draft.panel(at, item.device)
    if panel.acknowledge(item.rule, item.who, item.why, _at_ns(item, draft)):
        return ""
    return f"{item.rule!r} of {item.device!r} has nothing to acknowledge: it is normal, or someone knows already"


def _accepted(item: Action, draft: Draft, detectors: Detectors, at: Occasion) -> str:
    device = draft.device(item.edge, item.device)
    watch = device.watch
    detector = detectors.find(watch.model, watch.version)
    if detector is None or not watch.state.size:
        return f"{item.device!r} has no learnt normal yet"
    if detector.channels:
        return f"{detector.name!r} does not learn while it watches: train it anew with these rows among the normal ones"
    # How much of the learning the detector keeps is for it to say: its next rows tell.
    state = detector.accept(watch.state)
    device.watch = msgspec.structs.replace(watch, state=state, warm=0.0, deciding=Deciding())
    panel = draft.panel(at, item.device)
    at_ns = _at_ns(item, draft)
    for rule in ("drift", "anomaly"):
        panel.acknowledge(rule, item.who, item.why, at_ns)
        panel.clear(rule, at_ns)
    return ""


def _found(item: Verdict, draft: Draft, at: Occasion) -> str:
    """A verdict on an alarm, which may be over by now, is a label of the rows from its onset to its end."""
    panel = draft.panel(at, item.device)
    text = f"{item.finding}: {item.comment}" if item.comment else str(item.finding)
    noted = panel.note(item.alarm, item.who, text, _at_ns(item, draft))
    if not (noted or item.to_ns):
        return f"alarm {item.alarm!r} of {item.device!r} is normal by now; the verdict is kept here"
    at.out.append(
        Label(
            id=item.id,
            origin=at.origin,
            edge=item.edge,
            meaning=MEANINGS[item.finding],
            from_ns=item.from_ns,
            to_ns=item.to_ns or _at_ns(item, draft),
            who=item.who,
            at_ns=_at_ns(item, draft),
            device=item.device,
            comment=item.comment,
            alarm=item.alarm,
            model=item.model,
            model_version=item.model_version,
        )
    )
    return ""


def _watched(item: Watched, draft: Draft, at: Occasion) -> None:
    """What comes to a model or from it moved, or came back: rings at the device, else at its edge."""
    known = item.device != WHOLE and (item.edge, item.device) in draft.devices
    panel = draft.panel(at, item.device if known else WHOLE)
    at_ns = item.at_ns or draft.edge(item.edge).clock_ns
    rule = f"model-drift:{item.model}"
    if not item.stands:
        panel.clear(rule, at_ns)
        return
    facts = {"model": item.model, "version": str(item.version), "detail": item.detail or "no reason given"}
    panel.raise_(
        Notice(
            rule,
            "model-drift",
            at_ns,
            facts,
            channel=item.channel,
            value=item.value,
            limit=item.limit,
            model=item.model,
            model_version=item.version,
        ),
        at_ns,
    )


def _at_ns(item: Action | Verdict, draft: Draft) -> int:
    return item.at_ns or draft.edge(item.edge).clock_ns
