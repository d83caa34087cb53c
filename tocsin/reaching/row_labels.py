"""Which labels of a device say something of its rows, asked of a running box, a stopped one or a fleet."""

from typing import Protocol

from tocsin.keeping.spans import says_of_rows
from tocsin.reaching.access import Rang, Said


class Asked(Protocol):
    """What is asked."""

    def alarms(self, device: str) -> list[Rang]:
        """Alarms of a device, newest change first."""

    def labels(self, *, device: str = "", run: str = "", withdrawn: bool = False) -> list[Said]:
        """Labels, newest first."""


def row_labels(access: Asked, device: str) -> list[Said]:
    """Oldest first, without what was found of alarms that speak of no machine."""
    rules = {alarm.id: alarm.rule for alarm in access.alarms(device)}
    said = [label for label in access.labels(device=device) if says_of_rows(label.meaning, rules.get(label.alarm, ""))]
    return sorted(said, key=lambda label: label.at_ns)
