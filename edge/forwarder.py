"""Passing the log of an edge on to the bus: what the bus has confirmed leaves the log, nothing else; knows no Kafka."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum

import msgspec

from edge.log import LocalLog
from edge.logfile import DiskError
from wire.config import HOUR_NS
from wire.envelope import pack, unpack_input
from wire.messages import Batch
from wire.ports import BusError, Entry, Publisher
from wire.topics import INPUTS

RECORDS = 1000  # under way at most; what is under way gives way to nobody in a full outbox
LATE_RECORDS = 100  # of these, so that live data never waits behind more
READ = 100
WAIT_S = 0.2
STALLED_S = 3.0  # with nothing confirmed for so long, no more is handed over

log = logging.getLogger(__name__)


class _Fate(StrEnum):
    UNDER_WAY = "under way"
    CONFIRMED = "confirmed"
    REFUSED = "refused"


class _Parcel(msgspec.Struct):
    pos: int
    since_s: float
    fate: _Fate = _Fate.UNDER_WAY


class ForwarderHealth(msgspec.Struct, frozen=True):
    """How the passing on is doing; `trouble` is why nothing goes through just now."""

    sent: int = 0  # confirmed by the bus
    again: int = 0  # handed over once more
    trouble: str = ""


class Forwarder:
    """Hands records to a bus in order, up to RECORDS at once, and lets go of those that it has and all before them.

    One that the bus refuses is handed over again together with all behind it, so order holds; a reader drops what it
    has seen by `(edge, log, seq)`. After a crash all that was not confirmed is handed over again, the same bytes.

    When the bus is back and the oldest record waits for longer than `live_first_after_ns`, live data goes first and
    what waited follows beside it, marked late. What was handed over before the outage keeps its place and its mark.
    """

    def __init__(
        self,
        source: LocalLog,
        bus: Publisher,
        *,
        key: str,
        retry_s: float = 1.0,
        live_first_after_ns: int = HOUR_NS // 6,
    ) -> None:
        self._log = source
        self._bus = bus
        self._key = key.encode()
        self._retry_s = retry_s
        self._live_first_after_ns = live_first_after_ns
        self._lock = threading.Lock()  # `done` comes from the bus's own thread
        self._live, self._late = deque[_Parcel](), deque[_Parcel]()  # under way
        self._live_pos = self._late_pos = 0  # read up to here
        self._window = READ  # until the bus confirms anything, no more than this is handed over
        self._moved = threading.Event()
        self.health = ForwarderHealth()  # replaced whole, so any thread may read it

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set; what is under way then is given a few seconds."""
        while not stop.is_set():
            self._confirm()
            if self._refused():
                self._rewind(stop)
            elif self._stalled() or len(self._live) + len(self._late) >= self._window:
                self._moved.wait(WAIT_S)
            else:
                self._hand_over(stop)
        self._bus.flush(2.0)
        self._confirm()

    def _hand_over(self, stop: threading.Event) -> None:
        busy = bool(self._live or self._late or self._log.lane.late)
        limit = min(READ, self._window - len(self._live) - len(self._late))
        entries = self._log.read(self._live_pos, limit=limit, wait_s=0.01 if busy else WAIT_S)
        if entries:
            self._live_pos = self._publish(self._live, self._live_pos, entries, stop)
        elif self._log.lane.late and len(self._late) < LATE_RECORDS:
            entries = self._log.read_late(self._late_pos, limit=LATE_RECORDS - len(self._late))
            marked = [Entry(entry.pos, _late(entry.body)) for entry in entries]
            self._late_pos = self._publish(self._late, self._late_pos, marked, stop)

    def _publish(self, queue: deque[_Parcel], after: int, entries: Sequence[Entry], stop: threading.Event) -> int:
        """Hand entries over; the position of the last that was."""
        for entry in entries:
            parcel = _Parcel(entry.pos, time.monotonic())
            try:
                with self._lock:
                    queue.append(parcel)
                self._bus.publish(INPUTS, self._key_of(entry.body), entry.body, self._told(parcel))
            except BusError as error:
                self._trouble(str(error))
                parcel.fate = _Fate.REFUSED
                stop.wait(self._retry_s)
                return after
            after = entry.pos
        return after

    def _key_of(self, body: bytes) -> bytes:
        """The edge that a record is of: what waited when this one was renamed is the other's."""
        item = unpack_input(body)
        return item.edge.encode() if isinstance(item, Batch) else self._key

    def _told(self, parcel: _Parcel) -> Callable[[str], None]:
        def done(error: str) -> None:
            if error:
                self._trouble(error)
            parcel.fate = _Fate.REFUSED if error else _Fate.CONFIRMED
            self._moved.set()

        return done

    def _confirm(self) -> None:
        """Let go of what the bus has, up to the first record that it has not."""
        self._moved.clear()
        count = 0
        for queue in (self._live, self._late):
            with self._lock:
                taken = _confirmed(queue)
            for after, pos in _runs(taken):
                self._log.confirm(pos, after=after)
            count += len(taken)
        if count:
            trouble = self.health.trouble if self._refused() else ""
            self.health = msgspec.structs.replace(self.health, sent=self.health.sent + count, trouble=trouble)
            self._window = RECORDS
            self._live_first()

    def _live_first(self) -> None:
        try:
            begun = self._log.begin_late(self._live_first_after_ns)
        except DiskError:
            return  # it is full: in order, then, until there is room again
        if not begun:
            return
        minutes = self._live_first_after_ns / HOUR_NS * 60
        log.warning("live data goes first: what waited for more than %g minutes follows, marked late", minutes)

    def _refused(self) -> bool:
        return any(parcel.fate is _Fate.REFUSED for queue in (self._live, self._late) for parcel in queue)

    def _stalled(self) -> bool:
        oldest_s = min((queue[0].since_s for queue in (self._live, self._late) if queue), default=None)
        return oldest_s is not None and time.monotonic() - oldest_s > STALLED_S

    def _rewind(self, stop: threading.Event) -> None:
        """Wait until nothing is under way, then begin again behind the last record that was let go."""
        while not self._bus.flush(WAIT_S) and not stop.is_set():
            pass
        self._confirm()
        with self._lock:
            again = len(self._live) + len(self._late)
            self._live_pos = self._live[0].pos - 1 if self._live else self._live_pos
            self._late_pos = self._late[0].pos - 1 if self._late else self._late_pos
            self._live.clear()
            self._late.clear()
        self._window = max(again, 1)
        self.health = msgspec.structs.replace(self.health, again=self.health.again + again)
        stop.wait(self._retry_s)

    def _trouble(self, why: str) -> None:
        if why != self.health.trouble:
            log.warning("nothing goes to the bus: %s", why)
        self.health = msgspec.structs.replace(self.health, trouble=why)


def _confirmed(queue: deque[_Parcel]) -> list[_Parcel]:
    """Take off what is confirmed, up to the first that is not."""
    taken: list[_Parcel] = []
    while queue and queue[0].fate is _Fate.CONFIRMED:
        taken.append(queue.popleft())
    return taken


def _runs(parcels: Sequence[_Parcel]) -> Iterator[tuple[int, int]]:
    """The stretches that parcels make up: what lies between two of them may be others'."""
    begun = 0
    for place, parcel in enumerate(parcels):
        if place + 1 == len(parcels) or parcels[place + 1].pos != parcel.pos + 1:
            yield parcels[begun].pos - 1, parcel.pos
            begun = place + 1


def _late(body: bytes) -> bytes:
    """The same batch, marked late."""
    batch = unpack_input(body)
    return pack(msgspec.structs.replace(batch, late=True)) if isinstance(batch, Batch) else body
