"""A model change: another version is in force from there on, or is tried beside it, or an alarm says why not."""

from collections.abc import Iterator

from stream.alarms.panel import Notice
from stream.draft import Draft, Occasion
from stream.inputs import origin_of, refused
from stream.models.detectors import Detectors
from stream.models.herald import Wanted
from stream.models.versions import Versions
from wire.messages import ModelChange, Outcome


def change_model(change: ModelChange, draft: Draft, detectors: Detectors, out: list[Outcome]) -> None:
    """Take one change; one that cannot be done leaves the champion in force and rings at the edges of the model."""
    if change.trouble:
        _ring(change, change.trouble, draft, out)
        return
    known = draft.models.get(change.name, Versions())
    gone = change.role == "candidate" and not change.version
    if not gone and detectors.find(change.name, change.version) is None:
        reason = f"model {change.name!r} version {change.version} is not to be had"
        out.append(refused(change, origin_of(change, ""), "models", reason, t_ns=change.at_ns))
        _ring(change, detectors.why(change.name, change.version), draft, out)
        return
    after = known.tried(change.version) if change.role == "candidate" else known.promoted(change.version)
    if after != known:
        draft.set_model(change.name, after)
    rule = _rule(change.name, change.role)
    for name in sorted(edge for edge, record in draft.edges.items() if rule in record.alarms):
        draft.panel(Occasion(name, origin_of(change, name), out)).clear(rule, _at_ns(change, name, draft))


def refusal(wish: Wanted, known: Versions, at_ns: int) -> Notice:
    """That a version is not put to work for its trouble, or failed while it was tried, and what goes on instead."""
    facts = {
        "model": wish.name,
        "version": str(wish.version),
        "role": wish.role,
        "instead": _instead(wish.version, known),
        "reason": wish.trouble,
    }
    rule = _rule(wish.name, wish.role)
    return Notice(rule, "model-refused", at_ns, facts, model=wish.name, model_version=wish.version)


def _ring(change: ModelChange, reason: str, draft: Draft, out: list[Outcome]) -> None:
    wish, known = Wanted(change.name, change.role, change.version, reason), draft.models.get(change.name, Versions())
    for name in _edges(change.name, draft):
        at_ns = _at_ns(change, name, draft)
        panel = draft.panel(Occasion(name, origin_of(change, name), out))
        panel.raise_(refusal(wish, known, at_ns), at_ns)


def _instead(refused: int, known: Versions) -> str:
    if not known.champion:
        return "no version was in force"
    if known.champion != refused:
        return f"version {known.champion} goes on"
    return f"version {known.previous}, which was before it, goes on" if known.previous else "and none was before it"


def _edges(model: str, draft: Draft) -> Iterator[str]:
    """Those with a device of the model; every one where it calls runs; none where nobody asks for it."""
    if model in draft.plans.models:
        having = {edge for edge, name in draft.devices if draft.plan(edge, name).model == model}
        yield from sorted(having or draft.edges)


def _rule(model: str, role: str) -> str:
    return f"model-refused:{model}" + (":candidate" if role == "candidate" else "")


def _at_ns(change: ModelChange, edge: str, draft: Draft) -> int:
    return change.at_ns or draft.edges[edge].clock_ns
