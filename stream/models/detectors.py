"""Which detector watches a device: the one its configuration names, else the self-learning one, and why."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Protocol

import msgspec

from models.contract import Detector
from stream.devices.device import Device, Watch
from stream.models.versions import Versions
from wire.config import Config

OFF = "off"
SELF_LEARNING = "online"
SETTLE_ROWS = 5  # rows without a new channel before it is known which channels a device has
NAMED = 5  # channels named in a reason
NOTHING: Mapping[str, str] = MappingProxyType({})
NONE = Versions()


class Detectors(Protocol):
    """Where the core finds detectors; asking twice gives the same."""

    def find(self, name: str, version: int) -> Detector | None:
        """The detector of that name in that version (0 = the champion), or None."""

    def why(self, name: str, version: int = 0) -> str:
        """Why there is no detector of that name in that version."""


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

    def why(self, name: str, version: int = 0) -> str:  # noqa: ARG002 -- all are here or none is
        """Why there is no detector of that name."""
        return self._missing.get(name, "the registry has no such model")


class Choice(msgspec.Struct, frozen=True):
    """The detector of a device, None where no model shall watch; and why it is not the one that was wanted."""

    detector: Detector | None
    why: str = ""


def models_named(config: Config) -> Mapping[str, str]:
    """Names of trained models that a configuration asks for, and the key under which each stands first."""
    said = [(f"devices[{place}].model", rule.model) for place, rule in enumerate(config.devices)]
    said += [(f"procedures[{place}].model", rule.model) for place, rule in enumerate(config.procedures)]
    places: dict[str, str] = {}
    for key, name in said:
        if name and name not in {OFF, SELF_LEARNING}:
            places.setdefault(name, key)
    return places


def wanted(name: str | None, versions: Mapping[str, Versions], detectors: Detectors) -> Detector | None:
    """The model that a configuration names in the version that is in force, if it is to be had."""
    return detectors.find(name, versions.get(name, NONE).champion) if name and name != OFF else None


def previous(name: str | None, versions: Mapping[str, Versions], detectors: Detectors) -> Detector | None:
    """The version of a model that was in force before, if there was one and it is to be had."""
    version = versions.get(name or "", NONE).previous
    return detectors.find(name, version) if name and version else None


def trained(name: str | None, versions: Mapping[str, Versions], detectors: Detectors) -> Detector | None:
    """The version of a model whose rows a device brings: the one in force, else the one before it."""
    return wanted(name, versions, detectors) or previous(name, versions, detectors)


def shadow(name: str | None, versions: Mapping[str, Versions], detectors: Detectors) -> Detector | None:
    """The version of a model that scores beside the one in force, if there is one."""
    version = versions.get(name or "", NONE).shadow
    return detectors.find(name, version) if name and version else None


def choose(name: str | None, device: Device, versions: Mapping[str, Versions], detectors: Detectors) -> Choice:
    """The detector for a device whose configuration names this model."""
    if name == OFF:
        return Choice(None)
    found = wanted(name, versions, detectors)
    why = ""
    if name:
        why = unfit(found, device.watch, device.channels) if found else detectors.why(name, _version(name, versions))
    if found and not why:
        return Choice(found)
    before = previous(name, versions, detectors)
    if before and not unfit(before, device.watch, device.channels):
        return Choice(before, why)
    return Choice(wanted(SELF_LEARNING, versions, detectors), why)


def _version(name: str, versions: Mapping[str, Versions]) -> int:
    return versions.get(name, NONE).champion


def lacks(detector: Detector, channels: tuple[str, ...]) -> bool:
    """Whether a device with these channels has less than half of those that a model was fitted on."""
    return 2 * len(set(detector.channels).intersection(channels)) < len(detector.channels)


def unfit(detector: Detector, watch: Watch, channels: tuple[str, ...]) -> str:
    """Why a model may not watch a device; "" if it may, also as long as channels may still come."""
    for refused in (watch.refused, watch.refused_before):
        if refused and (refused.model, refused.version) == (detector.name, detector.version):
            return refused.why
    if watch.settled < SETTLE_ROWS or not lacks(detector, channels):
        return ""
    absent = [name for name in detector.channels if name not in channels]
    shown = ", ".join(absent[:NAMED]) + ("" if len(absent) <= NAMED else " and more")
    return f"the device has not sent {len(absent)} of its {len(detector.channels)} channels: {shown}"
