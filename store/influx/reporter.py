"""What the sink writes at wall time: alarms that stand, and how it is doing itself."""

import logging
import threading
import time
from collections.abc import Callable

from store.influx.board import Board
from store.influx.client import InfluxClient
from store.influx.errors import InfluxAwayError, InfluxError
from store.influx.health import SinkHealth
from store.influx.lines import Lines
from store.influx.sink import Feeds
from store.influx.table import REPORT_S, REWRITE_S
from wire.ports import BusError

READ, WAIT_S = 500, 0.5
ROLE = "sink"

log = logging.getLogger(__name__)


class Reporter:
    """Reads all alarms from their beginning in a group of its own, and writes beside the sink.

    `lag` asks the bus how many records the sink's group is behind; it may raise BusError.
    """

    def __init__(
        self,
        client: InfluxClient,
        *,
        alarms: Feeds,
        lag: Callable[[], float],
        health: SinkHealth,
        site: str,
        instance: str,
        rewrite_s: float = REWRITE_S,
        report_s: float = REPORT_S,
    ) -> None:
        self._client = client
        self._alarms = alarms
        self._lag = lag
        self._health = health
        self._lines = Lines(site)
        self._instance = instance
        self._rewrite_s, self._report_s = rewrite_s, report_s
        self._board = Board()
        self._before = (time.monotonic(), 0)

    def run(self, stop: threading.Event) -> None:
        """Report until `stop` is set."""
        try:
            self._run(stop)
        except Exception as error:
            log.exception("the sink's report cannot go on")
            self._health.failure = str(error) or type(error).__name__
        self._write(self._figures(running=False))

    def _run(self, stop: threading.Event) -> None:
        rewritten = reported = -float("inf")
        with self._alarms() as feed:
            while not stop.is_set():
                records = feed.read(limit=READ, wait_s=WAIT_S)
                for record in records:
                    self._board.absorb(record, now_ns=time.time_ns())
                self._health.active_alarms = len(self._board)
                now = time.monotonic()
                # A read that brought nothing has seen the newest state of each.
                if not records and (self._board.changed or now - rewritten >= self._rewrite_s):
                    rewritten = now
                    if self._write(self._board.lines(self._lines, now_ns=time.time_ns())):
                        self._board.written()
                if now - reported >= self._report_s:
                    reported = now
                    self._write(self._figures(running=True))

    def _figures(self, *, running: bool) -> bytes:
        then, before = self._before
        now, lines = time.monotonic(), self._health.lines
        self._before = (now, lines)
        figures = {
            "rows": float(lines),
            "rate": (lines - before) / max(now - then, 1e-3),
            "dead": float(self._health.dead),
            "running": float(running),
        }
        if running:
            try:
                self._health.lag = figures["lag"] = self._lag()
            except BusError as error:
                log.warning("%s", error)
        return self._lines.pipeline(role=ROLE, instance=self._instance, figures=figures, at_ns=time.time_ns())

    def _write(self, lines: bytes) -> bool:
        """Write once; while InfluxDB is away the next report says more anyway."""
        try:
            self._client.write(lines)
        except InfluxAwayError:
            return False
        except InfluxError as error:
            log.warning("%s", error)
            return False
        return True
