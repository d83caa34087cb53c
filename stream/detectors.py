"""Which detector watches a device: the one its configuration names, else the self-learning one."""

from collections.abc import Iterable, Mapping
from typing import Protocol

from models.contract import Detector

OFF = "off"
SELF_LEARNING = "online"


class Detectors(Protocol):
    """Where the core finds detectors; asking twice gives the same."""

    def find(self, name: str, version: int) -> Detector | None:
        """The detector of that name in that version (0 = the champion), or None."""


class Shelf:
    """A fixed set of detectors; the newest version of a name is its champion."""

    def __init__(self, detectors: Iterable[Detector]) -> None:
        self._detectors: dict[tuple[str, int], Detector] = {}
        newest: Mapping[str, Detector] = {}
        for detector in sorted(detectors, key=lambda d: d.version):
            self._detectors[detector.name, detector.version] = detector
            newest = {**newest, detector.name: detector}
        self._detectors.update({(name, 0): detector for name, detector in newest.items()})

    def find(self, name: str, version: int) -> Detector | None:
        """The detector of that name in that version (0 = the champion), or None."""
        return self._detectors.get((name, version))


def chosen(wanted: str | None, versions: Mapping[str, int], detectors: Detectors) -> Detector | None:
    """The detector for a device whose configuration names `wanted`; None where no model shall watch."""
    if wanted == OFF:
        return None
    found = detectors.find(wanted, versions.get(wanted, 0)) if wanted else None
    return found or detectors.find(SELF_LEARNING, versions.get(SELF_LEARNING, 0))
