"""Keeps the alarms of a fleet as its bus tells them: the whole topic at first, and every change from then on."""

import logging
import threading
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager

from store.influx.reading.book import Book
from wire.ports import BusError, Feed, Record

READ, WAIT_S = 500, 0.1
AGAIN_S = 2.0

log = logging.getLogger(__name__)


class AlarmWatch:
    """Follows the topic of alarms in a group of its own, and commits nothing.

    `history` gives what is on the topic now, `feeds` opens it from its beginning. Whenever it is opened again, what is
    known is read anew as well, so that a topic made anew counts.
    """

    def __init__(
        self, *, history: Callable[[], Iterable[Record]], feeds: Callable[[], AbstractContextManager[Feed]]
    ) -> None:
        self._history = history
        self._feeds = feeds
        self._ends: dict[int, int] = {}
        self.book = Book()
        self.trouble = ""  # why nothing new is heard
        self.failure = ""  # why it ended

    def load(self) -> None:
        """Read what is there. Raises BusError."""
        book, ends = Book(), dict[int, int]()
        for record in self._history():
            book.absorb(record)
            ends[record.partition] = record.offset
        self.book, self._ends = book, ends

    def run(self, stop: threading.Event) -> None:
        """Follow until told to stop; `load` came before."""
        try:
            self._run(stop)
        except Exception as error:
            log.exception("alarms are no longer followed")
            self.failure = str(error) or type(error).__name__

    def _run(self, stop: threading.Event) -> None:
        while not stop.is_set():
            try:
                with self._feeds() as feed:
                    while not stop.is_set():
                        self._take(feed.read(limit=READ, wait_s=WAIT_S))
                        self.trouble = ""
            except BusError as error:
                self._troubled(str(error))
                while not (stop.wait(AGAIN_S) or self._again()):
                    pass

    def _take(self, records: Iterable[Record]) -> None:
        for record in records:
            if record.offset > self._ends.get(record.partition, -1):
                self.book.absorb(record)

    def _again(self) -> bool:
        """Read what is there anew; else what a new topic holds would be taken for old."""
        try:
            self.load()
        except BusError as error:
            self._troubled(str(error))
            return False
        return True

    def _troubled(self, why: str) -> None:
        if why != self.trouble:
            log.warning("alarms are not heard: %s", why)
        self.trouble = why
