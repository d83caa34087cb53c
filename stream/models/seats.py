"""The two seats at a device: the champion's, whose scores ring, and one beside it, whose scores ring nothing.

Beside it sits the candidate. A version that has just been put in force sits there as well, until it has seen enough
rows to speak: till then the version before it goes on, so that no row stays without a score.
"""

from typing import Protocol

import msgspec

from models.contract import Detector, Task
from models.decide import Deciding
from stream.alarms.panel import Notice, Panel
from stream.devices.attendant import Attendant
from stream.devices.device import Device, Watch
from stream.devices.visit import Visit
from stream.draft import Draft
from stream.models.detectors import Choice, Detectors, choose, shadow, unfit
from stream.models.versions import Versions

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
        choice = _choice(wanted, device, draft, detectors)
        if choice.detector is None:
            return None
        panel = draft.panel(first.at, first.name)
        _tell(wanted or "", choice, panel, first.clock_ns)
        if _same(device.watch, choice.detector):
            return choice.detector
        leaving = _leaving(device, choice, detectors)
        if leaving is not None:
            return leaving
        _exchange(device, choice.detector, panel, draft)
        return choice.detector

    def watch(self, device: Device) -> Watch:
        """See Seat."""
        return device.watch

    def keep(self, device: Device, watch: Watch) -> None:
        """See Seat."""
        device.watch = watch


class Beside:
    """The seat of the version that comes or that is tried: empty where there is none, or where it has failed."""

    def detector(self, first: Visit, draft: Draft, detectors: Detectors) -> Detector | None:
        """The version in force that does not watch yet, else the candidate of the device's model."""
        device = draft.device(first.at.edge, first.name)
        found = _beside(draft.plan(first.at.edge, first.name).model, device, draft, detectors)
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


def _choice(wanted: str | None, device: Device, draft: Draft, detectors: Detectors) -> Choice:
    """A version that failed while it sat beside may not watch either."""
    choice = choose(wanted, device, draft.models, detectors)
    beside = device.shadow
    if choice.detector is None or beside is None or beside.refused is None or not _same(beside, choice.detector):
        return choice
    if _same(device.watch, choice.detector):
        return choice
    device.watch = device.watch.without(beside.model, beside.version, beside.refused.why)
    return choose(wanted, device, draft.models, detectors)


def _leaving(device: Device, choice: Choice, detectors: Detectors) -> Detector | None:
    """The version that goes on while the one in force has not seen enough rows; None where there is none to go on."""
    comes, watch, beside = choice.detector, device.watch, device.shadow
    if comes is None or choice.why or watch.model != comes.name or watch.warm < 1.0:
        return None
    if not comes.channels or (beside is not None and _same(beside, comes) and beside.warm >= 1.0):
        return None
    leaves = detectors.find(watch.model, watch.version)
    return leaves if leaves is not None and not unfit(leaves, watch, device.channels) else None


def _beside(wanted: str | None, device: Device, draft: Draft, detectors: Detectors) -> Detector | None:
    if wanted is None or wanted not in draft.models:
        return None  # most devices of most plants: nothing was ever changed here
    choice = choose(wanted, device, draft.models, detectors)
    if choice.detector is not None and device.watch.model == choice.detector.name == wanted and not choice.why:
        comes = not _same(device.watch, choice.detector)
        return choice.detector if comes else shadow(wanted, draft.models, detectors)
    return shadow(wanted, draft.models, detectors)


def _tell(wanted: str, choice: Choice, panel: Panel, clock_ns: int) -> None:
    """Ring where another watches than the one that was wanted."""
    assert choice.detector is not None
    instead = bool(choice.why) and choice.detector.name == wanted
    for rule, stands in ((ALARM, bool(choice.why) and not instead), (INSTEAD, instead)):
        if not stands:
            panel.clear(rule, clock_ns)
            continue
        facts = {"model": wanted, "reason": choice.why, "version": str(choice.detector.version)}
        panel.raise_(Notice(rule, rule, clock_ns, facts, model=wanted), clock_ns)


def _exchange(device: Device, by: Detector, panel: Panel, draft: Draft) -> None:
    """Let another detector watch: one that sat beside goes on with what it knows, any other begins cold."""
    old, beside = device.watch, device.shadow
    versions = draft.models.get(by.name, Versions())
    device.watch = old.begun(by.name, by.version)
    if beside is not None and by.version == versions.champion and _same(beside, by) and beside.refused is None:
        rings = any(panel.stands(rule) for rule in RULES_OF.values())
        deciding = beside.deciding if beside.deciding.active == rings else Deciding()
        device.watch = replace(device.watch, state=beside.state, warm=beside.warm, deciding=deciding)
        device.shadow = None
    if old.model == by.name and old.version == versions.shadow and old.state.size:
        device.shadow = replace(old, late=Deciding(), refused=None, refused_before=None)  # it is tried again


def _same(watch: Watch, detector: Detector) -> bool:
    return (watch.model, watch.version) == (detector.name, detector.version)
