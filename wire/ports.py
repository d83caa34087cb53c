"""The ports that rooms meet at: where inputs are put durably, where they are read in order, and the fleet's bus."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

import msgspec

from wire.messages import Action, Advice, Backtested, Batch, Event, Labelled, ModelChange, Tick, Verdict, Watched


class Row(msgspec.Struct, frozen=True):
    """One time of one device as a source read it; `claimed_ns` None means "when it arrived". NaN = missing."""

    device: str
    channels: tuple[str, ...]
    values: tuple[float, ...]
    claimed_ns: int | None = None


class Receipt(msgspec.Struct, frozen=True):
    """How a source learns that its arrival is durable: `done` is called once, from another thread.

    `key` names the delivery (client id, packet id, payload digest) so that a redelivery is known across restarts;
    `again` says that the sender marked it as one.
    """

    key: bytes
    done: Callable[[], None]
    again: bool = False


class Arrival(msgspec.Struct, frozen=True):
    """What one read brought: committed whole or not at all."""

    source: str
    rows: Sequence[Row] = ()
    events: Sequence[Event] = ()  # Refused, SourceState, Gap, Text, run events
    own_times: bool = False
    receipt: Receipt | None = None


class FullError(Exception):
    """The outbox is full and its policy is `refuse`; try again after `retry_after_s`."""

    def __init__(self, retry_after_s: float) -> None:
        """Say when room is likely."""
        super().__init__(f"outbox full, retry after {retry_after_s:g} s")
        self.retry_after_s = retry_after_s


class Intake(Protocol):
    """Where sources put what they read."""

    def put(self, arrival: Arrival) -> None:
        """Queue an arrival for the next group commit (at most 50 ms away); raises FullError under `refuse`."""


class Entry(msgspec.Struct, frozen=True):
    """One record of the input log: its position and the envelope."""

    pos: int
    body: bytes


class InputLog(Protocol):
    """The ordered inputs as a processor reads them."""

    def read(self, after: int, *, limit: int, wait_s: float) -> list[Entry]:
        """Entries past position `after`, oldest first; waits up to `wait_s` while there are none."""

    def confirm(self, pos: int) -> None:
        """Everything up to `pos` is stored elsewhere and may go."""


# Inputs that no edge reads; a batch among them holds recorded rows that a person brings, in a lane of their own.
Wish = Action | Verdict | Tick | ModelChange | Labelled | Watched | Backtested | Batch


class Inbox(Protocol):
    """Where people and shells put inputs; durable when `append` returns its position."""

    def append(self, message: Wish) -> int:
        """Write one input behind all that are there."""


class Returns(Protocol):
    """Where advice goes back to the bench that waits for it."""

    def give(self, advice: Sequence[Advice]) -> None:
        """Pass advice on, each the way its run's events came; never waits and never fails."""


class Awaited(Protocol):
    """One advice that somebody waits for."""

    def wait(self, timeout_s: float) -> Advice | None:
        """The advice, or None where it did not come in time."""


class Waiting(Protocol):
    """Where whoever asked over HTTP waits for advice."""

    def expect(self, run: str, step: str) -> AbstractContextManager[Awaited]:
        """Expect the advice after a step from here on: entered before the step's events are put, left after `wait`."""


class BusError(Exception):
    """The bus cannot be used; the message says what happened and what to do."""


class FeedEndedError(BusError):
    """This feed reads nothing more, whatever the bus does: another has to be opened."""


class Publisher(Protocol):
    """Puts bytes on a topic of the bus."""

    def publish(self, topic: str, key: bytes, body: bytes, done: Callable[[str], None], *, partition: int = -1) -> None:
        """Send a record; `done` is called once, from another thread: "" when all replicas have it, else why not.

        The key chooses the partition where none is given. Waits while too much is under way; raises BusError.
        """

    def flush(self, timeout_s: float) -> bool:
        """Wait until every `done` was called; false if that took longer."""


class Record(msgspec.Struct, frozen=True):
    """One record of a topic as a reader gets it; `at_ns` is when the bus took it."""

    topic: str
    partition: int
    offset: int
    key: bytes
    body: bytes
    at_ns: int


class Feed(Protocol):
    """The records of some topics, shared among the members of one group of readers; used by one thread."""

    def read(self, *, limit: int, wait_s: float) -> list[Record]:
        """The next records, in order in each partition; what was read and not committed may come again.

        Raises BusError.
        """

    def commit(self, records: Sequence[Record]) -> None:
        """These records are done, and so is all before them in their partitions. Raises BusError."""
