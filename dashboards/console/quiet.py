"""A quiet web server around an app and its guard."""

import socket
from collections.abc import Callable

import uvicorn
from fastapi import FastAPI

from dashboards.console.guard import Guard
from dashboards.console.session import Gatekeeper

GRACE_S = 2


class QuietServer(uvicorn.Server):
    """Says when it answers, and sends listeners home before it stops."""

    def __init__(self, config: uvicorn.Config, *, leave: Callable[[], None], ready: Callable[[], None]) -> None:
        """Keep whom to tell."""
        super().__init__(config)
        self._leave = leave
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then say so."""
        await super().startup(sockets)
        if self.started:
            self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the event streams, which would else hold the server up."""
        self._leave()
        await super().shutdown(sockets)


def quiet(
    app: FastAPI, gatekeeper: Gatekeeper | None, *, leave: Callable[[], None], ready: Callable[[], None]
) -> QuietServer:
    """A server for this app; with a gatekeeper only those it admits come in."""
    config = uvicorn.Config(
        Guard(app, loopback=gatekeeper is None, gatekeeper=gatekeeper),
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_S,
        ws="websockets-sansio",
    )
    return QuietServer(config, leave=leave, ready=ready)
