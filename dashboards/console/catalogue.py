"""What data there is and what was made from what, over HTTP; and the runs of a procedure as a file."""

import tempfile
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from fastapi import APIRouter, Query
from starlette.background import BackgroundTask
from starlette.responses import FileResponse, Response

from dashboards.console.desk import Desk
from dashboards.console.download import TYPES, Slots, file_name
from dashboards.console.problem import Problem
from dashboards.console.when import moment
from models.catalogue.catalogued import Catalogued
from models.catalogue.entries import Moved
from models.catalogue.known_runs import EVER_NS, known_runs
from models.catalogue.ledger import digest_of
from models.catalogue.lineage import UnknownThingError


def catalogued(desk: Desk) -> Catalogued:
    """The catalogue of this console. Raises Problem where it has none."""
    if desk.catalogue is None:
        raise Problem(404, "This console has no catalogue.", remedy="Ask the box, or tocsin serve of the fleet.")
    return desk.catalogue


def router(desk: Desk) -> APIRouter:
    """Routes to the catalogue."""
    routes, slots = APIRouter(tags=["data"]), Slots()

    @routes.get("/catalogue", response_class=Response)
    def catalogue() -> Response:
        """Data sets, channels, features, models and labels, and links from what was made to what it was made from."""
        return _json(catalogued(desk).catalogue())

    @routes.get("/lineage", response_class=Response)
    def lineage(
        of: Annotated[
            str,
            Query(description="an alarm's id, MODEL@VERSION, a device, a procedure, a run, a label's id, or a file"),
        ],
    ) -> Response:
        """What a thing was made from, nearest first, and everything that was made from it."""
        try:
            return _json(catalogued(desk).lineage(of))
        except UnknownThingError as error:
            raise Problem(404, f"{error}.", remedy="GET /api/v1/catalogue lists what there is.") from error

    @routes.get("/procedures/{procedure:path}/rows", response_class=FileResponse)
    def rows(
        *,
        procedure: str,
        form: Annotated[Literal["csv", "parquet"], Query(alias="format")] = "csv",
        name: Annotated[str, Query(description="what the file is called where it goes")] = "",
        start: Annotated[str, Query(description="of runs that began since, ISO 8601 or ns; default: all")] = "",
        end: Annotated[str, Query(description="and before, ISO 8601 or ns")] = "",
        noted: Annotated[bool, Query(description="whether the catalogue remembers the file")] = True,
    ) -> FileResponse:
        """The runs of a procedure that ended pass or fail by their labels as a file, a wide row a run: to train on."""
        from models.catalogue.run_table import run_table  # noqa: PLC0415 -- pandas takes a second to load

        span = {"start_ns": moment(start, "start", 0), "end_ns": moment(end, "end", EVER_NS)}
        table = run_table([run for run, _ in known_runs(desk.reader, procedure, **span)])
        if not len(table):
            remedy = "GET /api/v1/procedures lists the procedures there are, with their runs."
            raise Problem(404, f"No run of {procedure!r} ended pass or fail yet.", remedy=remedy)
        slots.take()
        folder = tempfile.TemporaryDirectory(prefix="tocsin-export-")
        path = Path(folder.name) / f"rows.{form}"

        def done() -> None:
            folder.cleanup()
            slots.give()

        try:
            if form == "csv":
                table.to_csv(path, index=False)
            else:
                table.to_parquet(path, index=False)
            named = name or file_name(procedure, form)
            if noted:
                moved = Moved("exported", named, digest_of(path), len(table), desk.now_ns(), procedure=procedure)
                remember(desk, moved)
        except BaseException:
            done()
            raise
        return FileResponse(
            path,
            media_type=TYPES[form],
            filename=file_name(procedure, form),
            headers={"X-Rows": str(len(table))},
            background=BackgroundTask(done),
        )

    return routes


def remember(desk: Desk, moved: Moved) -> None:
    """Note a file that went out or came in, where a catalogue is kept."""
    if desk.catalogue is not None:
        desk.catalogue.note(moved)


def _json(found: msgspec.Struct) -> Response:
    return Response(msgspec.json.encode(found), media_type="application/json")
