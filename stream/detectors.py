"""Which detector watches a device: the one its configuration names, else the self-learning one, and why."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Protocol

import msgspec

from models.contract import Detector
from stream.device import Device

OFF = "off"
SELF_LEARNING = "online"
SETTLE_ROWS = 5  # rows without a new channel before it is known which channels a device has
NAMED = 5  # channels named in a reason
NOTHING: Mapping[str, str] = MappingProxyType({})


class Detectors(Protocol):
    """Where the core finds detectors; asking twice gives the same."""

    def find(self, name: str, version: int) -> Detector | None:
        """The detector of that name in that version (0 = the champion), or None."""

    def why(self, name: str) -> str:
        """Why there is no detector of that name."""


class Shelf:
    """A fixed set of detectors; the newest version of a name is its champion. `missing`: why others are not here."""

    def __init__(self, detectors: Iterable[Detector], *, missing: Mapping[str, str] = NOTHING) -> None:
        self._missing = missing
        self._detectors: dict[tuple[str, int], Detector] = {}
        newest: Mapping[str, Detector] = {}
        for detector in sorted(detectors, key=lambda d: d.version):
            self._detectors[detector.name, detector.version] = detector
            newest = {**newest, detector.name: detector}
        self._detectors.update({(name, 0): detector for name, detector in newest.items()})

    def find(self, name: str, version: int) -> Detector | None:
        """The detector of that name in that version (0 = the champion), or None."""
        return self._detectors.get((name, version))

    def why(self, name: str) -> str:
        """Why there is no detector of that name."""
        return self._missing.get(name, "the registry has no such model")


class Choice(msgspec.Struct, frozen=True):
    """The detector of a device, None where no model shall watch; and why it is not the one that was wanted."""

    detector: Detector | None
    why: str = ""


def wanted(name: str | None, versions: Mapping[str, int], detectors: Detectors) -> Detector | None:
    """The model that a configuration names, if it is to be had."""
    return detectors.find(name, versions.get(name, 0)) if name and name != OFF else None


def choose(name: str | None, device: Device, versions: Mapping[str, int], detectors: Detectors) -> Choice:
    """The detector for a device whose configuration names this model."""
    if name == OFF:
        return Choice(None)
    found = wanted(name, versions, detectors)
    why = ""
    if name:
        why = _unfit(found, device) if found else detectors.why(name)
    if found and not why:
        return Choice(found)
    return Choice(wanted(SELF_LEARNING, versions, detectors), why)


def lacks(detector: Detector, channels: tuple[str, ...]) -> bool:
    """Whether a device with these channels has less than half of those that a model was fitted on."""
    return 2 * len(set(detector.channels).intersection(channels)) < len(detector.channels)


def _unfit(detector: Detector, device: Device) -> str:
    """Why a model may not watch a device; "" if it may, also as long as channels may still come."""
    watch = device.watch
    if watch.refused and (watch.refused.model, watch.refused.version) == (detector.name, detector.version):
        return watch.refused.why
    if device.watch.settled < SETTLE_ROWS or not lacks(detector, device.channels):
        return ""
    absent = [name for name in detector.channels if name not in device.channels]
    shown = ", ".join(absent[:NAMED]) + ("" if len(absent) <= NAMED else " and more")
    return f"the device has not sent {len(absent)} of its {len(detector.channels)} channels: {shown}"
