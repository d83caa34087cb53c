"""Readings and scores over HTTP: which stretch is meant, how many rows are too many, JSON or CSV."""

import csv
import io
from collections.abc import Iterator, Sequence
from typing import Annotated, Literal

import msgspec
from fastapi import APIRouter, Query, Request
from starlette.responses import Response, StreamingResponse

from dashboards.console.desk import Desk
from dashboards.console.moments import iso, length
from dashboards.console.problem import Problem, unknown_device
from dashboards.console.shapes import SeriesOut
from dashboards.console.when import moment
from store.port import Device, Series
from wire.messages import NS_PER_S, Role

DEFAULT_NS = 3600 * NS_PER_S
POINTS = 2000
POINTS_MAX = 50_000
RAW_ROWS_MAX = 500_000
LATEST_NS = 2**63 - 1

Start = Annotated[str, Query(description="ISO 8601 or ns; default: an hour before the end")]
End = Annotated[str, Query(description="ISO 8601 or ns, exclusive; default: the newest row")]
Form = Annotated[Literal["", "json", "csv"], Query(alias="format", description="default: by the Accept header")]
Points = Annotated[
    int, Query(ge=0, le=POINTS_MAX, description="rows, down-sampled by minimum and maximum; 0 = every row")
]
Channels = Annotated[str, Query(description="names separated by commas; default: all")]
_BOTH: dict[int | str, dict[str, object]] = {200: {"model": SeriesOut, "content": {"text/csv": {}}}}


def find(desk: Desk, name: str) -> Device:
    """The device of that name. Raises Problem that lists close names."""
    devices = desk.reader.devices()
    for device in devices:
        if device.device == name:
            return device
    raise unknown_device(name, (device.device for device in devices))


def stretch(device: Device, start: str, end: str, *, default_ns: int = DEFAULT_NS) -> tuple[int, int]:
    """Start and end in ns; recorded data is found where it is, not at the present hour."""
    end_ns = moment(end, "end", device.last_ns + 1)
    start_ns = moment(start, "start", end_ns - default_ns)
    if start_ns > end_ns:
        raise Problem(422, "The start lies after the end.", remedy="Swap start and end.")
    return start_ns, end_ns


def _refuse_too_much(device: Device, start_ns: int, end_ns: int) -> None:
    known = max(1, device.last_ns - device.first_ns)
    part = max(0, min(end_ns, device.last_ns + 1) - max(start_ns, device.first_ns)) / known
    if device.rows is not None and device.rows * min(1.0, part) > RAW_ROWS_MAX:
        remedy = f"Ask for points up to {POINTS_MAX}, a shorter stretch, or use …/export for all of it."
        raise Problem(413, f"{length(end_ns - start_ns)} of {device.device!r} are too many rows.", remedy=remedy)


def _lines(series: Series) -> Iterator[str]:
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(["time", *series.columns])
    columns = list(series.columns.values())
    for i, t_ns in enumerate(series.t_ns):
        writer.writerow([iso(t_ns), *("" if (v := c[i]) is None else v for c in columns)])
        if buffer.tell() > 1 << 16:
            yield buffer.getvalue()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue()


def answer(request: Request, form: str, series: Series) -> Response:
    """The series as the client wants it."""
    if form == "csv" or (not form and "text/csv" in request.headers.get("accept", "")):
        return StreamingResponse(_lines(series), media_type="text/csv")
    return Response(msgspec.json.encode(series), media_type="application/json")


def _named(device: Device, channels: str) -> Sequence[str]:
    names = [name for name in channels.split(",") if name]
    unknown = [name for name in names if name not in device.channels]
    if unknown:
        remedy = f"It has {', '.join(device.channels)}."
        raise Problem(404, f"{device.device!r} has no channel {unknown[0]!r}.", remedy=remedy, close=device.channels)
    return names


def router(desk: Desk) -> APIRouter:
    """Routes to the series of a device."""
    routes = APIRouter(tags=["series"])

    @routes.get("/devices/{device:path}/readings", responses=_BOTH, response_class=Response)
    def readings(  # noqa: PLR0917 -- FastAPI passes them by name
        request: Request,
        device: str,
        start: Start = "",
        end: End = "",
        channels: Channels = "",
        points: Points = POINTS,
        form: Form = "",
    ) -> Response:
        """Readings in time order; without `points=0` down-sampled so that a spike survives."""
        known = find(desk, device)
        start_ns, end_ns = stretch(known, start, end)
        if not points:
            _refuse_too_much(known, start_ns, end_ns)
        names = _named(known, channels)
        found = desk.reader.readings(device, start_ns=start_ns, end_ns=end_ns, channels=names, points=points)
        return answer(request, form, found)

    @routes.get("/devices/{device:path}/scores", responses=_BOTH, response_class=Response)
    def scores(  # noqa: PLR0917 -- FastAPI passes them by name
        request: Request,
        device: str,
        start: Start = "",
        end: End = "",
        points: Points = POINTS,
        form: Form = "",
        role: Annotated[Role, Query(description="whose: of what scores live, beside it, or of history")] = "champion",
        model: Annotated[str, Query(description="only of this model")] = "",
        version: Annotated[int, Query(ge=0, description="only of this version; 0: any")] = 0,
    ) -> Response:
        """Scores in time order, 1.0 is the limit; a column a channel with its contribution near the limit."""
        known = find(desk, device)
        start_ns, end_ns = stretch(known, start, end)
        if not points:
            _refuse_too_much(known, start_ns, end_ns)
        found = desk.reader.scores(
            device, start_ns=start_ns, end_ns=end_ns, points=points, role=role, model=model, version=version
        )
        return answer(request, form, found)

    return routes
