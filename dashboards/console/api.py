"""The HTTP API as one app: routes, refusals, the hub's task; knows no page."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from importlib.metadata import version
from pathlib import Path

from fastapi import APIRouter, FastAPI
from starlette.staticfiles import StaticFiles

from dashboards.console import (
    alarms,
    bench_in,
    catalogue,
    docs,
    download,
    events,
    imports,
    labels,
    login,
    metrics,
    models,
    plant,
    problem,
    ready,
    runs,
    series,
    verdicts,
)
from dashboards.console.desk import Desk
from dashboards.console.hub import Hub
from dashboards.console.session import Gatekeeper

ASSETS = Path(__file__).parent / "static"
_ABOUT = "Devices, readings, scores and alarms of one site. Times are nanoseconds since 1970 UTC, or ISO 8601."


def _rest() -> APIRouter:
    """Whatever else is asked of the API: a refusal that programs can read, not a page."""
    routes = APIRouter(include_in_schema=False)

    @routes.api_route("/api/{rest:path}", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
    async def nothing(rest: str) -> None:
        raise problem.Problem(404, f"There is no /api/{rest} for this method.", remedy="See /api/docs.")

    return routes


def build(desk: Desk, hub: Hub, gatekeeper: Gatekeeper | None) -> FastAPI:
    """The API over injected ports; the hub looks at the store while the app lives."""

    @asynccontextmanager
    async def living(_: FastAPI) -> AsyncIterator[None]:
        await hub.look()
        looking = asyncio.create_task(hub.run(), name="console-hub")
        try:
            yield
        finally:
            looking.cancel()
            with suppress(asyncio.CancelledError):
                await looking
            desk.close()

    app = FastAPI(
        title="Tocsin API",
        version=version("tocsin"),
        description=_ABOUT,
        lifespan=living,
        docs_url=None,  # the framework's own pages load scripts from the internet
        redoc_url=None,
        openapi_url=None,
    )
    problem.install(app)
    # A device's name may hold slashes, so what is longer stands first.
    for part in (
        plant.device_list(desk),
        series.router(desk),
        download.router(desk),
        plant.one_device(desk),
        alarms.router(desk),
        models.router(desk),
        catalogue.router(desk),
        imports.router(desk),
        bench_in.router(desk.bench),
        runs.router(desk),
        labels.router(desk),
        verdicts.router(desk),
        plant.router(desk),
        events.router(desk, hub),
    ):
        app.include_router(part, prefix="/api/v1")
    app.include_router(metrics.router(hub))
    app.include_router(ready.router(hub))
    app.include_router(docs.router(app))
    if gatekeeper:
        app.include_router(login.router(desk.site, gatekeeper))
    app.include_router(_rest())
    app.mount("/assets", StaticFiles(directory=ASSETS), name="assets")
    return app
