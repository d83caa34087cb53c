"""What the core remembers of the test benches of one edge: runs, stations and procedures, each within a bound."""

import copy
import hashlib
from typing import TypeVar

import msgspec

from stream.benches.run import RunRecord

MOST_OPEN = 256  # runs of an edge that are not over; of more, the one longest unheard is given up
MOST_OVER = 64  # runs of an edge that are over and still remembered; of more, the one longest unheard goes
MOST_PAST = 1000  # runs of an edge that were forgotten, of which is known that they were; of more, the oldest goes
MOST_STATIONS = 1000  # of an edge; of more, the one longest unheard goes, and starts anew if it comes again
MOST_PROCEDURES = 200  # of an edge; likewise
AT_A_STATION = 16  # procedures of which a station remembers the version and what a model learnt

_T = TypeVar("_T")
PAST = "runs"


class Memory(msgspec.Struct, frozen=True, array_like=True):
    """What a model remembers of the runs of one procedure on one station."""

    model: str
    version: int
    state: bytes  # float64


class StationRecord(msgspec.Struct):
    """One station; `fork` before changing one."""

    heard_ns: int = 0
    versions: dict[str, str] = {}  # procedure -> its version in the newest run
    memories: dict[str, Memory] = {}  # by procedure
    tried: dict[str, Memory] = {}  # by procedure: the same of a candidate

    def fork(self) -> "StationRecord":
        """A copy that may be changed."""
        forked = copy.copy(self)
        forked.versions = dict(self.versions)
        forked.memories, forked.tried = dict(self.memories), dict(self.tried)
        return forked

    def runs(self, procedure: str, version: str) -> str:
        """Note the version of a procedure that runs here; the one before it, "" if there was none."""
        before = self.versions.get(procedure, "")
        put(self.versions, procedure, version, AT_A_STATION)
        return before

    def learnt(self, procedure: str, memory: Memory) -> None:
        """Keep what a model learnt."""
        put(self.memories, procedure, memory, AT_A_STATION)

    def tries(self, procedure: str, memory: Memory | None) -> None:
        """Keep what a candidate learnt, or nothing of one that is tried no more."""
        if memory is None:
            self.tried.pop(procedure, None)
        else:
            put(self.tried, procedure, memory, AT_A_STATION)


class Usual(msgspec.Struct, frozen=True, array_like=True):
    """How many passes of one version there were, and in what share of them, lately, each step ended."""

    passes: int = 0
    share: dict[str, float] = {}


class Lasting(msgspec.Struct, frozen=True, array_like=True):
    """How long a step takes: a mean that fades, and of how many times."""

    times: int
    seconds: float


class ProcedureRecord(msgspec.Struct):
    """One procedure; `fork` before changing one."""

    heard_ns: int = 0
    passed: int = 0
    failed: int = 0
    lasting: dict[str, Lasting] = {}  # by step
    versions: dict[str, Usual] = {}
    units: dict[str, str] = {}  # unit -> its newest run

    def fork(self) -> "ProcedureRecord":
        """A copy that may be changed."""
        forked = copy.copy(self)
        forked.lasting, forked.versions, forked.units = dict(self.lasting), dict(self.versions), dict(self.units)
        return forked


class Past(msgspec.Struct, frozen=True):
    """Which runs were over and are forgotten, by the digests of their names, the newest last."""

    digests: tuple[int, ...] = ()

    def holds(self, run: str) -> bool:
        """Whether a run is among them."""
        return _digest(run) in self.digests

    def over(self, run: str) -> "Past":
        """With one more; of too many, the oldest goes."""
        return Past((*self.digests, _digest(run))[-MOST_PAST:])


class Benches(msgspec.Struct):
    """All of one edge; `fork` before changing one."""

    runs: dict[str, RunRecord] = {}
    stations: dict[str, StationRecord] = {}
    procedures: dict[str, ProcedureRecord] = {}
    past: dict[str, Past] = {}  # one, under PAST

    def fork(self) -> "Benches":
        """A copy whose records may be replaced."""
        return Benches(dict(self.runs), dict(self.stations), dict(self.procedures), dict(self.past))


def _digest(run: str) -> int:
    return int.from_bytes(hashlib.blake2b(run.encode(), digest_size=8).digest(), "big")


def put(kept: dict[str, _T], name: str, value: _T, most: int) -> None:
    """Put behind all others; of more than so many, the first goes."""
    kept.pop(name, None)
    kept[name] = value
    while len(kept) > most:
        del kept[next(iter(kept))]
