"""How far long work is: a bar on a terminal, plain lines elsewhere; always on stderr, so that results stay clean."""

import sys
import time
from collections.abc import Callable
from typing import TextIO

EVERY_S = 10.0  # between two lines where nobody watches
WIDTH = 30
LINE = 118


class Progress:
    """Says what is done of so many; `say` is called with the number done and a few words."""

    def __init__(self, what: str, *, out: TextIO | None = None, clock_s: Callable[[], float] = time.monotonic) -> None:
        """Nothing is said yet."""
        self._what = what
        self._out = out or sys.stderr
        self._clock_s = clock_s
        self._next_s = 0.0
        self._bar = self._out.isatty()

    def say(self, done: int, of: int, words: str = "") -> None:
        """Tell; where nobody watches only every ten seconds, and at the end."""
        now_s = self._clock_s()
        if self._bar:
            filled = WIDTH * done // max(1, of)
            line = f"{self._what} [{'#' * filled}{'-' * (WIDTH - filled)}] {done}/{of} {words}"
            self._out.write(f"\r{line[:LINE]:<{LINE}}" + ("\n" if done >= of else ""))
        elif done >= of or now_s >= self._next_s:
            self._next_s = now_s + EVERY_S
            self._out.write(f"{self._what}: {done} of {of} {words}".rstrip() + "\n")
        self._out.flush()
