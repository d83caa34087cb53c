"""What a watcher found, one figure at a time."""

from collections.abc import Iterable
from typing import Literal

import msgspec

What = Literal["input", "missing", "score", "over", "calibration", "precision"]
CALM = 0.8  # of its limit: what stood ends only below, so that it does not flicker


class Finding(msgspec.Struct, frozen=True, omit_defaults=True):
    """A figure beside its limit; it stands beyond it."""

    what: What
    value: float
    limit: float
    stands: bool
    says: str  # a sentence for the operator
    channel: str = ""

    @property
    def share(self) -> float:
        """How far it is, in parts of its limit."""
        return self.value / self.limit if self.limit else 0.0


class Watch(msgspec.Struct, frozen=True):
    """All that was found of one device and model; `unwatched` says in sentences what could not be looked at."""

    findings: tuple[Finding, ...] = ()
    unwatched: tuple[str, ...] = ()

    @property
    def stands(self) -> bool:
        """Whether anything does."""
        return any(each.stands for each in self.findings)

    @property
    def worst(self) -> Finding | None:
        """The one furthest beyond its limit, or nearest to it."""
        return max(self.findings, key=lambda each: (each.stands, each.share), default=None)

    def still(self, stood: bool) -> bool:  # noqa: FBT001 -- the one thing that is asked
        """Whether it stands, if it stood before: what stood ends below CALM of every limit."""
        return self.stands or (stood and any(each.share >= CALM for each in self.findings))


def together(parts: Iterable[Watch]) -> Watch:
    """What several looks found."""
    every = list(parts)
    return Watch(
        findings=tuple(each for part in every for each in part.findings),
        unwatched=tuple(dict.fromkeys(each for part in every for each in part.unwatched)),
    )
