"""Asking one site's part of a bucket; while InfluxDB is away it is tried now and then, and everybody is told so."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from store.influx.client import Series
from store.influx.errors import InfluxError, InfluxRefusedError
from store.influx.reading.names import text
from store.influx.table import SITE, Measurement, shown
from store.port import StoreAwayError

AGAIN_S = 2.0
_FIRST_NS, _LAST_NS = 0, 2**63 - 2  # the times that InfluxQL can say, from 1970 on

log = logging.getLogger(__name__)


class Queries(Protocol):
    """What answers InfluxQL; times are integer nanoseconds."""

    def query(self, text: str) -> list[Series]:
        """The series of all statements one after another. Raises InfluxError."""


class Asking:
    """Puts questions, from any thread. Raises StoreAwayError where no answer can be had just now.

    After a failure nobody waits for the next one: for two seconds all are told what the first one heard.
    """

    def __init__(self, client: Queries, *, site: str, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._site = shown(site)
        self._clock_s = clock_s
        self._lock = threading.Lock()
        self._again_s = 0.0
        self.trouble = ""  # why there are no answers

    def ask(self, statements: Sequence[str]) -> list[Series]:
        """The series that answer some statements, in order; a statement without an answer has none."""
        self._admit()
        try:
            found = self._client.query("; ".join(statements)) if statements else []
        except InfluxRefusedError:
            raise
        except InfluxError as error:
            raise self._away(error) from error
        if self.trouble:
            log.info("InfluxDB answers again")
        self.trouble = ""
        return found

    def of(self, measurement: Measurement, *conditions: str) -> str:
        """The end of a statement that reads this site's part of a measurement."""
        mine = [f'"{SITE}" = {text(self._site)}'] if self._site else []
        return f'FROM "{measurement.name}" WHERE {" AND ".join([*mine, *conditions] or ["time > 0"])}'

    def names(self, measurement: Measurement, tag: str) -> str:
        """The statement for all values of a tag at this site."""
        mine = f' WHERE "{SITE}" = {text(self._site)}' if self._site else ""
        return f'SHOW TAG VALUES FROM "{measurement.name}" WITH KEY = "{tag}"{mine}'

    def _admit(self) -> None:
        with self._lock:
            if not self.trouble:
                return
            now_s = self._clock_s()
            if now_s < self._again_s:
                raise StoreAwayError(self.trouble)
            self._again_s = now_s + AGAIN_S  # one tries, the others do not wait for it

    def _away(self, error: InfluxError) -> StoreAwayError:
        with self._lock:
            if not self.trouble:
                log.warning("%s", error)
            self.trouble = str(error)
            self._again_s = self._clock_s() + AGAIN_S
        return StoreAwayError(str(error))


def between(start_ns: int, end_ns: int) -> str:
    """The condition that a time is in [start, end)."""
    return f"time >= {max(start_ns, _FIRST_NS)} AND time < {min(max(end_ns, _FIRST_NS), _LAST_NS)}"


def number(value: object, default: float = 0.0) -> float:
    """A field that is a number, as one."""
    return float(value) if isinstance(value, int | float) else default


def moment(value: object) -> int:
    """A time in ns, to the last of them."""
    return value if isinstance(value, int) else 0


def word(value: object) -> str:
    """A field or tag that is a text, as one; a missing one is empty."""
    return value if isinstance(value, str) else ""
