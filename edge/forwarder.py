"""Passing the log of an edge on to the bus: what the bus has confirmed leaves the log, nothing else; knows no Kafka."""

import logging
import threading
from collections import deque
from collections.abc import Callable
from enum import StrEnum

import msgspec

from wire.ports import BusError, InputLog, Publisher
from wire.topics import INPUTS

RECORDS = 1000  # under way at most; what is under way gives way to nobody in a full outbox
READ = 100
WAIT_S = 0.2

log = logging.getLogger(__name__)


class _Fate(StrEnum):
    UNDER_WAY = "under way"
    CONFIRMED = "confirmed"
    REFUSED = "refused"


class _Parcel(msgspec.Struct):
    pos: int
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
    """

    def __init__(self, source: InputLog, bus: Publisher, *, key: str, retry_s: float = 1.0) -> None:
        self._log = source
        self._bus = bus
        self._key = key.encode()
        self._retry_s = retry_s
        self._lock = threading.Lock()  # `done` comes from the bus's own thread
        self._under_way: deque[_Parcel] = deque()
        self._moved = threading.Event()
        self.health = ForwarderHealth()  # replaced whole, so any thread may read it

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set; what is under way then is given a few seconds."""
        pos = 0
        while not stop.is_set():
            self._confirm()
            if self._refused():
                pos = self._rewind(stop)
            elif len(self._under_way) >= RECORDS:
                self._moved.wait(WAIT_S)
            else:
                pos = self._hand_over(pos, stop)
        self._bus.flush(2.0)
        self._confirm()

    def _hand_over(self, pos: int, stop: threading.Event) -> int:
        wait_s = 0.01 if self._under_way else WAIT_S
        for entry in self._log.read(pos, limit=READ, wait_s=wait_s):
            parcel = _Parcel(entry.pos)
            try:
                with self._lock:
                    self._under_way.append(parcel)
                self._bus.publish(INPUTS, self._key, entry.body, self._told(parcel))
            except BusError as error:
                self._trouble(str(error))
                parcel.fate = _Fate.REFUSED
                stop.wait(self._retry_s)
                return pos
            pos = entry.pos
        return pos

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
        count, last = 0, 0
        with self._lock:
            while self._under_way and self._under_way[0].fate is _Fate.CONFIRMED:
                last, count = self._under_way.popleft().pos, count + 1
        if count:
            self._log.confirm(last)
            trouble = self.health.trouble if self._refused() else ""
            self.health = msgspec.structs.replace(self.health, sent=self.health.sent + count, trouble=trouble)

    def _refused(self) -> bool:
        return any(parcel.fate is _Fate.REFUSED for parcel in self._under_way)

    def _rewind(self, stop: threading.Event) -> int:
        """Wait until nothing is under way, then begin again behind the last record that was let go."""
        while not self._bus.flush(WAIT_S) and not stop.is_set():
            pass
        self._confirm()
        with self._lock:
            again = len(self._under_way)
            first = self._under_way[0].pos if again else 0
            self._under_way.clear()
        self.health = msgspec.structs.replace(self.health, again=self.health.again + again)
        stop.wait(self._retry_s)
        return max(0, first - 1)

    def _trouble(self, why: str) -> None:
        if why != self.health.trouble:
            log.warning("nothing goes to the bus: %s", why)
        self.health = msgspec.structs.replace(self.health, trouble=why)
