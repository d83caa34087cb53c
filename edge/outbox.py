"""The outbox: takes what sources read, makes it durable in groups, then tells them; knows nothing of lines."""

import logging
import random
import threading
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Self

import msgspec

from edge.backoff import delays_s
from edge.clock import Clock, ClockWatch, SystemClock
from edge.grouping import Grouping
from edge.lane import Group
from edge.log import LocalLog
from edge.logfile import DiskError, LogError
from edge.waiting import BOUND_BYTES, WaitingRoom
from wire.config import Config
from wire.messages import NS_PER_S, OutboxState
from wire.ports import Arrival, FullError, Receipt

HEARTBEAT_NS = 1_900_000_000  # so that two commits are never more than 2 s apart
CLOCK_POLL_S = 0.2
RETRY_CAP_S = 10.0
FULL_RETRY_S = 2.0
TELL_NS = 10 * NS_PER_S  # so often a batch says how full the outbox is

logger = logging.getLogger(__name__)


class Outbox:
    """Implements wire.ports.Intake over a log; a thread of its own commits.

    `put` queues; it waits while the committer is behind, and raises FullError when the arrival cannot be kept:
    under `refuse` when the log is full, and while the disk is full or the clock is not set for what will be
    delivered again (see WaitingRoom). Each receipt is told once, after its rows are on disk, from the committer's
    thread. `lines` names the sources whose senders keep nothing: their outages become gaps. `pressing` is called when a
    step's end is on disk, as a bench waits for what is made of it.
    """

    def __init__(
        self,
        log: LocalLog,
        config: Config,
        *,
        clock: Clock | None = None,
        rng: random.Random | None = None,
        lines: Iterable[str] = (),
        failed: Callable[[str], None] = lambda _: None,
        pressing: Callable[[], None] = lambda: None,
        bound_bytes: int = BOUND_BYTES,
    ) -> None:
        self._log = log
        self._config = config
        self._clock = clock or SystemClock()
        self._rng = rng or random.Random()
        self._lines = frozenset(lines)
        self._failed = failed
        self._pressing = pressing
        self._room = WaitingRoom(clock=self._clock, bound_bytes=bound_bytes)
        self._tell_ns = 0
        self._thread = threading.Thread(target=self._run, name="outbox", daemon=True)

    def __enter__(self) -> Self:
        """Take up the lane of the log, which is open, and start to commit."""
        self._grouping = Grouping(self._log, self._config, clock=self._clock, lines=self._lines)
        self._watch = ClockWatch(
            last_ns=self._log.lane.utc_ns,
            slack_ns=self._config.edge.future_ns,
            started_mono_ns=self._clock.monotonic_ns(),
        )
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Commit what waits and stop."""
        self._room.close()
        if self._thread.is_alive():
            self._thread.join()

    def put(self, arrival: Arrival) -> None:
        """Queue an arrival for the next group commit (at most 50 ms away). Raises FullError."""
        left = self._log.room_bytes
        if left is not None and left <= self._room.size:
            if arrival.source in self._lines:
                self._room.interrupt(arrival.source)
            raise FullError(FULL_RETRY_S)
        self._room.put(arrival)

    def _run(self) -> None:
        try:
            due_ns = self._clock.monotonic_ns()
            while self._clock_is_set():
                closing = self._room.is_closed
                due_ns = self._step(due_ns)
                if closing:
                    return
            logger.error("stopped before the clock of this machine was set: what waited is lost")
        except Exception as error:
            logger.exception("the outbox cannot go on")
            self._room.stick("outbox failed")
            self._room.close()
            self._failed(f"the outbox cannot go on: {error}")

    def _clock_is_set(self) -> bool:
        if self._watch.is_set(self._clock):
            return True
        logger.warning("the clock of this machine is not set; what comes waits in memory until it is")
        self._room.stick("clock not set")
        while not (is_set := self._watch.is_set(self._clock)) and not self._room.is_closed:
            self._room.pause(CLOCK_POLL_S)
        self._room.stick("")
        return is_set

    def _step(self, due_ns: int) -> int:
        """Commit the next group, or what is due without one: when the next is due."""
        grouped = self._grouping.take(self._room, until_ns=due_ns)
        # A heartbeat would take the last room of a log that may let nothing give way.
        if (grouped.is_empty and self._log.room_bytes == 0) or self._write(self._told(grouped.group)):
            if grouped.is_pressing:
                self._pressing()
            _tell(grouped.receipts)
        else:
            logger.error("stopped while the disk refused writes: %d rows are lost", grouped.rows)
        return self._clock.monotonic_ns() + HEARTBEAT_NS

    def _told(self, group: Group) -> Group:
        """The group, saying how full the outbox is if that was not said for a while."""
        now_ns = self._clock.monotonic_ns()
        if now_ns < self._tell_ns:
            return group
        try:
            status = self._log.status()
        except LogError:  # is told where it is written
            return group
        self._tell_ns = now_ns + TELL_NS
        lane = status.lane
        state = OutboxState(status.backlog, bytes=lane.bytes, rows=lane.rows, hours_left=status.hours_left)
        first = msgspec.structs.replace(group.drafts[0], outbox=state)
        return msgspec.structs.replace(group, drafts=[first, *group.drafts[1:]])

    def _write(self, group: Group) -> bool:
        delays = delays_s(self._rng, cap_s=RETRY_CAP_S)
        troubled = False
        while True:
            last_try = self._room.is_closed
            try:
                self._log.commit(group)
            except DiskError as error:
                if not troubled:
                    logger.warning("%s Nothing is acknowledged until it is written.", error)
                troubled = True
                if last_try:
                    return False
                self._room.stick("disk refused writes")
                self._room.pause(next(delays))
            else:
                if troubled:
                    logger.info("the disk takes writes again")
                    self._room.stick("")
                return True


def _tell(receipts: Iterable[Receipt]) -> None:
    for receipt in receipts:
        try:
            receipt.done()
        except Exception:
            logger.exception("a source could not acknowledge what is on disk")
