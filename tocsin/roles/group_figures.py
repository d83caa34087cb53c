"""How other roles are doing, as the brokers see their groups, whatever they say of themselves."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from bus.lag import Place, Reader
from store.influx.table import ALL
from wire.topics import INPUTS

HELD = "archive"  # commits only finished files, so what it has not committed says nothing of how far it is

Figures = Mapping[str, float]
Part = tuple[str, int]


class Groups(Protocol):
    """Whom to ask; both may raise BusError."""

    def places(self, group: str, topics: Sequence[str]) -> Mapping[Part, Place]:
        """Where a group stands."""

    def readers(self, group: str) -> Sequence[Reader]:
        """Who is in it."""


class GroupFigures:
    """Figures of some roles, by role and instance: of each reader, and of ALL.

    `running` is 1 of a name, and how many there are of ALL; `lag` in inputs, and `rate` in inputs a second since the
    last time. A group that was never there tells nothing.
    """

    def __init__(self, groups: Groups, roles: Sequence[str], *, now_s: Callable[[], float] = time.monotonic) -> None:
        self._groups = groups
        self._roles = roles
        self._now_s = now_s
        self._before: dict[str, tuple[float, Mapping[Part, Place]]] = {}

    def __call__(self) -> Mapping[tuple[str, str], Figures]:
        """Ask. Raises BusError."""
        return {(role, instance): each for role in self._roles for instance, each in self._of(role).items()}

    def _of(self, role: str) -> Mapping[str, Figures]:
        group = f"tocsin-{role}"
        there, readers = self._groups.places(group, [INPUTS]), self._groups.readers(group)
        now_s = self._now_s()
        then_s, before = self._before.get(role, (now_s, there))
        self._before[role] = (now_s, there)
        if not readers and not any(place.done for place in there.values()):
            return {}

        def figures(parts: frozenset[Part], running: int) -> Figures:
            if role == HELD:
                return {"running": float(running)}
            mine = {part: place for part, place in there.items() if part in parts}
            done = sum(place.done - before[part].done for part, place in mine.items() if part in before)
            rate = {"rate": max(done, 0) / (now_s - then_s)} if now_s > then_s else {}
            return {"lag": float(sum(place.behind for place in mine.values())), "running": float(running), **rate}

        by_name: dict[str, list[Reader]] = {}
        for reader in readers:
            by_name.setdefault(reader.name, []).append(reader)
        told = {
            name: figures(frozenset[Part]().union(*(each.places for each in some)), 1) for name, some in by_name.items()
        }
        return {ALL: figures(frozenset(there), len(readers)), **told}
