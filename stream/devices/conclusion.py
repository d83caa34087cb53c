"""What a detector said of a device, told: scores, the anomaly, drift and late alarms, and liveness."""

from collections.abc import Mapping
from typing import Literal

import msgspec
import numpy as np

from models.contract import I64, Detector, Scored
from models.decide import Deciding, Decision, decide
from stream.alarms.panel import Notice, Panel
from stream.alarms.phrase import quantity
from stream.devices.device import Device, Watch
from stream.devices.plan import Plan
from stream.devices.visit import Gathered, Visit
from stream.draft import Draft
from stream.models.detectors import OFF
from stream.models.seats import RULES_OF
from wire.messages import NEAR_LIMIT, Health, Liveness, Scores

TOP = 5  # channels whose contributions an alarm carries
NAMED = 0.1  # share of the score from which a channel is named in its summary
_MOST_FINDINGS = 3

replace = msgspec.structs.replace


class Heard(msgspec.Struct):
    """What a detector said of the rows of one visit."""

    detector: Detector
    live: Scored | None = None
    late: Scored | None = None


def conclude(each: Visit, heard: Heard | None, draft: Draft, decision: Decision | None) -> None:
    """Tell the scores of one visit, ring or end the alarms of the detector, and say how the device is doing."""
    device = draft.device(each.at.edge, each.name)
    findings = list(each.findings)
    if heard and heard.live is not None and each.live is not None:
        _say(each, device, each.live, heard.live, _As(device.watch))
        plan, panel = draft.plan(each.at.edge, each.name), draft.panel(each.at, each.name)
        rule = RULES_OF[heard.detector.task]
        _judge(each, heard.live, _Ground(device, plan, panel, decision or heard.detector.decision, rule))
    if heard and heard.late is not None and each.late is not None:
        _say(each, device, each.late, heard.late, _As(device.watch, late=True))
        decided = decide(device.watch.late, heard.late.score, decision or heard.detector.decision)
        device.watch = replace(device.watch, late=decided.state)
        findings += ["behaviour unlike its normal" for change in decided.changes if change.active]
    _late(each, findings, device, draft)
    _live(each, device, draft)


def overhear(each: Visit, heard: Heard | None, draft: Draft, decision: Decision | None) -> None:
    """Tell the scores of a candidate, and remember what it would ring: it rings nothing."""
    device = draft.device(each.at.edge, each.name)
    watch = device.shadow
    if heard is None or watch is None:
        return
    if heard.live is not None and each.live is not None:
        _say(each, device, each.live, heard.live, _As(watch, role="candidate"))
        decided = decide(watch.deciding, heard.live.score, decision or heard.detector.decision)
        device.shadow = replace(watch, deciding=decided.state)
    if heard.late is not None and each.late is not None:
        _say(each, device, each.late, heard.late, _As(watch, late=True, role="candidate"))


class _As(msgspec.Struct, frozen=True):
    """Whose scores they are."""

    watch: Watch
    late: bool = False
    role: Literal["champion", "candidate"] = "champion"


def _say(each: Visit, device: Device, rows: Gathered, scored: Scored, whose: _As) -> None:
    begin = rows.rows - scored.score.size
    near = bool((scored.score >= NEAR_LIMIT).any())
    each.at.out.append(
        Scores(
            origin=each.at.origin,
            edge=each.at.edge,
            device=each.name,
            model=whose.watch.model,
            version=whose.watch.version,
            channels=device.channels,
            t_ns=rows.t_ns[begin:].astype("<i8", copy=False).tobytes(),
            score=scored.score.astype("<f4", copy=False).tobytes(),
            contributions=scored.contributions.astype("<f4", copy=False).tobytes() if near else b"",
            late=whose.late,
            role=whose.role,
        )
    )


class _Ground(msgspec.Struct):
    """What a judgement rests on."""

    device: Device
    plan: Plan
    panel: Panel
    decision: Decision
    rule: str


