"""One call per detector for the rows of many devices, then what it says of each: scores, alarms, liveness."""

from collections.abc import Iterator, Sequence

import msgspec
import numpy as np

from models.contract import Detector, Job, Scored
from models.decide import DEFAULT, Deciding, decide
from stream.alarms import Notice
from stream.detectors import OFF, Detectors, chosen
from stream.device import Device, Watch
from stream.draft import Draft
from stream.phrase import quantity
from stream.plan import Plan
from stream.visit import Gathered, Visit
from wire.messages import Health, Liveness, Scores

SETTLE_ROWS = 5  # closed rows without a new channel before a detector begins
TOP = 5  # channels named in an alarm
_MOST_FINDINGS = 3

_Key = tuple[str, str]
replace = msgspec.structs.replace


class _Task(msgspec.Struct):
    """A detector's job for one device, and the visits whose rows it holds; `begin`: rows of a visit left out."""

    job: Job
    visits: list[Visit]
    begins: list[int]


class _Watched(msgspec.Struct):
    device: Device
    plan: Plan


def score(visits: Sequence[Visit], draft: Draft, detectors: Detectors) -> None:
    """Let the detectors judge what the visits brought, in the order in which they came."""
    tasks: dict[tuple[str, int], list[_Task]] = {}
    found: dict[tuple[str, int], Detector] = {}
    for (edge, name), group in _by_device(visits):
        detector = _detector(edge, name, group[0], draft, detectors)
        if detector is not None:
            key = (detector.name, detector.version)
            found[key] = detector
            tasks.setdefault(key, []).extend(_tasks(draft.device(edge, name), detector, group))
    parts: dict[tuple[int, bool], Scored] = {}
    for key, jobs in tasks.items():
        for task, scored in zip(jobs, found[key].advance([task.job for task in jobs]), strict=True):
            _share(task, scored, draft, parts)
    for each in visits:
        _conclude(each, parts.get((id(each), False)), parts.get((id(each), True)), draft)


def _by_device(visits: Sequence[Visit]) -> Iterator[tuple[_Key, list[Visit]]]:
    groups: dict[_Key, list[Visit]] = {}
    for each in visits:
        if each.live or each.late:
            groups.setdefault((each.at.edge, each.name), []).append(each)
    yield from groups.items()


def _detector(edge: str, name: str, first: Visit, draft: Draft, detectors: Detectors) -> Detector | None:
    """The device's detector; where it differs from the one before, that one's state goes."""
    wanted = draft.plan(edge, name).model
    detector = chosen(wanted, draft.models, detectors)
    if detector is None:
        return None
    panel = draft.panel(first.at, name)
    if wanted and wanted != detector.name:
        panel.raise_(Notice("model", "model", first.clock_ns, {"model": wanted}, model=wanted), first.clock_ns)
    else:
        panel.clear("model", first.clock_ns)
    device = draft.device(edge, name)
    if (device.watch.model, device.watch.version) != (detector.name, detector.version):
        device.watch = Watch(model=detector.name, version=detector.version, settled=device.watch.settled)
    return detector


def _tasks(device: Device, detector: Detector, group: list[Visit]) -> list[_Task]:
    """One job for the live rows of all visits, and one for each visit's late rows, which learn nothing."""
    tasks = []
    watch = device.watch
    state = watch.state if watch.state.size else detector.cold(len(device.channels))
    for each in group:
        if each.late and watch.state.size:
            job = Job(state, each.late.t_ns, each.late.values, each.late.running, learn=False)
            tasks.append(_Task(job, [each], [0]))
    live = [each for each in group if each.live]
    begins, settled = [], watch.settled
    for each in live:
        assert each.live is not None
        begins.append(min(each.live.rows, max(0, SETTLE_ROWS - settled)))
        settled += each.live.rows
    device.watch = replace(watch, settled=min(settled, SETTLE_ROWS))
    parts = [_rest(each.live, begin) for each, begin in zip(live, begins, strict=True) if each.live]
    if sum(part.rows for part in parts):
        rows = _joined(parts)
        tasks.append(_Task(Job(state, rows.t_ns, rows.values, rows.running), live, begins))
    return tasks


def _rest(rows: Gathered, begin: int) -> Gathered:
    return Gathered(rows.t_ns[begin:], rows.values[begin:], rows.running[begin:]) if begin else rows


