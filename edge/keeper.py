"""Keeping one source running: start-up policy, back-off, and telling what state it is in; knows no kind of source."""

import logging
import random
import threading
from collections.abc import Callable, Iterator

from edge.backoff import delays_s
from edge.source import Source, SourceError
from wire.config import OnStart
from wire.messages import SourceState, SourceStatus
from wire.ports import Arrival, FullError, Intake

RETRY_CAP_S = 15.0  # a person who plugs a cable in again waits no longer than this

logger = logging.getLogger(__name__)


class Keeper:
    """Runs a source again and again until told to stop, or until its policy says that it cannot start.

    Is itself the intake of its source. The back-off begins anew once something arrived, not when a line merely
    opened: a broker that accepts and hangs up at once is not knocked at in a loop.
    """

    def __init__(
        self,
        source: Source,
        *,
        on_start: OnStart,
        intake: Intake,
        stop: threading.Event,
        rng: random.Random,
        failed: Callable[[str], None],
    ) -> None:
        self._source = source
        self._on_start = on_start
        self._intake = intake
        self._stop = stop
        self._rng = rng
        self._failed = failed
        self._was_connected = False
        self._has_flowed = False
        self._told: tuple[SourceStatus, str] | None = None

    def put(self, arrival: Arrival) -> None:
        """See wire.ports.Intake."""
        self._intake.put(arrival)
        self._has_flowed = True

    def run(self) -> None:
        """Keep the source running; returns when it ended, was stopped or was given up."""
        self._tell(SourceStatus.STARTING)
        delays = self._delays()
        while (trouble := self._attempt()) and not self._stop.is_set():
            if not self._was_connected and self._on_start is not OnStart.RETRY:
                self._give_up(trouble)
                return
            self._tell(SourceStatus.RETRYING, trouble)
            if self._has_flowed:
                delays, self._has_flowed = self._delays(), False
            if self._stop.wait(next(delays)):
                break
        self._tell(SourceStatus.STOPPED if self._stop.is_set() else SourceStatus.ENDED)

    def _attempt(self) -> str:
        """Run the source once: why it broke off, or nothing."""
        try:
            self._source.run(self, self._stop, self._connected)
        except SourceError as error:
            return str(error)
        except Exception as error:
            logger.exception("source %s failed in a way that it does not know", self._source.name)
            return f"{self._source.name} failed unexpectedly ({type(error).__name__}: {error}); see the program's log"
        return ""

    def _connected(self, detail: str) -> None:
        self._was_connected = True
        self._tell(SourceStatus.CONNECTED, detail)

    def _give_up(self, trouble: str) -> None:
        self._tell(SourceStatus.FAILED, trouble)
        if self._on_start is OnStart.FAIL:
            self._failed(f"source {self._source.name} could not start: {trouble}")

    def _delays(self) -> Iterator[float]:
        return delays_s(self._rng, cap_s=RETRY_CAP_S)

    def _tell(self, state: SourceStatus, detail: str = "") -> None:
        if self._told == (state, detail):
            return
        self._told = (state, detail)
        level = logging.WARNING if state in {SourceStatus.RETRYING, SourceStatus.FAILED} else logging.INFO
        logger.log(level, "source %s is %s%s", self._source.name, state, f": {detail}" if detail else "")
        arrival = Arrival(self._source.name, events=(SourceState(self._source.name, state, detail),))
        while True:
            try:
                self._intake.put(arrival)
            except FullError as full:
                if self._stop.wait(full.retry_after_s):
                    return
            else:
                return
