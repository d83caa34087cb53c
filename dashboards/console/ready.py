"""Whether the box or fleet is alive, and whether it can serve; with reasons when it cannot."""

import time

from fastapi import APIRouter
from starlette.responses import JSONResponse, PlainTextResponse

from dashboards.console.hub import Hub
from dashboards.console.shapes import ReadyOut

BLIND_S = 10.0  # so long without a look at the store, and the console is no longer ready


def reasons(hub: Hub, now_s: float) -> list[str]:
    """Why it cannot serve just now, one sentence each."""
    found = []
    if hub.snapshot.error:
        found.append(hub.snapshot.error)
    elif not hub.snapshot.at_ns:
        found.append("The store has not been read yet.")
    elif now_s - hub.looked_s > BLIND_S:
        found.append(f"The store has not answered for {now_s - hub.looked_s:.0f} s.")
    if hub.snapshot.status.stalled:
        found.append(hub.snapshot.status.stalled)
    return found


def router(hub: Hub) -> APIRouter:
    """Routes for supervisors."""
    routes = APIRouter(tags=["health"])

    @routes.get("/healthz", response_class=PlainTextResponse)
    async def alive() -> str:
        """The process lives and its event loop turns."""
        return "ok\n"

    @routes.get("/readyz", responses={200: {"model": ReadyOut}, 503: {"model": ReadyOut}})
    async def ready() -> JSONResponse:
        """200 when the store is readable and the runner gets on, else 503 with the reasons."""
        found = reasons(hub, time.monotonic())
        return JSONResponse({"ready": not found, "reasons": found}, 503 if found else 200)

    return routes
