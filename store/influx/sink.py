"""The sink: records of the bus into InfluxDB, encoded beside the writing, committed only when they are stored.

What is read and not committed comes again and overwrites itself. At most four loads are under way, two of them on
their way to InfluxDB: two loads may be stored in the other order, which is seen by nobody, since no two messages
give one point different values.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager

from store.influx.client import InfluxClient
from store.influx.delivery import Delivery
from store.influx.health import SinkHealth
from store.influx.lines import Lines, Seen
from store.influx.load import Load
from store.influx.order import HoleError, Order
from wire.ports import BusError, Feed, Publisher, Record

READ, WAIT_S = 100, 0.1
WRITERS = 2  # so that InfluxDB has the next request when it has answered one
AHEAD = 4  # loads that are written or wait to be
COMMIT_S = 0.5

log = logging.getLogger(__name__)
Feeds = Callable[[], AbstractContextManager[Feed]]


class Sink:
    """Reads a group's records and stores them until it is told to end."""

    def __init__(self, client: InfluxClient, *, feeds: Feeds, publisher: Publisher, site: str) -> None:
        self._client = client
        self._feeds = feeds
        self._publisher = publisher
        self._lines = Lines(site)
        self.health = SinkHealth()

    def seen(self) -> list[Seen]:
        """The devices whose readings came through here."""
        return self._lines.seen()

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set. Raises BusError, and sets it, for a bus that will not be read."""
        delivery = Delivery(self._client, self._publisher, health=self.health, stop=stop)
        with ThreadPoolExecutor(WRITERS, "influx-writer") as pool:
            try:
                while not stop.is_set():
                    with self._feeds() as feed:
                        _Reading(feed, pool, delivery, lines=self._lines, health=self.health).until(stop)
            finally:
                stop.set()  # else the writer would go on trying


class _Reading:
    """One membership of the group: from joining it to leaving it."""

    def __init__(
        self, feed: Feed, pool: ThreadPoolExecutor, delivery: Delivery, *, lines: Lines, health: SinkHealth
    ) -> None:
        self._feed = feed
        self._pool = pool
        self._delivery = delivery
        self._lines = lines
        self._health = health
        self._order = Order()
        self._load = Load()
        self._under_way: deque[tuple[Load, Future[bool]]] = deque()
        self._done: dict[tuple[str, int], Record] = {}
        self._committed_s = 0.0

    def until(self, stop: threading.Event) -> None:
        """Read, store and commit until `stop` is set or records are missing."""
        try:
            while not stop.is_set():
                self._turn(stop)
        except HoleError as error:
            self._health.holes += 1
            log.warning("%s", error)
            self._submit(stop)
        while self._under_way:
            wait([self._under_way[0][1]])
            self._settle()
        self._commit()

    def _turn(self, stop: threading.Event) -> None:
        for record in self._feed.read(limit=READ, wait_s=WAIT_S):
            self._order.check(record)
            self._load.add(record, self._lines)
            if self._load.full:
                self._submit(stop)
        self._settle()
        if not self._under_way:
            self._submit(stop)
        patience_s = COMMIT_S if self._under_way else WAIT_S
        if time.monotonic() - self._committed_s > patience_s:
            self._commit()

    def _submit(self, stop: threading.Event) -> None:
        """Hand the load on, when there is room for it."""
        while len(self._under_way) >= AHEAD and not stop.is_set():
            wait([self._under_way[0][1]], timeout=WAIT_S)
            self._settle()
        load, self._load = self._load, Load()
        if load.records:
            self._under_way.append((load, self._pool.submit(self._delivery.deliver, load)))

    def _settle(self) -> None:
        """Note what is stored, in the order in which it was read."""
        while self._under_way and self._under_way[0][1].done():
            load, future = self._under_way.popleft()
            if not future.result():
                self._under_way.clear()  # told to end: what follows is not stored either
                return
            for record in load.records:
                self._done[record.topic, record.partition] = record

    def _commit(self) -> None:
        self._committed_s = time.monotonic()
        if not self._done:
            return
        try:
            self._feed.commit(list(self._done.values()))
            self._health.uncommitted = ""
        except BusError as error:
            log.warning("%s", error)
            self._health.uncommitted = str(error)
        self._done.clear()
