"""The log of one edge: outbox on disk and bus of the box at once; knows nothing of sources."""

import logging
import sqlite3
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from edge import memory, records
from edge.bounds import Bounds
from edge.clock import Clock, SystemClock
from edge.hands import EVER, Hands, Stretch, joined, live_parts, next_live
from edge.lane import Delivered, Group, Lane
from edge.laying import write
from edge.logfile import DiskError, LogError, open_file, transaction, translated
from edge.records import Kind
from edge.room import Rate, Status
from wire.config import DAY_NS, EdgeSettings, WhenFull
from wire.envelope import pack
from wire.messages import NS_PER_S
from wire.ports import Entry, FullError, Wish

SMALLEST_BYTES = 64 * 1024
APPENDED_BYTES = 1024 * 1024  # what people and shells write may wait up to this, whatever the policy
RETRY_S = 2.0

logger = logging.getLogger(__name__)


def _new_lane() -> str:
    return uuid.uuid4().hex


class LocalLog:
    """An SQLite file that keeps inputs in one order until they are confirmed.

    Safe to use from several threads. Full means `bytes_bound` bytes on disk or, under `oldest`, records older than
    `age_ns`; then the oldest unread batches give way, each loss a Gap in the next batch, written in the same
    transaction. Records in a reader's hands (read, not confirmed) give way to nobody. Under `refuse` no record gives
    way and `room_bytes` falls to 0. What people wrote never gives way; it is refused beyond APPENDED_BYTES.
    """

    def __init__(
        self,
        path: Path,
        *,
        edge: str,
        bytes_bound: int = 2_000_000_000,
        age_ns: int = 7 * DAY_NS,
        when_full: WhenFull = WhenFull.OLDEST,
        clock: Clock | None = None,
        new_lane: Callable[[], str] = _new_lane,
    ) -> None:
        if bytes_bound < SMALLEST_BYTES:
            msg = f"an outbox of {bytes_bound} bytes is too small, it needs at least {SMALLEST_BYTES}"
            raise ValueError(msg)
        self.edge = edge
        self._path = path
        self._bounds = Bounds(bytes_bound, age_ns, when_full)
        self._clock = clock or SystemClock()
        self._new_lane = new_lane
        self._news = threading.Condition(threading.RLock())  # guards all below, and wakes readers
        self._db: sqlite3.Connection | None = None
        self._lane = Lane(edge=edge, log="")
        self._last_pos = 0
        self._hands = Hands()
        self._owed = list[Stretch]()  # confirmed, and still there as the disk refused writes
        self._appended = 0  # bytes that people wrote and that wait
        self._rate = Rate()
        self._trouble = ""

    @classmethod
    def of(cls, path: Path, settings: EdgeSettings, *, clock: Clock | None = None) -> Self:
        """The log that the settings of an edge describe."""
        return cls(
            path,
            edge=settings.name,
            bytes_bound=settings.outbox_bytes,
            age_ns=settings.outbox_age_ns,
            when_full=settings.when_full,
            clock=clock,
        )

    def __enter__(self) -> Self:
        """Open the file and take up the lane where it ended. Raises LogError."""
        with self._news:
            db = open_file(self._path)
            try:
                with translated(self._path):
                    self._load(db)
            except BaseException:
                db.close()
                raise
            self._db = db
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file; readers that wait get an empty list."""
        with self._news:
            db, self._db = self._db, None
            if db is not None:
                db.close()
            self._news.notify_all()

    def commit(self, group: Group) -> list[int]:
        """Write a group durably and return the positions of its batches.

        Raises LogError (DiskError may pass: try again); then nothing was written.
        """
        with self._news:
            try:
                with self._writing() as db:
                    free = self._hands.free(self._lane.late)
                    lane, positions, added = write(db, self._lane, group, bounds=self._bounds, free=free)
            except LogError as error:
                self._trouble = str(error)
                raise
            self._trouble = ""
            self._rate.add(self._clock.monotonic_ns(), added)
            self._lane = lane
            self._announce(positions)
            return positions

    @property
    def lane(self) -> Lane:
        """The lane as the last commit left it."""
        return self._lane

    @property
    def room_bytes(self) -> int | None:
        """Bytes until the bound, as records lie on disk; None where older ones give way."""
        if self._bounds.when_full is not WhenFull.REFUSE:
            return None
        return max(0, self._bounds.size - self._lane.bytes)

    def deliveries(self) -> list[Delivered]:
        """The keys of committed deliveries, oldest first."""
        with self._reading() as db:
            return memory.deliveries(db)

    def status(self) -> Status:
        """How full the log is, and how long that can go on."""
        with self._reading() as db:
            oldest = db.execute("SELECT clock_ns, pos FROM record ORDER BY pos LIMIT 1").fetchone()
            age_ns = max(0, self._clock.now_ns() - oldest[0]) if oldest else 0
            rate = self._rate.per_hour(self._clock.monotonic_ns())
            return Status(
                lane=self._lane,
                last_pos=self._last_pos,
                backlog=self._last_pos - oldest[1] + 1 if oldest else 0,
                bytes_bound=self._bounds.size,
                oldest_age_s=age_ns / NS_PER_S,
                bytes_per_hour=rate,
                hours_left=max(0, self._bounds.size - self._lane.bytes) / rate if rate else None,
                trouble=self._trouble,
            )

    def append(self, message: Wish) -> int:
        """Write one input of a person or a shell durably and return its position. Raises FullError, LogError."""
        body = pack(message)
        cost = records.cost(body)
        with self._news:
            if self._appended + cost > APPENDED_BYTES:
                raise FullError(RETRY_S)
            lane = msgspec.structs.replace(self._lane, bytes=self._lane.bytes + cost)
            with self._writing() as db:
                pos = records.insert(db, Kind.PERSON, clock_ns=self._clock.now_ns(), rows=0, body=body)
                memory.save(db, lane)
            self._lane = lane
            self._appended += cost
            self._announce([pos])
            return pos

    def read(self, after: int, *, limit: int, wait_s: float) -> list[Entry]:
        """Entries past position `after` that do not go late, oldest first; waits up to `wait_s` while there are none.

        Positions may jump where records gave way. Returns early, with nothing, when the log is closed. A position
        that this log never gave is one of another log: then all entries are past it.
        """
        deadline = time.monotonic() + wait_s
        with self._news:
            after = after if after <= self._last_pos else 0
            while self._db is not None:
                if self._last_pos > after and (found := self._entries(after, limit)):
                    return found
                left_s = deadline - time.monotonic()
                if left_s <= 0:
                    break
                self._news.wait(left_s)
            return []

    def begin_late(self, older_ns: int) -> bool:
        """If the oldest live record that nobody has read is older, let all live ones go late; whether they do.

        What follows is a lane of its own, and what goes late ends the lane that it was numbered in. Raises LogError.
        """
        with self._reading() as db:
            parts = live_parts(self._hands.live, self._lane.late)
            going = [(first, min(last, self._last_pos)) for first, last in parts if self._hands.late <= first]
            waiting = (records.first_clock_ns(db, where) for where in going)
            first_ns = next((at_ns for at_ns in waiting if at_ns is not None), None)
            if first_ns is None or self._clock.now_ns() - first_ns <= older_ns:
                return False
            late = tuple(sorted((*self._lane.late, *(where for where in going if where[0] < where[1]))))
            lane = msgspec.structs.replace(self._lane, log=self._new_lane(), seq=0, late=late)
            with self._writing() as writing:
                memory.save(writing, lane)
            self._lane = lane
            return True

    def read_late(self, after: int, *, limit: int) -> list[Entry]:
        """Entries past position `after` that go late, oldest first."""
        with self._reading() as db:
            for first, last in self._lane.late:
                if found := records.entries(db, (max(first, after), last), limit=limit):
                    self._hands.late = max(self._hands.late, found[-1].pos)
                    return found
            return []

    def confirm(self, pos: int, *, after: int = 0) -> None:
        """Everything past `after` and up to `pos` is stored elsewhere and goes.

        Not synced by itself: after a power cut a confirmed record may be there again, for the reader to skip. While
        the disk refuses writes nothing goes; the next confirmation then takes all.
        """
        with self._news:
            old, going = self._lane, joined([*self._owed, (after, pos)])
            try:
                with self._writing(synced=False) as db:
                    # A list: a tuple that is being made is seen by whoever walks all objects, as a web kit does.
                    rows, size, appended = map(sum, zip(*[records.delete(db, where) for where in going], strict=True))
                    late = tuple(where for where in old.late if records.first_clock_ns(db, where) is not None)
                    lane = msgspec.structs.replace(
                        old,
                        bytes=old.bytes - size,
                        waiting=old.waiting - rows,
                        confirmed=old.confirmed + rows,
                        late=late,
                    )
                    if lane != old:
                        memory.save(db, lane)
            except DiskError as error:
                logger.warning("what is stored stays in the log for now: %s", error)
                self._owed = going
                return
            self._lane, self._owed = lane, []
            self._appended -= appended

    def _load(self, db: sqlite3.Connection) -> None:
        self._lane = memory.take_up(db, edge=self.edge, new_log=self._new_lane, now_ns=self._clock.now_ns())
        self._last_pos = memory.last_position(db)
        self._appended = records.appended(db)
        self._hands, self._owed = Hands(), []

    def _announce(self, positions: list[int]) -> None:
        self._last_pos = max([self._last_pos, *positions])
        self._news.notify_all()

    def _entries(self, after: int, limit: int) -> list[Entry]:
        with self._reading() as db:
            found, last = list[Entry](), after
            while not found and last < EVER:
                after, last = next_live(last, self._lane.late)
                found = records.entries(db, (after, last), limit=limit)
        if found:
            self._hands.live = max(self._hands.live, found[-1].pos)
        return found

    def _connection(self) -> sqlite3.Connection:
        if self._db is None:
            msg = f"the log {self._path} is not open"
            raise LogError(msg)
        return self._db

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._news, translated(self._path):
            yield self._connection()

    @contextmanager
    def _writing(self, *, synced: bool = True) -> Iterator[sqlite3.Connection]:
        db = self._connection()
        with translated(self._path):
            if not synced:
                db.execute("PRAGMA synchronous = NORMAL")
            try:
                with transaction(db):
                    yield db
            finally:
                if not synced:
                    db.execute("PRAGMA synchronous = FULL")
