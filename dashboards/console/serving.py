"""A quiet web server around the API and the page; importing this loads both."""

import socket
from collections.abc import Callable

import uvicorn

from dashboards.console import api
from dashboards.console.desk import Desk
from dashboards.console.guard import Guard
from dashboards.console.hub import Hub
from dashboards.console.session import Gatekeeper

GRACE_S = 2


class QuietServer(uvicorn.Server):
    """Says when it answers, and sends listeners home before it stops."""

    def __init__(self, config: uvicorn.Config, *, hub: Hub, ready: Callable[[], None]) -> None:
        """Keep whom to tell."""
        super().__init__(config)
        self._hub = hub
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then say so."""
        await super().startup(sockets)
        if self.started:
            self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the event streams, which would else hold the server up."""
        self._hub.close()
        await super().shutdown(sockets)


def make_server(desk: Desk, *, token: str | None, page: bool, ready: Callable[[], None]) -> QuietServer:
    """A server for these ports; with a token only who knows it comes in."""
    hub = Hub(desk)
    gatekeeper = Gatekeeper(token) if token else None
    app = api.build(desk, hub, gatekeeper)
    if page:
        from dashboards.console.pages import install  # noqa: PLC0415 -- the API alone needs no page

        install(app, desk, hub)
    config = uvicorn.Config(
        Guard(app, loopback=token is None, gatekeeper=gatekeeper),
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_S,
        ws="websockets-sansio",
    )
    return QuietServer(config, hub=hub, ready=ready)
