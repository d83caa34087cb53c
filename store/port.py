"""What a store must do: write one micro-batch whole, resume after any crash, and answer a page's questions."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, Protocol

import msgspec

from wire.messages import (
    Advice,
    Alarm,
    Batch,
    DeadLetter,
    Gap,
    Health,
    Label,
    Liveness,
    Measured,
    Outcome,
    Role,
    Run,
    SourceState,
)


class Commit(msgspec.Struct, frozen=True):
    """One micro-batch: everything here is written in one transaction, or nothing is."""

    cursor: int  # position in the input log up to which this goes
    batches: Sequence[Batch]  # accepted ones; duplicates are already gone
    outcomes: Sequence[Outcome]
    state: Mapping[str, bytes]  # parts of the core state that changed; b"" forgets one
    duplicates: int = 0  # batches dropped as already seen


class Resume(msgspec.Struct, frozen=True):
    """Where the last commit ended: the cursor (0 = nothing yet) and the whole core state."""

    cursor: int
    state: Mapping[str, bytes]


class StoreFullError(Exception):
    """The disk under the store has less room than `min_free`; nothing was written."""


class CommitRefusedError(Exception):
    """The store cannot take this commit, though there is room; nothing was written, and others may be taken."""


class StoreAwayError(Exception):
    """The store does not answer just now; the message says why. What was asked may be asked again."""


class TooManyRowsError(Exception):
    """More rows than one answer may hold."""

    def __init__(self, device: str, most: int) -> None:
        """Name the device and the bound."""
        super().__init__(f"These are more than {most:,} rows of {device!r}.")


class Writer(Protocol):
    """The writing side, used by one thread."""

    def resume(self) -> Resume:
        """What the last commit left."""

    def write(self, commit: Commit) -> None:
        """Write a micro-batch in one transaction. Raises StoreFullError; then the same commit may come again.

        Raises CommitRefusedError for what this very commit holds.
        """

    def retain(self, now_ns: int) -> None:
        """Drop what retention allows to go, as a counted Gap of its own."""


class Device(msgspec.Struct, frozen=True):
    """A device as the store knows it; `active` alarms count by priority."""

    edge: str
    device: str
    channels: tuple[str, ...]
    first_ns: int
    last_ns: int
    rows: int | None  # None where nobody counts them
    health: Health | None
    warm: float
    score: float | None  # newest
    active: Mapping[str, int]


class Series(msgspec.Struct, frozen=True):
    """Columns of equal length: times in ns and one list a name; None = missing.

    Down-sampled series hold two rows a bucket, the minimum and the maximum in the order they came.
    """

    t_ns: list[int]
    columns: Mapping[str, list[float | None]]


class Accounts(msgspec.Struct, frozen=True):
    """What came in and where it ended, by edge; `doctor` checks that it adds up."""

    edge: str
    batches: int
    rows: int  # in accepted batches
    stored: int  # rows that are in the store or were there and went by retention
    retained_away: int
    values: int
    scored: int
    late: int  # rows in late batches
    duplicates: int  # batches
    redelivered: int  # rows
    dead: int  # inputs behind the dead letters
    gap_rows: int  # known; gaps of unknown size count in `gaps`
    gaps: int


class Reader(Protocol):
    """The reading side; every call may come from any thread. Times are [start_ns, end_ns)."""

    def devices(self) -> list[Device]:
        """All devices, by name."""

    def readings(
        self, device: str, *, start_ns: int, end_ns: int, channels: Sequence[str] = (), points: int = 0
    ) -> Series:
        """Readings in time order; `points` > 0 down-samples to about that many rows by minimum and maximum."""

    def scores(
        self,
        device: str,
        *,
        start_ns: int,
        end_ns: int,
        points: int = 0,
        role: Role = "champion",
        model: str = "",
        version: int = 0,
    ) -> Series:
        """Column "score", and a column a channel with its contribution where the score came near the limit.

        Of champions, unless another role is asked for; of all models and versions, unless one is named.
        """

    def alarms(self, *, device: str = "", active: bool = False, since_ns: int = 0, limit: int = 1000) -> list[Alarm]:
        """The newest state of each alarm, newest change first; `active`: only those that are not normal."""

    def history(self, alarm_id: str) -> list[Alarm]:
        """Every state an alarm went through, oldest first."""

    def runs(
        self,
        *,
        procedure: str = "",
        station: str = "",
        unit: str = "",
        state: str = "",
        since_ns: int = 0,
        limit: int = 1000,
        rows: bool = True,
    ) -> list[Run]:
        """The newest state of each run that changed since, newest start first; without `rows` their `row` is empty."""

    def run(self, edge: str, run: str) -> Run | None:
        """One run, of any edge where that is ""; the newest of that name. None: nobody knows it."""

    def advice(self, edge: str, run: str, role: Role = "champion") -> list[Advice]:
        """What was advised on a run, in the order of its steps; by the champion, unless another role is asked for."""

    def newest(self, runs: Sequence[Run]) -> Mapping[tuple[str, str], Advice]:
        """The last word on each of these runs by (edge, run), as far as there is one; asked for all at once."""

    def measured(self, edge: str, run: str) -> list[Measured]:
        """What was measured in a run, as its bench said it and in the order it came, be it taken into the run or not.

        It is kept as long as the run.
        """

    def labels(
        self,
        *,
        label: str = "",
        device: str = "",
        run: str = "",
        since_ns: int = 0,
        withdrawn: bool = False,
        limit: int = 1000,
    ) -> list[Label]:
        """Labels made since, newest first, in their newest state; `label` is the id of one.

        Withdrawn ones only where they are asked for.
        """

    def liveness(self) -> list[Liveness]:
        """The newest word on every device."""

    def sources(self) -> list[tuple[str, SourceState]]:
        """The newest state of every source, with its edge."""

    def gaps(self, *, device: str = "", limit: int = 1000) -> list[tuple[str, Gap]]:
        """Known losses with their edge, newest first."""

    def dead(self, *, limit: int = 100) -> list[DeadLetter]:
        """Dead letters, newest first."""

    def accounts(self) -> list[Accounts]:
        """Counts by edge."""

    def export(
        self, device: str, path: Path, *, form: Literal["csv", "parquet"], start_ns: int = 0, end_ns: int = 2**63 - 1
    ) -> int:
        """Write a device's rows, column `time` (ISO 8601 UTC, ns) first, and return how many there are."""
