"""An edge of a fleet hears what is advised on its runs, and passes it back to the benches."""

import logging
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

from wire.envelope import unpack_outcome
from wire.messages import Advice
from wire.ports import BusError, Record, Returns

READ, WAIT_S, AGAIN_S = 100, 0.2, 2.0

log = logging.getLogger(__name__)


class Heard(Protocol):
    """Records as they come."""

    def read(self, *, limit: int, wait_s: float) -> list[Record]:
        """The next ones. Raises BusError."""


class AdviceWatch:
    """Hears until told to stop; while the bus is away benches go on unadvised, which is noted once."""

    def __init__(
        self,
        hear: Callable[[], AbstractContextManager[Heard]],
        returns: Returns,
        *,
        edge: str,
        again_s: float = AGAIN_S,
    ) -> None:
        self._again_s = again_s
        self._hear = hear
        self._returns = returns
        self._edge = edge
        self.trouble = ""
        self.told = 0

    def run(self, stop: threading.Event) -> None:
        """Pass advice on until `stop` is set."""
        while not stop.is_set():
            try:
                with self._hear() as heard:
                    while not stop.is_set():
                        self._pass_on(heard.read(limit=READ, wait_s=WAIT_S))
            except BusError as error:
                if str(error) != self.trouble:
                    log.info("benches get no advice: %s", error)
                self.trouble = str(error)
                stop.wait(self._again_s)

    def _pass_on(self, records: list[Record]) -> None:
        if records:
            self.trouble = ""
        said = [unpack_outcome(record.body) for record in records]
        advice = [one for one in said if isinstance(one, Advice) and one.edge == self._edge and one.role == "champion"]
        self._returns.give(advice)
        self.told += len(advice)
