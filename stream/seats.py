"""The two seats at a device: the champion's, whose scores ring, and the candidate's beside it, which rings nothing."""

from typing import Protocol

import msgspec

from models.contract import Detector, Task
from models.decide import Deciding
from stream.alarms import Notice, Panel
from stream.attendant import Attendant
from stream.detectors import Detectors, choose, shadow, unfit
from stream.device import Device, Watch
from stream.draft import Draft
from stream.versions import Versions
from stream.visit import Visit

RULES_OF = {Task.ONLINE: "anomaly", Task.ANOMALY: "anomaly", Task.LIFE: "life", Task.OUTCOME: "outcome"}
replace = msgspec.structs.replace

ALARM, INSTEAD = "model", "model-previous"  # the self-learning detector watches instead; the previous version does


class Seat(Protocol):
    """Which detector sits here, and what it remembers of the device."""

    def detector(self, first: Visit, draft: Draft, detectors: Detectors) -> Detector | None:
        """The one for a device; where it differs from the one before, that one's state goes."""

    def watch(self, device: Device) -> Watch:
        """What it remembers."""

    def keep(self, device: Device, watch: Watch) -> None:
        """Remember that from here on."""


class Champion:
    """The seat of the detector that watches."""

    def detector(self, first: Visit, draft: Draft, detectors: Detectors) -> Detector | None:
        """The version in force, else what watches in its place, which an alarm tells of."""
        wanted = draft.plan(first.at.edge, first.name).model
        device = draft.device(first.at.edge, first.name)
        choice = choose(wanted, device, draft.models, detectors)
        if choice.detector is None:
            return None
        panel = draft.panel(first.at, first.name)
        _tell(wanted or "", choice.why, choice.detector, panel, first.clock_ns)
        if not _same(device.watch, choice.detector):
            _exchange(device, choice.detector, panel, draft)
        return choice.detector

    def watch(self, device: Device) -> Watch:
        """See Seat."""
        return device.watch

    def keep(self, device: Device, watch: Watch) -> None:
        """See Seat."""
        device.watch = watch


class Candidate:
    """The seat of the version that is tried: empty where there is none, or where it has failed."""

    def detector(self, first: Visit, draft: Draft, detectors: Detectors) -> Detector | None:
        """The candidate of the device's model."""
        device = draft.device(first.at.edge, first.name)
        found = shadow(draft.plan(first.at.edge, first.name).model, draft.models, detectors)
        if found is None:
            device.shadow = None
            return None
        seated = device.shadow
        if seated is None or not _same(seated, found):
            seated = device.shadow = Watch(found.name, found.version, settled=device.watch.settled)
        return None if unfit(found, seated, device.channels) else found

    def watch(self, device: Device) -> Watch:
        """See Seat."""
        return device.shadow or Watch()

    def keep(self, device: Device, watch: Watch) -> None:
        """See Seat."""
        device.shadow = watch


def _tell(wanted: str, why: str, at_work: Detector, panel: Panel, clock_ns: int) -> None:
    """Ring where another watches than the one that was wanted."""
    instead = bool(why) and at_work.name == wanted
    for rule, stands in ((ALARM, bool(why) and not instead), (INSTEAD, instead)):
        if not stands:
            panel.clear(rule, clock_ns)
            continue
        facts = {"model": wanted, "reason": why, "version": str(at_work.version)}
        panel.raise_(Notice(rule, rule, clock_ns, facts, model=wanted), clock_ns)


def _exchange(device: Device, by: Detector, panel: Panel, draft: Draft) -> None:
    """Let another detector watch: one that was promoted after it was tried here goes on, any other begins cold."""
    old, tried = device.watch, device.shadow
    versions = draft.models.get(by.name, Versions())
    device.watch = old.begun(by.name, by.version)
    if tried is not None and by.version == versions.champion and _same(tried, by) and tried.refused is None:
        rings = any(panel.stands(rule) for rule in RULES_OF.values())
        deciding = tried.deciding if tried.deciding.active == rings else Deciding()
        device.watch = replace(device.watch, state=tried.state, warm=tried.warm, deciding=deciding)
        device.shadow = None
    if old.model == by.name and old.version == versions.shadow and old.state.size:
        device.shadow = replace(old, late=Deciding(), refused=None, refused_before=None)  # it is tried again


def _same(watch: Watch, detector: Detector) -> bool:
    return (watch.model, watch.version) == (detector.name, detector.version)


def learns(attendant: Attendant, draft: Draft, detectors: Detectors) -> bool:
    """Whether a detector of a device has not yet learnt enough to speak: then each batch is judged by itself."""
    device, wanted = attendant.device, attendant.plan.model
    choice = choose(wanted, device, draft.models, detectors).detector
    if choice is None:
        return False
    if device.watch.warm < 1.0 or not _same(device.watch, choice):
        return True
    tried = shadow(wanted, draft.models, detectors)
    return tried is not None and (device.shadow is None or device.shadow.warm < 1.0 or not _same(device.shadow, tried))
