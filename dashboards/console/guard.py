"""Stands before the whole app: foreign hosts, foreign origins, forged forms and strangers are turned away here."""

import time
from collections.abc import Callable, MutableMapping
from urllib.parse import quote, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dashboards.console.problem import Problem, problem_response
from dashboards.console.session import Gatekeeper

_OPEN = {"/healthz", "/readyz", "/login"}
_SAFE = {"GET", "HEAD", "OPTIONS"}
BODY_MAX = 1_000_000
_SOCKET = "/_nicegui_ws/"
_POLICY = (
    "default-src 'self'",
    "script-src 'self' 'unsafe-inline' 'unsafe-eval'",  # the page's templates are compiled in the browser
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' data: blob:",
    "font-src 'self' data:",
    "worker-src 'self' blob:",
    "object-src 'none'",
    "base-uri 'self'",
    "form-action 'self'",
    "frame-ancestors 'none'",
)
_HEADERS = {
    "Content-Security-Policy": "; ".join(_POLICY),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-cache",  # ask again, for a new version or a new reading; what says otherwise itself may stay
}


def is_loopback(host: str) -> bool:
    """Whether a host name can only mean this machine.

    >>> is_loopback("127.0.0.1"), is_loopback("[::1]"), is_loopback("127.0.0.1.evil.example")
    (True, True, False)
    """
    name = host.strip("[]").lower()
    parts = name.split(".")
    return name in {"localhost", "::1"} or (
        len(parts) == 4 and parts[0] == "127" and all(p.isdecimal() for p in parts)  # noqa: PLR2004 -- IPv4
    )


def _host_name(header: str) -> str:
    return header.partition("]")[0] if header.startswith("[") else header.rpartition(":")[0] or header


class Guard:
    """An ASGI app around the app; with a Gatekeeper only those it admits come in."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        loopback: bool,
        gatekeeper: Gatekeeper | None,
        now_s: Callable[[], float] = time.time,
    ) -> None:
        """Keep what the decision needs."""
        self.app = app
        self._loopback = loopback
        self._gatekeeper = gatekeeper
        self._now_s = now_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it here."""
        if scope["type"] not in {"http", "websocket"}:
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        problem = self._foreign(scope, headers) or self._forged(scope, headers)
        stranger = problem is None and self._is_stranger(scope, headers)
        if problem is None and not stranger:
            await self.app(scope, receive, _sealed(send))
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008})
        elif stranger and scope["method"] == "GET" and "text/html" in headers.get("accept", ""):
            await RedirectResponse(f"/login?next={quote(scope['path'])}", 303)(scope, receive, _sealed(send))
        else:
            refusal = problem or Problem(
                401, "This console asks for a token.", remedy="Send Authorization: Bearer …, or open /login."
            )
            response = problem_response(refusal)
            if stranger:
                response.headers["WWW-Authenticate"] = "Bearer"
            await response(scope, receive, _sealed(send))

    def _foreign(self, scope: Scope, headers: Headers) -> Problem | None:
        host = headers.get("host", "")
        if self._loopback and not is_loopback(_host_name(host)):
            remedy = "Use http://localhost or http://127.0.0.1, or listen on that address with a token."
            return Problem(403, f"Host {host!r} is not this machine's loopback.", remedy=remedy)
        origin = headers.get("origin")
        changes = scope["type"] == "websocket" or scope["method"] not in _SAFE
        if changes and origin is not None and urlsplit(origin).netloc != host:
            return Problem(403, f"A page of {origin!r} may not act here.", remedy="Act from this console's own page.")
        return None

    def _forged(self, scope: Scope, headers: Headers) -> Problem | None:
        if scope["type"] == "websocket" or scope["method"] in _SAFE:
            return None
        path: str = scope["path"]
        length = headers.get("content-length", "")
        if not length.isdecimal() or int(length[:20]) > BODY_MAX:
            remedy = f"Say its length in Content-Length; at most {BODY_MAX:,} bytes are taken."
            return Problem(413, "The body is too long, or does not say how long it is.", remedy=remedy)
        if path == "/login" or path.startswith(_SOCKET) or "authorization" in headers:
            return None
        if headers.get("content-type", "").partition(";")[0].strip() == "application/json":
            return None
        return Problem(415, "A change must come as JSON.", remedy="Send Content-Type: application/json.")

    def _is_stranger(self, scope: Scope, headers: Headers) -> bool:
        if self._gatekeeper is None or scope["path"] in _OPEN:
            return False
        cookies = "; ".join(headers.getlist("cookie"))
        return not self._gatekeeper.admits(headers.get("authorization", ""), cookies, self._now_s())


def _sealed(send: Send) -> Send:
    async def sealed(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = _with_headers(message)
        await send(message)

    return sealed


def _with_headers(message: MutableMapping[str, object]) -> Message:
    copy: Message = dict(message)
    headers = MutableHeaders(scope=copy)
    for name, value in _HEADERS.items():
        headers.setdefault(name, value)
    return copy
