"""How the sink is doing, as its threads say."""

import threading


class SinkHealth:
    """Counts since the start, and why nothing is written just now."""

    def __init__(self) -> None:
        self.lines = 0  # stored
        self.requests = 0  # that stored something
        self.tries = 0  # in vain, to be made again
        self.unread = 0  # records that nobody can decode
        self.dead = 0  # dead letters that are on the bus
        self.lost_letters = 0  # lines about dead letters that were refused: counted, never a dead letter again
        self.expired = 0  # lines older than the bucket keeps
        self.holes = 0  # times that records did not come in order
        self.active_alarms = 0
        self.lag = 0.0  # records behind, at the last report
        self.uncommitted = ""  # why what is stored will come again
        self.failure = ""  # why a thread of it ended
        self._unmet = ""  # what was heard of InfluxDB before anything was written
        self._troubles: dict[int, str] = {}
        self._lock = threading.Lock()

    @property
    def trouble(self) -> str:
        """What stands in the way of a writer."""
        with self._lock:
            return next(iter(self._troubles.values()), self._unmet)

    def begin(self, trouble: str) -> None:
        """Say what stands in the way before there is any writer; it holds until something is written."""
        with self._lock:
            self._unmet = trouble

    def add(self, **counts: int) -> None:
        """Count, from any of several writers."""
        with self._lock:
            for name, count in counts.items():
                setattr(self, name, getattr(self, name) + count)

    def tell(self, trouble: str) -> bool:
        """Say what stands in the way of the writer that calls, "" for nothing; whether that is news."""
        with self._lock:
            before = self._troubles.pop(threading.get_ident(), "")
            news = trouble != before and trouble not in self._troubles.values()
            if trouble:
                self._troubles[threading.get_ident()] = trouble
            self._unmet = ""
            return news
