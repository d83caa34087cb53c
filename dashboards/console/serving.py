"""The web server of the API and the page; importing this loads both."""

from collections.abc import Callable

from dashboards.console import api
from dashboards.console.desk import Desk
from dashboards.console.hub import Hub
from dashboards.console.quiet import QuietServer, quiet
from dashboards.console.session import Gatekeeper


def make_server(desk: Desk, *, token: str | None, page: bool, ready: Callable[[], None]) -> QuietServer:
    """A server for these ports; with a token only who knows it comes in."""
    hub = Hub(desk)
    gatekeeper = Gatekeeper(token) if token else None
    app = api.build(desk, hub, gatekeeper)
    if page:
        from dashboards.console.pages import install  # noqa: PLC0415 -- the API alone needs no page

        install(app, desk, hub)
    return quiet(app, gatekeeper, leave=hub.close, ready=ready)