def _judge(each: Visit, scored: Scored, ground: "_Ground") -> None:
    device, panel = ground.device, ground.panel
    decided = decide(device.watch.deciding, scored.score, ground.decision)
    begun_anew = device.watch.deciding == Deciding() and not decided.state.active
    if decided.state is not device.watch.deciding:
        device.watch = replace(device.watch, deciding=decided.state)
    drift = bool(scored.drift.any())
    if not (decided.changes or drift or device.alarms):
        return
    assert each.live is not None
    times = each.live.t_ns[each.live.rows - scored.score.size :]
    if begun_anew and not decided.changes:
        # The detector was restarted while its alarm stood: no one else would ever end it.
        for rule in set(RULES_OF.values()):
            panel.clear(rule, int(times[-1]))
    for change in decided.changes:
        at_ns = int(times[change.index])
        if change.active:
            panel.raise_(_notice(ground.rule, times, scored, change.index, ground), at_ns)
        else:
            panel.clear(ground.rule, at_ns, value=change.peak)
    if drift:
        index = int(scored.drift.argmax())
        at_ns = int(times[index])
        panel.raise_(_notice("drift", times, scored, index, ground), at_ns)


def _notice(rule: str, times: I64, scored: Scored, index: int, ground: "_Ground") -> Notice:
    row = np.nan_to_num(scored.contributions[index].astype(np.float64))
    top = np.argsort(-row, kind="stable")[:TOP]
    watch, channels = ground.device.watch, ground.device.channels
    contributions = {channels[i]: float(row[i]) for i in top if row[i] > 0}
    value = float(scored.score[index])
    known = value == value  # noqa: PLR0124 - not NaN
    named = [name for name, part in contributions.items() if part >= NAMED * sum(contributions.values())]
    facts = {
        "score": quantity(value),
        "channels": ", ".join(named) or "no one channel",
        **_expected(scored, index, rule),
    }
    return Notice(
        rule,
        rule,
        int(times[index]),
        facts,
        ground.plan.texts,
        value=value if known else None,
        limit=ground.decision.threshold,
        contributions=contributions,
        model=watch.model,
        model_version=watch.version,
    )


def _expected(scored: Scored, index: int, rule: str) -> Mapping[str, str]:
    """What a model expects, as facts of its alarm."""
    if scored.outlook is None:
        return {}
    outlook = [float(value) for value in scored.outlook[index]]
    if rule == "life":
        return dict(zip(("life", "low", "high"), map(quantity, outlook), strict=True))
    return {"probability": quantity(outlook[1])}  # of two classes: only they ring


def _late(each: Visit, findings: list[str], device: Device, draft: Draft) -> None:
    if not findings and not each.late_over:
        return
    panel = draft.panel(each.at, each.name)
    if findings:
        rows = each.late
        at_ns = int(rows.t_ns[0]) if rows else each.clock_ns
        text = "; ".join(findings[:_MOST_FINDINGS])
        panel.raise_(Notice("late", "late", at_ns, {"findings": text}), each.clock_ns)
    if each.late_over:
        panel.clear("late", each.clock_ns)
        device.watch = replace(device.watch, late=Deciding())


def _live(each: Visit, device: Device, draft: Draft) -> None:
    if each.newest_ns < 0:
        return  # nothing live came from it yet
    health = _health(each, device, draft)
    if health is device.life.said and not each.speaks:
        return
    device.life = replace(device.life, said=health)
    watched = draft.plan(each.at.edge, each.name).model != OFF
    each.at.out.append(
        Liveness(
            origin=each.at.origin,
            edge=each.at.edge,
            device=each.name,
            clock_ns=each.clock_ns,
            last_ns=each.newest_ns,
            health=health,
            warm=device.watch.warm if watched else 1.0,
        )
    )


def _health(each: Visit, device: Device, draft: Draft) -> Health:
    if each.silent:
        return Health.SILENT
    if not each.running:
        return Health.OFF
    watched = draft.plan(each.at.edge, each.name).model != OFF
    return Health.LEARNING if watched and (not each.paced or device.watch.warm < 1.0) else Health.RUNNING
