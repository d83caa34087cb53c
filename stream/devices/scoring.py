"""One call per detector for the rows of many devices, and each visit's part of what came of it."""

import logging
from collections.abc import Iterator, Sequence

import msgspec
import numpy as np

from models.contract import Detector, Job, Scored
from models.decide import Decision
from models.scoring import speechless
from stream.devices.conclusion import Heard, conclude, overhear
from stream.devices.device import Device, Watch
from stream.devices.visit import Gathered, Visit
from stream.draft import Draft
from stream.models.detectors import SETTLE_ROWS, Detectors, lacks
from stream.models.seats import Beside, Champion, Seat

SAID = 200  # characters of a reason: it may quote what a model stumbled over
_Key = tuple[str, str]
replace = msgspec.structs.replace
log = logging.getLogger(__name__)


class _Task(msgspec.Struct):
    """A detector's job for one device, and the visits whose rows it holds; `begin`: rows of a visit left out."""

    job: Job
    visits: list[Visit]
    begins: list[int]
    warm: bool = False  # it was before the first of these rows

    @property
    def device(self) -> _Key:
        """Edge and name."""
        return self.visits[0].at.edge, self.visits[0].name


class _Round(msgspec.Struct):
    """One seat's turn over some visits, and what is heard of them."""

    seat: Seat
    draft: Draft
    detectors: Detectors
    heard: dict[int, Heard]
    stumbled: set[_Key]


def score(visits: Sequence[Visit], draft: Draft, detectors: Detectors, decision: Decision | None) -> None:
    """Let the detectors judge what the visits brought, in the order in which they came (`decision`: not their own)."""
    watching, trying = (_begun(visits, seat, draft, detectors) for seat in (Champion(), Beside()))
    for each in visits:
        for turn in (watching, trying):
            if (each.at.edge, each.name) in turn.stumbled and (each.live or each.late):
                _alone(each, turn)
        conclude(each, watching.heard.get(id(each)), draft, decision)
        overhear(each, trying.heard.get(id(each)), draft, decision)


def _begun(visits: Sequence[Visit], seat: Seat, draft: Draft, detectors: Detectors) -> _Round:
    """Judge all devices in one call a detector, and note those on whose rows a model failed, as they were before."""
    turn = _Round(seat, draft, detectors, {}, set())
    tasks: dict[tuple[str, int], list[_Task]] = {}
    found: dict[tuple[str, int], Detector] = {}
    before: dict[_Key, Watch] = {}
    for device, group in _by_device(visits):
        detector = seat.detector(group[0], draft, detectors)
        if detector is not None:
            key = (detector.name, detector.version)
            found[key] = detector
            record = draft.device(*device)
            before[device] = seat.watch(record)
            tasks.setdefault(key, []).extend(_tasks(record, detector, group, seat))
    for key, jobs in tasks.items():
        said = _advanced(found[key], jobs)
        turn.stumbled |= {task.device for task, scored in said if isinstance(scored, str)}
        for task, scored in said:
            if not isinstance(scored, str) and task.device not in turn.stumbled:
                _share(task, scored, found[key], turn)
    for device in turn.stumbled:
        seat.keep(draft.device(*device), before[device])
    return turn


def _alone(each: Visit, turn: _Round) -> None:
    """Judge one visit by itself; where the model fails on it, what watches in its place judges it, and so on after it.

    One visit at a time, so that where a model fails never depends on how inputs came together.
    """
    detector = turn.seat.detector(each, turn.draft, turn.detectors)
    if detector is None:
        return
    device = turn.draft.device(each.at.edge, each.name)
    before = turn.seat.watch(device)
    said = _advanced(detector, _tasks(device, detector, [each], turn.seat))
    why = next((scored for _, scored in said if isinstance(scored, str)), "")
    if why:
        turn.seat.keep(device, before.without(detector.name, detector.version, why))
        _alone(each, turn)
        return
    for task, scored in said:
        if not isinstance(scored, str):
            _share(task, scored, detector, turn)


def _advanced(detector: Detector, tasks: list[_Task]) -> list[tuple[_Task, Scored | str]]:
    """What came of each job, or why nothing can come of it. A detector that is ours to the last line must not fail."""
    if not tasks:
        return []
    try:
        said = detector.advance([task.job for task in tasks])
    except Exception as error:
        if not detector.channels:
            raise
        if len(tasks) > 1:
            return [pair for task in tasks for pair in _advanced(detector, [task])]
        log.exception("model %s %d fails on %s", detector.name, detector.version, tasks[0].visits[0].name)
        return [(tasks[0], f"it fails: {type(error).__name__}: {error}"[:SAID])]
    return [
        (task, "it gives no number where it should" if task.warm and speechless(scored, task.job.running) else scored)
        for task, scored in zip(tasks, said, strict=True)
    ]


def _by_device(visits: Sequence[Visit]) -> Iterator[tuple[_Key, list[Visit]]]:
    groups: dict[_Key, list[Visit]] = {}
    for each in visits:
        if each.live or each.late:
            groups.setdefault((each.at.edge, each.name), []).append(each)
    yield from groups.items()


def _tasks(device: Device, detector: Detector, group: list[Visit], seat: Seat) -> list[_Task]:
    """One job for the live rows of all visits, and one for each visit's late rows, which learn nothing.

    Only what learns by itself waits until channels have settled: a trained model knows which it needs, and says
    nothing while it lacks too many.
    """
    tasks = []
    watch, channels = seat.watch(device), device.channels
    trained = bool(detector.channels)
    state, begun = watch.state, bool(watch.state.size)
    if trained or not begun:
        cold = detector.cold(len(channels))
        if state.size != cold.size:  # also where a registry was begun anew, and version 1 is another model now
            state, begun = cold, False
    warm = trained and begun and watch.warm >= 1.0
    mute = trained and lacks(detector, channels)
    for each in group:
        if each.late and begun and not mute:
            job = Job(state, each.late.t_ns, each.late.values, each.late.running, learn=False, channels=channels)
            tasks.append(_Task(job, [each], [0], warm))
    live = [each for each in group if each.live]
    begins, settled = [], watch.settled
    for each in live:
        assert each.live is not None
        begins.append(0 if trained else min(each.live.rows, max(0, SETTLE_ROWS - settled)))
        settled += each.live.rows
    seat.keep(device, replace(watch, settled=min(settled, SETTLE_ROWS)))
    parts = [_rest(each.live, begin) for each, begin in zip(live, begins, strict=True) if each.live]
    if sum(part.rows for part in parts) and not mute:
        rows = _joined(parts)
        tasks.append(_Task(Job(state, rows.t_ns, rows.values, rows.running, channels=channels), live, begins, warm))
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


def _share(task: _Task, scored: Scored, detector: Detector, turn: _Round) -> None:
    """Give each visit its rows' part of what came of a job."""
    late = not task.job.learn
    if not late:
        device = turn.draft.device(*task.device)
        turn.seat.keep(device, replace(turn.seat.watch(device), state=scored.state, warm=scored.warm))
    start = 0
    for each, begin in zip(task.visits, task.begins, strict=True):
        rows = each.late if late else each.live
        assert rows is not None
        end = start + rows.rows - begin
        cut = slice(start, end)
        if end > start:
            part = Scored(
                state=scored.state,
                score=scored.score[cut],
                contributions=scored.contributions[cut],
                warm=scored.warm,
                drift=scored.drift[cut],
                outlook=None if scored.outlook is None else scored.outlook[cut],
            )
            known = turn.heard.setdefault(id(each), Heard(detector))
            if late:
                known.late = part
            else:
                known.live = part
        start = end
