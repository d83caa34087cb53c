"""Which model changes are to be written so that what is in force becomes what the registry says; knows no registry."""

from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from stream.models.versions import Versions
from wire.messages import ModelChange

AGAIN_S, DOUBLINGS = 5.0, 6  # a change that came to nothing is written again after 5, 10, 20 ... 320 s


class Wanted(msgspec.Struct, frozen=True):
    """The version that is to be in force, or to be tried; `trouble`: why it cannot be put to work."""

    name: str
    role: Literal["champion", "candidate"]
    version: int  # 0: no candidate
    trouble: str = ""
    who: str = ""


class Herald:
    """Writes for one state: each wish once, and again where the state shows that it came to nothing.

    Whatever was wanted is also said when a process begins: an alarm that rang before may be over.
    """

    def __init__(self) -> None:
        self._said: dict[tuple[str, str], tuple[Wanted, float, int]] = {}  # when, and how often before

    def due(
        self, wanted: Sequence[Wanted], models: Mapping[str, Versions], *, now_s: float, at_end: bool
    ) -> Sequence[Wanted]:
        """The wishes to be written now; `at_end`: all that was written has been read."""
        return [each for each in wanted if self._is_due(each, models, now_s, at_end=at_end)]

    def said(self, wish: Wanted, now_s: float) -> None:
        """It was written."""
        before, _, times = self._said.get((wish.name, wish.role), (None, 0.0, 0))
        self._said[wish.name, wish.role] = (wish, now_s, times + 1 if before == wish else 0)

    def _is_due(self, wish: Wanted, models: Mapping[str, Versions], now_s: float, *, at_end: bool) -> bool:
        before, at_s, times = self._said.get((wish.name, wish.role), (None, 0.0, 0))
        if before != wish:
            return True
        if not at_end or wish.trouble or _stands(wish, models):
            return False
        return now_s - at_s >= AGAIN_S * float(2 ** min(times, DOUBLINGS))


def change(wish: Wanted, at_ns: int) -> ModelChange:
    """A wish as an input."""
    name = f"{wish.name}:{wish.role}:{wish.version}:{at_ns}"
    return ModelChange(name, wish.name, wish.version, wish.who, at_ns, wish.role, wish.trouble)


def _stands(wish: Wanted, models: Mapping[str, Versions]) -> bool:
    known = models.get(wish.name, Versions())
    return wish.version == (known.champion if wish.role == "champion" else known.candidate)
