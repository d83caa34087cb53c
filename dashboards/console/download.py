"""Whole stretches of a device as a file: written by the store, sent, and deleted."""

import re
import tempfile
import threading
from pathlib import Path
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from msgspec.structs import replace
from starlette.background import BackgroundTask
from starlette.responses import FileResponse

from dashboards.console.desk import Desk
from dashboards.console.problem import Problem
from dashboards.console.series import LATEST_NS, find
from dashboards.console.when import moment
from models.catalogue.entries import Moved
from models.catalogue.ledger import digest_of

AT_ONCE = 2
TYPES = {"csv": "text/csv", "parquet": "application/vnd.apache.parquet"}


class Slots:
    """How many downloads may be under way; a further one is refused, not queued."""

    def __init__(self, count: int = AT_ONCE) -> None:
        """All free."""
        self._free = threading.BoundedSemaphore(count)

    def take(self) -> None:
        """Take one. Raises Problem when none is free."""
        if not self._free.acquire(blocking=False):
            raise Problem(503, "Other downloads are still under way.", remedy="Try again in a minute.")

    def give(self) -> None:
        """Give it back."""
        self._free.release()


def file_name(device: str, form: str) -> str:
    """A harmless file name for whatever a device is called.

    >>> file_name("../../pump 1", "csv")
    'pump_1.csv'
    """
    return f"{re.sub(r'[^A-Za-z0-9_-]+', '_', device).strip('_') or 'device'}.{form}"


def router(desk: Desk) -> APIRouter:
    """The route to a device's file."""
    routes, slots = APIRouter(tags=["series"]), Slots()

    @routes.get(
        "/devices/{device:path}/export",
        response_class=FileResponse,
        responses={200: {"content": {kind: {} for kind in TYPES.values()}}},
    )
    def export(
        *,
        device: str,
        form: Annotated[Literal["csv", "parquet"], Query(alias="format")] = "csv",
        start: Annotated[str, Query(description="ISO 8601 or ns; default: the first row")] = "",
        end: Annotated[str, Query(description="ISO 8601 or ns, exclusive; default: the newest row")] = "",
        name: Annotated[str, Query(description="what the file is called where it goes")] = "",
        noted: Annotated[bool, Query(description="whether the catalogue remembers the file")] = True,
    ) -> FileResponse:
        """Every row of a device, column `time` (ISO 8601 UTC, ns) first, as a file."""
        known = find(desk, device)
        start_ns, end_ns = moment(start, "start", 0), moment(end, "end", LATEST_NS)
        slots.take()
        folder = tempfile.TemporaryDirectory(prefix="tocsin-export-")
        path = Path(folder.name) / f"rows.{form}"

        def done() -> None:
            folder.cleanup()
            slots.give()

        try:
            rows = desk.reader.export(device, path, form=form, start_ns=start_ns, end_ns=end_ns)
            if noted and desk.catalogue is not None:
                from_ns, to_ns = max(start_ns, known.first_ns), min(end_ns - 1, known.last_ns)
                moved = Moved("exported", name or file_name(device, form), digest_of(path), rows, desk.now_ns())
                desk.catalogue.note(replace(moved, device=device, from_ns=from_ns, to_ns=to_ns))
        except BaseException:
            done()
            raise
        return FileResponse(
            path,
            media_type=TYPES[form],
            filename=file_name(device, form),
            headers={"X-Rows": str(rows)},
            background=BackgroundTask(done),
        )

    return routes
