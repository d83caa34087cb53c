"""Advice on its way back to the benches: to whoever waits for it, and to the source that brought its step."""

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Protocol, runtime_checkable

from wire.messages import Advice

LATE_S = 1.0  # no answer means go on: what comes later than this is told to no one
MOST_ASKED = 10_000  # steps of which a source remembers for so long where they came from
MOST_TOLD = 1_000  # advice that one source still has to send
MOST_WAITS = 1_000


@runtime_checkable
class Answering(Protocol):
    """A source that can speak to its benches."""

    name: str

    def answer(self, advice: Advice) -> None:
        """Send advice back the way its step came, soon; from any thread, and never waits."""


class Questions:
    """Which steps a source brought a moment ago, and the advice that it has to send for them.

    Advice for a step that no one asked about, or asked about more than LATE_S ago, is dropped, and so is the oldest
    where more than MOST_TOLD wait to be sent: a bench without an answer goes on.
    """

    def __init__(self, *, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        self._monotonic_s = monotonic_s
        self._lock = threading.Lock()
        self._asked: OrderedDict[tuple[str, str], tuple[float, str]] = OrderedDict()
        self._told: deque[tuple[float, str, Advice]] = deque(maxlen=MOST_TOLD)

    def ask(self, run: str, step: str, where: str = "") -> None:
        """A step has just ended; its advice goes to `where`."""
        now_s = self._monotonic_s()
        with self._lock:
            self._asked[run, step] = (now_s, where)
            self._asked.move_to_end((run, step))
            while len(self._asked) > MOST_ASKED or next(iter(self._asked.values()))[0] < now_s - LATE_S:
                self._asked.popitem(last=False)

    def tell(self, advice: Advice) -> bool:
        """Take advice to be sent; False if no one asked in time."""
        now_s = self._monotonic_s()
        with self._lock:
            asked_s, where = self._asked.pop((advice.run, advice.step), (-LATE_S, ""))
            if now_s - asked_s >= LATE_S:
                return False
            self._told.append((asked_s, where, advice))
        return True

    def take(self) -> list[tuple[str, Advice]]:
        """What is to be sent now, and where; what has become late meanwhile is dropped."""
        now_s = self._monotonic_s()
        with self._lock:
            told = [(where, advice) for asked_s, where, advice in self._told if now_s - asked_s < LATE_S]
            self._told.clear()
        return told


class Wait:
    """One advice that somebody waits for."""

    def __init__(self) -> None:
        self._come = threading.Event()
        self._advice: Advice | None = None

    def wait(self, timeout_s: float) -> Advice | None:
        """The advice, or None where it did not come in time."""
        return self._advice if self._come.wait(timeout_s) else None

    def take(self, advice: Advice) -> None:
        """It has come."""
        self._advice = advice
        self._come.set()


class WaysBack:
    """All ways back of one edge; at most MOST_WAITS wait here at once, and the next ones get no answer."""

    def __init__(self, sources: Sequence[Answering] = ()) -> None:
        self._sources: Mapping[str, Answering] = {source.name: source for source in sources}
        self._lock = threading.Lock()
        self._waits: dict[tuple[str, str], list[Wait]] = {}
        self._count = 0

    @contextmanager
    def expect(self, run: str, step: str) -> Iterator[Wait]:
        """Expect the advice after a step from here on; all that wait for the same get it."""
        wait = Wait()
        with self._lock:
            listening = self._count < MOST_WAITS
            if listening:
                self._count += 1
                self._waits.setdefault((run, step), []).append(wait)
        try:
            yield wait
        finally:
            if listening:
                self._leave((run, step), wait)

    def give(self, advice: Sequence[Advice]) -> None:
        """Pass advice on, each the way its run's events came; never waits and never fails.

        What a candidate thinks goes no way back.
        """
        for one in advice:
            if one.role != "champion":
                continue
            with self._lock:
                waits = tuple(self._waits.get((one.run, one.step), ()))
            for wait in waits:
                wait.take(one)
            source = self._sources.get(one.source)
            if source is not None:
                source.answer(one)

    def _leave(self, at: tuple[str, str], wait: Wait) -> None:
        with self._lock:
            self._count -= 1
            left = [other for other in self._waits[at] if other is not wait]
            if left:
                self._waits[at] = left
            else:
                del self._waits[at]
