"""The one poller: looks at the store twice a second and tells every listener; no page or client asks by itself."""

import asyncio
import logging
import secrets
import time
from collections import deque

import msgspec

from dashboards.console.desk import Desk
from dashboards.console.snapshot import Change, Seen, Snapshot, changes, gone, loudness
from wire.messages import NS_PER_S, AlarmState

log = logging.getLogger(__name__)

EVERY_S = 0.5
SLOW_EVERY = 4  # counts, sources and losses are looked at every fourth time
KEPT = 1000  # told changes a client may resume from
QUEUE_MAX = 256  # changes waiting for one client; a slower one is dropped and may resume
CLIENTS_MAX = 100
BEHIND_NS = 600 * NS_PER_S  # edges' clocks may lag each other by this much in one query
RATE_LOOKS = 30


class Told(msgspec.Struct, frozen=True):
    """A change with its place in what this process told."""

    seq: int
    change: Change


class Listener:
    """One client's bounded queue."""

    def __init__(self) -> None:
        """An open, empty queue."""
        self.queue: asyncio.Queue[Told | None] = asyncio.Queue(QUEUE_MAX)
        self.open = True

    def tell(self, told: Told) -> None:
        """Hand over a change; a full queue closes the listener instead of growing."""
        try:
            self.queue.put_nowait(told)
        except asyncio.QueueFull:
            self.open = False

    def close(self) -> None:
        """Wake the client for the last time."""
        self.open = False
        if not self.queue.full():
            self.queue.put_nowait(None)


class Hub:
    """The latest snapshot, the changes kept for resuming, and the listeners."""

    def __init__(self, desk: Desk, *, patience_s: float = 5.0) -> None:
        """Nothing has been looked at yet; a look that takes longer than `patience_s` is said to watchers."""
        self._patience_s = patience_s
        self.boot = secrets.token_hex(4)
        self.snapshot = Snapshot()
        self.looked_s = time.monotonic()  # when a look last succeeded
        self.kept: deque[Told] = deque(maxlen=KEPT)
        self.seq = 0
        self._desk = desk
        self._seen = Seen()
        self._listeners: set[Listener] = set()
        self._rates: deque[tuple[float, int]] = deque(maxlen=RATE_LOOKS)
        self._looks = 0

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(EVERY_S)

    async def look(self) -> None:
        """Look once and tell what changed."""
        first, failing = self._looks == 0, bool(self.snapshot.error)
        try:
            asked = asyncio.ensure_future(self._desk.ask(self._view))
            if not (await asyncio.wait({asked}, timeout=self._patience_s))[0]:
                self._complain(f"The store has not answered for {self._patience_s:g} s.")
            snapshot = await asked
        except Exception as error:  # the loop's outermost frame: the page must live on to say what is wrong
            if not failing:
                log.exception("the store cannot be read")
            self._complain(f"The store cannot be read ({type(error).__name__}: {error}).")
            return
        self.snapshot, self.looked_s = snapshot, time.monotonic()
        self._seen, news = changes(self._seen, snapshot)
        for change in () if first else news:
            self._tell(change)

    @property
    def listeners(self) -> int:
        """How many listen."""
        return len(self._listeners)

    @property
    def crowded(self) -> bool:
        """Whether there are as many listeners as can be served."""
        return len(self._listeners) >= CLIENTS_MAX

    def join(self, listener: Listener) -> None:
        """Tell a listener everything from here on."""
        self._listeners.add(listener)

    def leave(self, listener: Listener) -> None:
        """Forget a listener."""
        self._listeners.discard(listener)

    def since(self, boot: str, seq: int) -> list[Told] | None:
        """What was told after `seq`, or None when this process does not know that any more."""
        if boot != self.boot or seq > self.seq or (self.kept and seq < self.kept[0].seq - 1):
            return None
        return [told for told in self.kept if told.seq > seq]

    def close(self) -> None:
        """Send every listener home."""
        for listener in self._listeners:
            listener.close()

    def _complain(self, said: str) -> None:
        self.snapshot = msgspec.structs.replace(self.snapshot, at_ns=self._desk.now_ns(), error=said)

    def _tell(self, change: Change) -> None:
        self.seq += 1
        told = Told(seq=self.seq, change=change)
        self.kept.append(told)
        for listener in self._listeners:
            listener.tell(told)

    def _view(self) -> Snapshot:
        reader, before = self._desk.reader, self.snapshot
        newest = max((alarm.changed_ns for alarm in before.recent), default=0)
        recent = reader.alarms(since_ns=max(0, newest - BEHIND_NS), limit=200)
        standing = {a.id: a for a in reader.alarms(active=True)}
        over = [state for key in gone(self._seen, list(standing.values())) for state in reader.history(key)[-1:]]
        # An acknowledged alarm needs nobody, yet its condition stands: it stays in view until it returns.
        standing |= {a.id: a for a in over if a.state != AlarmState.NORMAL}
        look = Snapshot(
            at_ns=self._desk.now_ns(),
            devices=reader.devices(),
            alarms=sorted(standing.values(), key=loudness),
            recent=[*recent, *over],
            sources=before.sources,
            gaps=before.gaps,
            dead=before.dead,
            accounts=before.accounts,
            rows_per_s=before.rows_per_s,
            status=self._desk.status(),
        )
        self._looks += 1
        return look if self._looks % SLOW_EVERY != 1 else self._counted(look)

    def _counted(self, look: Snapshot) -> Snapshot:
        reader = self._desk.reader
        accounts = reader.accounts()
        if accounts:
            self._rates.append((time.monotonic(), sum(account.stored for account in accounts)))
        (t0, n0), (t1, n1) = (self._rates[0], self._rates[-1]) if self._rates else ((0.0, 0), (0.0, 0))
        return msgspec.structs.replace(
            look,
            sources=reader.sources(),
            gaps=reader.gaps(limit=200),
            dead=reader.dead(limit=100),
            accounts=accounts,
            rows_per_s=(n1 - n0) / (t1 - t0) if t1 > t0 else None,
        )
