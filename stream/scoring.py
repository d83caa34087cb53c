"""One call per detector for the rows of many devices, and each visit's part of what came of it."""

from collections.abc import Iterator, Sequence

import msgspec
import numpy as np

from models.contract import Detector, Job, Scored
from models.decide import Decision
from stream.alarms import Notice
from stream.conclusion import conclude
from stream.detectors import Detectors, chosen
from stream.device import Device, Watch
from stream.draft import Draft
from stream.visit import Gathered, Visit

SETTLE_ROWS = 5  # closed rows without a new channel before a detector begins
_Key = tuple[str, str]
replace = msgspec.structs.replace


class _Task(msgspec.Struct):
    """A detector's job for one device, and the visits whose rows it holds; `begin`: rows of a visit left out."""

    job: Job
    visits: list[Visit]
    begins: list[int]


def score(visits: Sequence[Visit], draft: Draft, detectors: Detectors, decision: Decision) -> None:
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
        conclude(each, parts.get((id(each), False)), parts.get((id(each), True)), draft, decision)


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
