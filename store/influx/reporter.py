"""What the sink writes at wall time: alarms that stand, and how it is doing itself."""

import logging
import threading
import time
from collections.abc import Callable, Mapping

from store.influx.board import Board
from store.influx.client import InfluxClient
from store.influx.errors import InfluxError, InfluxRefusedError
from store.influx.health import SinkHealth
from store.influx.lines import Lines
from store.influx.sink import Feeds
from store.influx.table import CHANNELS_S, REPORT_S, REWRITE_S
from wire.messages import NS_PER_S
from wire.ports import BusError

READ, WAIT_S = 500, 0.5
AGAIN_S = 5.0
ROLE = "sink"

log = logging.getLogger(__name__)
Others = Mapping[tuple[str, str], Mapping[str, float]]


class Reporter:
    """Reads all alarms from their beginning in a group of its own, and writes beside the sink.

    `lag` asks the bus how many records the sink's group is behind, `others` for figures of other roles that only the
    bus can tell, by role and instance; both may raise BusError. `channels` gives the lines about channels at a time.
    """

    def __init__(
        self,
        client: InfluxClient,
        *,
        alarms: Feeds,
        lag: Callable[[], float],
        health: SinkHealth,
        others: Callable[[], Others] = dict,
        channels: Callable[[Lines, int], bytes] = lambda _lines, _at_ns: b"",
        site: str,
        instance: str,
        rewrite_s: float = REWRITE_S,
        report_s: float = REPORT_S,
        channels_s: float = CHANNELS_S,
    ) -> None:
        self._client = client
        self._alarms = alarms
        self._lag = lag
        self._health = health
        self._others = others
        self._channels = channels
        self._lines = Lines(site)
        self._instance = instance
        self._rewrite_s, self._report_s, self._channels_s = rewrite_s, report_s, channels_s
        self._board = Board()
        self._stretch, self._again = 0, 0.0
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
        reported = named = -float("inf")
        with self._alarms() as feed:
            while not stop.is_set():
                records = feed.read(limit=READ, wait_s=WAIT_S)
                for record in records:
                    self._board.absorb(record, now_ns=time.time_ns())
                self._health.active_alarms = len(self._board)
                now = time.monotonic()
                if len(records) < READ and now >= self._again:  # a full read may not have seen the newest of each
                    self._rewrite(now)
                if now - reported >= self._report_s:
                    reported = now
                    self._write(self._figures(running=True) + self._of_others())
                if now - named >= self._channels_s:
                    named = now
                    self._write(self._channels(self._lines, time.time_ns()))

    def _rewrite(self, now: float) -> None:
        """Write all alarms once in each stretch of wall time, and what changed at once.

        The beginning of the stretch is their time: sinks beside each other write the same points.
        """
        every_ns = int(self._rewrite_s * NS_PER_S)
        stretch = time.time_ns() // every_ns
        whole = stretch != self._stretch
        if not (whole or self._board.changed):
            return
        if self._write(self._board.lines(self._lines, at_ns=stretch * every_ns, whole=whole)):
            self._board.written()
            self._stretch = stretch
        else:
            self._again = now + AGAIN_S

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

    def _of_others(self) -> bytes:
        try:
            told = self._others()
        except BusError as error:
            log.warning("%s", error)
            return b""
        at_ns = time.time_ns()
        return b"".join(
            self._lines.pipeline(role=role, instance=instance, figures=figures, at_ns=at_ns)
            for (role, instance), figures in told.items()
        )

    def _write(self, lines: bytes) -> bool:
        """Write once; false if the same may go through later. What stands in the way is told by the sink as well."""
        try:
            self._client.write(lines)
        except InfluxRefusedError as error:
            log.warning("%s", error)
        except InfluxError as error:
            log.debug("%s", error)
            self._health.tell(str(error))  # with nothing on the bus nobody else would notice
            return False
        self._health.tell("")
        return True