def _joined(parts: list[Gathered]) -> Gathered:
    if len(parts) == 1:
        return parts[0]
    return Gathered(
        np.concatenate([part.t_ns for part in parts]),
        np.concatenate([part.values for part in parts]),
        np.concatenate([part.running for part in parts]),
    )


def _share(task: _Task, scored: Scored, draft: Draft, parts: dict[tuple[int, bool], Scored]) -> None:
    """Give each visit its rows' part of what came of a job."""
    late = not task.job.learn
    if not late:
        device = draft.device(task.visits[0].at.edge, task.visits[0].name)
        device.watch = replace(device.watch, state=scored.state, warm=scored.warm)
    start = 0
    for each, begin in zip(task.visits, task.begins, strict=True):
        rows = each.late if late else each.live
        assert rows is not None
        end = start + rows.rows - begin
        cut = slice(start, end)
        if end > start:
            parts[id(each), late] = Scored(
                scored.state, scored.score[cut], scored.contributions[cut], scored.warm, scored.drift[cut]
            )
        start = end


def _conclude(each: Visit, live: Scored | None, late: Scored | None, draft: Draft) -> None:
    device = draft.device(each.at.edge, each.name)
    if live is not None and each.live is not None:
        _say(each, device, each.live, live, late=False)
        _judge(each, device, live, draft)
    findings = list(each.findings)
    if late is not None and each.late is not None:
        _say(each, device, each.late, late, late=True)
        decided = decide(device.watch.late, late.score)
        device.watch = replace(device.watch, late=decided.state)
        findings += ["behaviour unlike its normal" for change in decided.changes if change.active]
    _late(each, findings, device, draft)
    _live(each, device, draft)


def _say(each: Visit, device: Device, rows: Gathered, scored: Scored, *, late: bool) -> None:
    begin = rows.rows - scored.score.size
    each.at.out.append(
        Scores(
            origin=each.at.origin,
            edge=each.at.edge,
            device=each.name,
            model=device.watch.model,
            version=device.watch.version,
            channels=device.channels,
            t_ns=rows.t_ns[begin:].astype("<i8", copy=False).tobytes(),
            score=scored.score.astype("<f4", copy=False).tobytes(),
            contributions=scored.contributions.astype("<f4", copy=False).tobytes(),
            late=late,
        )
    )


def _judge(each: Visit, device: Device, scored: Scored, draft: Draft) -> None:
    decided = decide(device.watch.deciding, scored.score)
    begun_anew = device.watch.deciding == Deciding() and not decided.state.active
    if decided.state is not device.watch.deciding:
        device.watch = replace(device.watch, deciding=decided.state)
    drift = bool(scored.drift.any())
    if not (decided.changes or drift or device.alarms):
        return
    assert each.live is not None
    times = each.live.t_ns[each.live.rows - scored.score.size :]
    panel = draft.panel(each.at, each.name)
    watched = _Watched(device, draft.plan(each.at.edge, each.name))
    if begun_anew and not decided.changes:
        # The detector was restarted while its alarm stood: no one else would ever end it.
        panel.clear("anomaly", int(times[-1]))
    for change in decided.changes:
        at_ns = int(times[change.index])
        if change.active:
            panel.raise_(_notice("anomaly", at_ns, scored, change.index, watched), at_ns)
        else:
            panel.clear("anomaly", at_ns, value=change.peak)
    if drift:
        index = int(scored.drift.argmax())
        at_ns = int(times[index])
        panel.raise_(_notice("drift", at_ns, scored, index, watched), at_ns)


def _notice(rule: str, at_ns: int, scored: Scored, index: int, watched: "_Watched") -> Notice:
    row = np.nan_to_num(scored.contributions[index].astype(np.float64))
    top = np.argsort(-row, kind="stable")[:TOP]
    watch, channels = watched.device.watch, watched.device.channels
    contributions = {channels[i]: float(row[i]) for i in top if row[i] > 0}
    value = float(scored.score[index])
    known = value == value  # noqa: PLR0124 - not NaN
    facts = {"score": quantity(value), "channels": ", ".join(list(contributions)[:_MOST_FINDINGS]) or "no one channel"}
    return Notice(
        rule,
        rule,
        at_ns,
        facts,
        watched.plan.texts,
        value=value if known else None,
        limit=DEFAULT.threshold,
        contributions=contributions,
        model=watch.model,
        model_version=watch.version,
    )


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
