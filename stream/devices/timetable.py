"""When each device of an edge has something to do though nothing comes: found without asking every device."""

import numpy as np

from stream.devices.plan import NEVER


class Timetable:
    """Due times of many devices; `fork` before changing one. It is derived from the devices, and never stored."""

    def __init__(self) -> None:
        self._index: dict[str, int] = {}
        self._names: list[str] = []
        self._due = np.full(16, NEVER)

    def fork(self) -> "Timetable":
        """A copy that may be changed."""
        forked = Timetable()
        forked._index, forked._names, forked._due = dict(self._index), list(self._names), self._due.copy()
        return forked

    def set(self, device: str, due_ns: int) -> None:
        """Note when a device is due."""
        index = self._index.get(device)
        if index is None:
            index = self._index[device] = len(self._names)
            self._names.append(device)
            if index == self._due.size:
                self._due = np.concatenate([self._due, np.full(index, NEVER)])
        self._due[index] = due_ns

    def due(self, clock_ns: int) -> list[str]:
        """Devices that are due, the earliest first."""
        found = np.flatnonzero(self._due <= clock_ns)
        return [name for _, name in sorted((int(self._due[i]), self._names[i]) for i in found)]
