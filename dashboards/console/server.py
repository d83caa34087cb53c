"""The console, served over injected ports; loads the page only when it starts."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from dashboards.console.bench import Bench
from dashboards.console.desk import BoxStatus, Desk, Status
from dashboards.console.served import ConsoleError, ListenError, Served
from models.catalogue.catalogued import Catalogued
from models.registry.folder import Registry
from store.port import Reader
from wire.config import DeviceRule, Procedure
from wire.ports import Inbox, Intake, Waiting

if TYPE_CHECKING:
    import uvicorn

__all__ = ["Console", "ConsoleError", "ListenError"]


class Console(Served):
    """The API and the page of one site over injected ports.

    The page lives in NiceGUI's one app of the process: only one Console with `page=True` may serve at a time, another
    may follow when it has stopped. Consoles with `page=False` (the API alone) are as many as you like.
    Raises ConsoleError for an address other than loopback without a token of at least 16 characters.
    """

    def __init__(
        self,
        reader: Reader,
        inbox: Inbox,
        *,
        listen: str = "127.0.0.1:8765",
        token: str | None = None,
        site: str = "site",
        status: Status = BoxStatus,
        rule_of: Callable[[str], DeviceRule] | None = None,
        now_ns: Callable[[], int] = time.time_ns,
        models: Registry | None = None,
        catalogue: Catalogued | None = None,
        procedure_of: Callable[[str], Procedure] | None = None,
        intake: Intake | None = None,
        waiting: Waiting | None = None,
        page: bool = True,
        on_ready: Callable[[str], None] | None = None,
    ) -> None:
        """Check the arguments; nothing is opened."""
        rules = rule_of or (lambda name: DeviceRule(match=name))
        desk = Desk(
            reader,
            inbox,
            site=site,
            status=status,
            rule_of=rules,
            now_ns=now_ns,
            models=models,
            catalogue=catalogue,
            procedure_of=procedure_of or (lambda name: Procedure(match=name)),
            bench=Bench(intake, waiting) if intake is not None and waiting is not None else None,
        )

        def make(ready: Callable[[], None]) -> "uvicorn.Server":
            from dashboards.console.serving import make_server  # noqa: PLC0415 -- takes seconds; sensors first

            return make_server(desk, token=token, page=page, ready=ready)

        super().__init__(make, listen=listen, token=token, setting="console.listen", on_ready=on_ready)
