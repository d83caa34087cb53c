"""The small API of an edge in a fleet: runs come in and advice goes back; knows no page and no store."""

from importlib.metadata import version
from pathlib import Path

from fastapi import APIRouter, FastAPI
from starlette.responses import PlainTextResponse
from starlette.staticfiles import StaticFiles

from dashboards.console import bench_in, docs, problem
from dashboards.console.bench import Bench

ASSETS = Path(__file__).parent / "static"
_ABOUT = "Where test benches send their runs, each step answered with its advice. Times are ns since 1970 UTC, or ISO."


def bench_app(bench: Bench) -> FastAPI:
    """The routes that take runs, their own page, and whether it is alive."""
    app = FastAPI(
        title="Tocsin edge API",
        version=version("tocsin"),
        description=_ABOUT,
        docs_url=None,  # the framework's own pages load scripts from the internet
        redoc_url=None,
        openapi_url=None,
    )
    problem.install(app)
    app.include_router(bench_in.router(bench), prefix="/api/v1")
    app.include_router(docs.router(app))
    app.mount("/assets", StaticFiles(directory=ASSETS), name="assets")
    app.include_router(_rest())
    return app


def _rest() -> APIRouter:
    routes = APIRouter(include_in_schema=False)

    @routes.get("/healthz", response_class=PlainTextResponse)
    async def alive() -> str:
        return "ok"

    @routes.api_route("/{rest:path}", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
    async def nothing(rest: str) -> None:
        remedy = "See /api/docs; all else is on the page of the fleet."
        raise problem.Problem(404, f"There is no /{rest} at an edge.", remedy=remedy)

    return routes
