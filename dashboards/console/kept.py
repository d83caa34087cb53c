"""One answer for all who ask: asked anew now and then, and never for more than a small share of the time."""

import math
import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

_Answer = TypeVar("_Answer")
SHARE = 20  # a question is not asked again for so many times as long as it took


class Kept(Generic[_Answer]):
    """The newest answer to a question, for any thread; who asks while it is being answered waits for that answer."""

    def __init__(
        self, ask: Callable[[], _Answer], *, every_s: float, clock_s: Callable[[], float] = time.monotonic
    ) -> None:
        """Nothing has been asked yet."""
        self._ask = ask
        self._every_s = every_s
        self._clock_s = clock_s
        self._lock = threading.Lock()
        self._answers: list[_Answer] = []
        self._due_s = -math.inf

    def get(self) -> _Answer:
        """The answer, at most so old. Raises what the question raises."""
        with self._lock:
            begun_s = self._clock_s()
            if begun_s >= self._due_s:
                self._answers = [self._ask()]
                now_s = self._clock_s()
                self._due_s = now_s + max(self._every_s, SHARE * (now_s - begun_s))
            return self._answers[0]

    def forget(self) -> None:
        """Ask anew next time."""
        with self._lock:
            self._due_s = -math.inf
