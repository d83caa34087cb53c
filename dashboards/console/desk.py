"""What the routes and pages are handed: the ports, the site, and one bounded pool for questions to the store."""

import asyncio
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

import msgspec

from dashboards.console.bench import Bench
from models.catalogue.catalogued import Catalogued
from models.registry.folder import Registry
from store.port import Reader
from wire.config import DeviceRule, Procedure
from wire.ports import Inbox

if TYPE_CHECKING:
    from dashboards.console.procedures import Procedures

_Answer = TypeVar("_Answer")
WORKERS = 4


class BoxStatus(msgspec.Struct, frozen=True):
    """What the running box, or what is known of the fleet's roles, says of itself; None = it cannot tell."""

    log_room_h: float | None = None  # hours until the input log is full at the present rate
    log_bytes: int | None = None
    lag_s: float | None = None  # age of the oldest input that is not yet stored
    backlog: int | None = None  # inputs not yet stored
    stalled: str = ""  # a sentence when the runner does not get on; empty = it does
    fleet: bool = False  # no input log here, and nobody counts by edge
    models: Mapping[str, str] = {}  # those that are not put to work as the registry says, and why
    kept: Mapping[str, str] = {}  # by model: what rings, what was trained last, what is waited for
    notes: tuple[str, ...] = ()  # anything else a person should know, one sentence each


Status = Callable[[], BoxStatus]


def _no_procedure(name: str) -> Procedure:
    return Procedure(match=name)


def _no_rule(name: str) -> DeviceRule:
    return DeviceRule(match=name)


class Desk:
    """The ports and facts of one console; opens nothing until it is asked."""

    def __init__(
        self,
        reader: Reader,
        inbox: Inbox,
        *,
        site: str = "site",
        status: Status = BoxStatus,
        rule_of: Callable[[str], DeviceRule] = _no_rule,
        now_ns: Callable[[], int] = time.time_ns,
        models: Registry | None = None,
        catalogue: Catalogued | None = None,
        procedure_of: Callable[[str], Procedure] = _no_procedure,
        bench: Bench | None = None,
    ) -> None:
        """Keep what was injected."""
        self.reader = reader
        self.inbox = inbox
        self.site = site
        self.status = status
        self.rule_of = rule_of
        self.now_ns = now_ns
        self.models = models
        self.catalogue = catalogue
        self.procedure_of = procedure_of
        self.bench = bench
        self._pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="console")

    @cached_property
    def procedures(self) -> "Procedures":
        """What is known of test procedures, looked at once for all who ask."""
        from dashboards.console.procedures import Procedures  # noqa: PLC0415 -- loads numbers; sensors first

        return Procedures(self.reader, self.procedure_of)

    async def ask(self, question: Callable[[], _Answer]) -> _Answer:
        """A blocking question, asked off the event loop; at most WORKERS at once, the rest waits in line."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, question)

    def close(self) -> None:
        """Let go of the threads; a question under way ends by itself."""
        self._pool.shutdown(wait=False, cancel_futures=True)
