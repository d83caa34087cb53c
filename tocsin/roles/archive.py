"""`tocsin archive`: every input of the bus as Parquet files, for ever."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack

import msgspec

from bus.address import Address
from bus.feed import KafkaFeed
from bus.topics import Topics
from store.archive.archive import Archive
from store.archive.errors import ArchiveBrokenError, ArchiveError
from store.archive.place import place
from tocsin.places import archive_root
from tocsin.roles.fleet import RoleError, Work
from tocsin.roles.vitals import Probe, Vital
from wire.messages import NS_PER_S
from wire.ports import BusError, Feed, FeedEndedError, Record
from wire.settings import Loaded
from wire.topics import INPUTS

GROUP = "tocsin-archive"
LIMIT = 500
WAIT_S = 0.5
FIRST_DELAY_S, LONGEST_DELAY_S = 1.0, 60.0

log = logging.getLogger(__name__)


class ArchiveHealth(msgspec.Struct):
    """How the archive is doing, besides its own tally."""

    records: int = 0  # taken
    newest_ns: int = 0  # when the bus took the last of them
    held: int = 0
    held_since_ns: int = 0  # when the bus took the oldest that is in no finished cut
    unwritten_s: float = 0.0  # for how long the oldest one is in no file at all
    trouble: str = ""


class Archivist:
    """Moves records from the bus into the archive, and lets the bus forget those in finished cuts.

    While the archive cannot be written nothing more is read: the bus is the buffer, and its retention the bound.
    """

    def __init__(
        self, feed: Feed, archive: Archive, *, wait: Callable[[threading.Event, float], object] = threading.Event.wait
    ) -> None:
        self._feed = feed
        self._archive = archive
        self._wait = wait
        self._pending: Sequence[Record] = ()
        self.health = ArchiveHealth()

    def run(self, stop: threading.Event) -> None:
        """Work until told to stop; then what is held goes under `open/`. Raises ArchiveBrokenError, FeedEndedError."""
        delay_s = FIRST_DELAY_S
        while not stop.is_set():
            try:
                self.turn()
            except (ArchiveBrokenError, FeedEndedError):
                raise
            except (ArchiveError, BusError) as error:
                self._troubled(str(error))
                self._wait(stop, delay_s)
                delay_s = min(2 * delay_s, LONGEST_DELAY_S)
            else:
                self.health.trouble, delay_s = "", FIRST_DELAY_S
        self._leave()

    def turn(self) -> None:
        """Read, write and commit once. Raises ArchiveError, BusError; nothing is lost by either."""
        if not self._pending:
            self._pending = self._feed.read(limit=LIMIT, wait_s=WAIT_S)
        self._archive.take(self._pending)
        if self._pending:
            self.health.records += len(self._pending)
            self.health.newest_ns = max(record.at_ns for record in self._pending)
        self._pending = ()
        self._archive.tend()
        self._look()
        if done := self._archive.finished():
            self._feed.commit(done)  # a commit that failed is made up for by the next: what comes again is known

    def _leave(self) -> None:
        try:
            self._archive.tend(now=True)
        except ArchiveError as error:
            log.warning("what waited for its cut is on the bus alone: %s", error)

    def _look(self) -> None:
        self.health.held, self.health.unwritten_s = self._archive.held()
        self.health.held_since_ns = self._archive.oldest_held_ns()

    def _troubled(self, why: str) -> None:
        if why != self.health.trouble:
            log.warning("the archive stands still and will try again: %s", why)
        self.health.trouble = why


def archive(loaded: Loaded, address: Address, stack: ExitStack, *, instance: str = "") -> tuple[Work, Probe]:
    """Join the group of the archives and give the work of writing. Raises RoleError, BusError."""
    if INPUTS not in Topics(address).partitions():
        msg = f"there is no topic {INPUTS}: run tocsin stream --create-topics"
        raise RoleError(msg)
    try:
        writer = Archive(place(archive_root(loaded)), site=loaded.config.site)
    except ArchiveError as error:
        raise RoleError(str(error)) from error
    feed = stack.enter_context(KafkaFeed(address, group=GROUP, topics=[INPUTS], instance=instance))
    archivist = Archivist(feed, writer)
    return archivist.run, lambda: _vital(archivist.health, writer)


def _vital(health: ArchiveHealth, writer: Archive) -> Vital:
    tally, now_ns = writer.tally, time.time_ns()
    figures = {
        "records": float(health.records),
        "rows": float(tally.rows),
        "values": float(tally.values),
        "events": float(tally.events),
        "cuts": float(tally.cuts),
        "files": float(tally.files),
        "bytes": float(tally.bytes),
        "resent_batches": float(tally.resent),
        "unreadable_records": float(tally.unreadable),
        "missing_offsets": float(tally.missing),
        "held_records": float(health.held),
        "newest_record_age_seconds": (now_ns - health.newest_ns) / NS_PER_S if health.newest_ns else 0.0,
        "oldest_held_age_seconds": (now_ns - health.held_since_ns) / NS_PER_S if health.held_since_ns else 0.0,
        "oldest_unwritten_seconds": health.unwritten_s,
    }
    return Vital(figures, trouble=health.trouble)
