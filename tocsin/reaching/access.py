"""What commands about data ask and bring: one set of questions to a running box, a stopped one or a fleet."""

from pathlib import Path
from typing import Literal, Protocol, TypeVar, cast

import msgspec

from models.catalogue.entries import Catalogue, Lineage, Moved
from tocsin.reaching.reach import ReachError
from wire.messages import AlarmState, Backtested, Batch, Meaning

Form = Literal["csv", "parquet"]
Brought = Batch | Backtested
MOST = 10_000  # alarms and labels of a device that are asked for, and runs, for their procedures
_Struct = TypeVar("_Struct", bound=msgspec.Struct)


class KnownDevice(msgspec.Struct, frozen=True):
    """A device as a command needs to know it."""

    device: str
    edge: str
    channels: tuple[str, ...]
    first_ns: int
    last_ns: int
    rows: int | None


class Rang(msgspec.Struct, frozen=True):
    """An alarm in its newest state, as a command needs to know it."""

    id: str
    device: str
    rule: str
    state: str
    onset_ns: int
    changed_ns: int
    summary: str
    model: str = ""
    model_version: int = 0

    @property
    def active(self) -> bool:
        """Whether its condition stands, acknowledged or not."""
        return self.state in {AlarmState.UNACKNOWLEDGED, AlarmState.ACKNOWLEDGED}


class Said(msgspec.Struct, frozen=True):
    """A label, as a command needs to know it."""

    id: str
    meaning: str
    from_ns: int
    to_ns: int
    who: str
    at_ns: int
    edge: str = ""
    device: str = ""
    run: str = ""
    comment: str = ""
    alarm: str = ""
    withdrawn_by: str = ""


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """A label that a person wants: of a stretch of a device, or of a run."""

    meaning: Meaning
    who: str
    device: str = ""
    from_ns: int = 0
    to_ns: int = 0
    run: str = ""
    comment: str = ""


class Held(Protocol):
    """What there is to train and to judge by. Raises ReachError, BoxError or what the store raises."""

    def devices(self) -> list[KnownDevice]:
        """All devices, by name."""

    def procedures(self) -> list[str]:
        """Those of which a run was seen, among the newest MOST of all; by name."""

    def alarms(self, device: str) -> list[Rang]:
        """Alarms of a device, newest change first."""

    def history(self, alarm: str) -> list[Rang]:
        """Every state of an alarm, oldest first; none of one that nobody knows."""

    def labels(self, *, device: str = "", run: str = "", withdrawn: bool = False) -> list[Said]:
        """Labels, newest first."""

    def export(self, device: str, out: Path, *, form: Form, start_ns: int, end_ns: int, noted: bool = True) -> int:
        """Write a device's rows to a file, and note that in the ledger; returns how many there are."""

    def take_runs(self, procedure: str, out: Path, *, start_ns: int, end_ns: int) -> tuple[str, ...] | None:
        """Write the runs that began in [start_ns, end_ns) and whose end is known, a wide row a run, as Parquet.

        Returns the ids of the labels that say how they ended, as far as they are told; None where there is no run.
        """


class Access(Held, Protocol):
    """All that a command about data asks and brings. Raises ReachError, BoxError or what the store raises."""

    def export_runs(self, procedure: str, out: Path, *, form: Form) -> int:
        """Write the ended runs of a procedure, a wide row a run."""

    def catalogue(self) -> Catalogue:
        """What data there is."""

    def lineage(self, of: str) -> Lineage:
        """What was made from what; raises UnknownThingError."""

    def give(self, message: Brought, file: Moved | None = None) -> None:
        """Bring rows or scores; durable when this returns."""

    def label(self, wanted: Wanted) -> str:
        """Make a label and return its id; the same words again are the same label."""

    def withdraw(self, label: str, *, who: str, why: str) -> None:
        """Take a label back; it stays to be seen."""


def read_as(kind: type[_Struct], told: object) -> _Struct:
    """What was told as this struct; raises ReachError."""
    try:
        return msgspec.convert(told, kind, strict=False)
    except msgspec.ValidationError as error:
        msg = f"what was answered is no {kind.__name__}: {error}"
        raise ReachError(msg) from error


def all_as(kind: type[_Struct], told: object) -> list[_Struct]:
    """Several of them."""
    return [read_as(kind, each) for each in cast("list[object]", told)]
