"""Fakes that behave: an intake that keeps what it is given, and a source running in a thread of its own."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from edge.source import Source, SourceError
from wire.messages import Event, Refused
from wire.ports import Arrival, FullError, Row

_E = TypeVar("_E")
DEADLINE_S = 10.0


def until(condition: Callable[[], bool], *, what: str = "") -> None:
    """Wait for a condition with a deadline."""
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, f"waited {DEADLINE_S:g} s in vain: {what}"
        time.sleep(0.002)


class KeepingIntake:
    """Keeps arrivals; refuses while `full`. With `commits`, receipts are done at once, as if on disk."""

    def __init__(self, *, commits: bool = True) -> None:
        self.arrivals: list[Arrival] = []
        self.full = False
        self.refusals = 0
        self._commits = commits

    def put(self, arrival: Arrival) -> None:
        if self.full:
            self.refusals += 1
            raise FullError(0.01)
        self.arrivals.append(arrival)
        if self._commits and arrival.receipt is not None:
            arrival.receipt.done()

    @property
    def rows(self) -> list[Row]:
        return [row for arrival in self.arrivals for row in arrival.rows]

    @property
    def events(self) -> list[Event]:
        return [event for arrival in self.arrivals for event in arrival.events]

    def of(self, kind: type[_E]) -> list[_E]:
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def refused(self) -> int:
        return sum(event.count for event in self.of(Refused))


class Running:
    """A source under way."""

    def __init__(self, source: Source, intake: KeepingIntake) -> None:
        self.intake = intake
        self.stop = threading.Event()
        self.said: list[str] = []
        self.error: BaseException | None = None
        self._source = source
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        try:
            self._source.run(self.intake, self.stop, self.said.append)
        except BaseException as error:  # noqa: BLE001  the test judges what it was
            self.error = error

    def ended(self) -> BaseException | None:
        self.thread.join(DEADLINE_S)
        assert not self.thread.is_alive()
        return self.error


@contextmanager
def running(source: Source, intake: KeepingIntake, *, connected: bool = True) -> Iterator[Running]:
    """Run a source in a thread until the block ends; a lost line is an error only if the block did not expect it."""
    run = Running(source, intake)
    run.thread.start()
    try:
        if connected:
            until(lambda: bool(run.said) or run.error is not None, what="connected")
            if run.error is not None:
                raise run.error
        yield run
    finally:
        run.stop.set()
        run.thread.join(DEADLINE_S)
    assert not run.thread.is_alive()
    assert run.error is None or isinstance(run.error, SourceError), run.error
