"""A thread that says a machine's rows when they are due; knows neither ports nor brokers."""

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from types import TracebackType
from typing import Self

from simulators.rows import Block, Machine

_NS_PER_S = 1_000_000_000
_BURST_NS = 20_000_000  # rows closer together than this leave in one burst
_FAST_ROWS = 256


class Speaker(ABC):
    """Says rows from the moment it is entered until it is left, or until `rows` are said.

    By the wall clock a row is said when its time has come, and what fell behind follows at once; `fast` waits for
    nothing. `clock_ns` and `wait` (seconds; true = stop) may be replaced to say a day in no time.
    """

    def __init__(
        self,
        machine: Machine,
        *,
        every_ns: int,
        fast: bool = False,
        rows: int | None = None,
        start_ns: int | None = None,
        clock_ns: Callable[[], int] = time.time_ns,
        wait: Callable[[float], bool] | None = None,
    ) -> None:
        if every_ns < 1:
            msg = f"every_ns must be positive, got {every_ns}"
            raise ValueError(msg)
        self.machine = machine
        self.produced = 0  # rows said
        self._every_ns = every_ns
        self._fast = fast
        self._rows = rows
        self._start_ns = start_ns
        self._clock_ns = clock_ns
        self._stop = threading.Event()
        self._wait = self._stop.wait if wait is None else wait
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name=f"say-{machine.device}", daemon=True)

    def __enter__(self) -> Self:
        """Open the line and begin."""
        self._open()
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None) -> None:
        """Stop, close the line, and raise what went wrong meanwhile."""
        self._stop.set()
        self._thread.join()
        self._close()
        if self._failure is not None and kind is None:
            raise self._failure

    def hush(self) -> None:
        """Say no more, but leave the line open for those who still read."""
        self._stop.set()
        self._thread.join()

    def finished(self, timeout_s: float) -> bool:
        """Wait until every row is said and delivered; false if that took longer."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    @abstractmethod
    def _open(self) -> None:
        """Open the line."""

    @abstractmethod
    def _close(self) -> None:
        """Close the line."""

    @abstractmethod
    def _say(self, block: Block, at_ns: int) -> None:
        """Say the rows of a block whose first grid time is `at_ns` by the true clock; it may be empty."""

    def _settle(self) -> None:  # noqa: B027 - most lines have nothing to wait for
        """Wait until what was said has arrived, or until stopped."""

    def _run(self) -> None:
        try:
            self._speak()
            self._settle()
        except Exception as failure:  # noqa: BLE001 - outermost frame of the thread; raised again on leaving
            self._failure = failure

    def _speak(self) -> None:
        start_ns = self._clock_ns() if self._start_ns is None else self._start_ns
        burst = _FAST_ROWS if self._fast else max(1, _BURST_NS // self._every_ns)
        end_ns = None if self._rows is None else start_ns + self._rows * self._every_ns
        blocks = self.machine.blocks(start_ns=start_ns, every_ns=self._every_ns, block=burst, end_ns=end_ns)
        at_ns = start_ns
        for block in blocks:
            if self._stopped_before(at_ns + (burst - 1) * self._every_ns):
                return
            self._say(block, at_ns)
            at_ns += burst * self._every_ns

    def _stopped_before(self, due_ns: int) -> bool:
        while not self._fast and (left_ns := due_ns - self._clock_ns()) > 0:
            if self._wait(min(left_ns / _NS_PER_S, 1.0)):
                return True
        return self._stop.is_set()
