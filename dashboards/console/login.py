"""The form that turns the token into a cookie; loads nothing but itself."""

import html
import time
from urllib.parse import parse_qs

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from dashboards.console.session import COOKIE, LASTS_S, Gatekeeper

_BODY_MAX = 8192
_PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Tocsin · sign in</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">
<style>body{{font:16px/1.5 system-ui,sans-serif;display:grid;place-items:center;min-height:100vh;margin:0;
background:light-dark(#e8eaed,#14171b);color:light-dark(#1d2430,#e4e7eb)}}
form{{background:light-dark(#fbfbfc,#1d2127);border:1px solid light-dark(#cfd4da,#343b44);border-radius:10px;
padding:2rem;width:min(22rem,80vw)}}h1{{font-size:1.25rem;margin:0 0 1rem}}
input,button{{font:inherit;width:100%;box-sizing:border-box;padding:.6rem .75rem;border-radius:6px;
border:1px solid light-dark(#9aa3ad,#56606c)}}button{{margin-top:1rem;font-weight:600;cursor:pointer}}
p{{margin:.75rem 0 0}}</style></head><body><form method="post" action="/login">
<h1>{site}</h1><label for="token">Token of this console</label>
<input id="token" name="token" type="password" autocomplete="current-password" required autofocus>
<input type="hidden" name="next" value="{next}"><button>Sign in</button>{said}</form></body></html>"""


def _inside(path: str) -> str:
    """A path of this console, whatever was asked for."""
    return path if path.startswith("/") and not path.startswith("//") and "\\" not in path else "/"


def _page(site: str, path: str, said: str = "", status: int = 200) -> HTMLResponse:
    told = f'<p role="alert">{html.escape(said)}</p>' if said else ""
    return HTMLResponse(_PAGE.format(site=html.escape(site), next=html.escape(_inside(path)), said=told), status)


def router(site: str, gatekeeper: Gatekeeper) -> APIRouter:
    """Routes to sign in and out."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/login")
    async def form(request: Request) -> Response:
        return _page(site, request.query_params.get("next", "/"))

    @routes.post("/login")
    async def sign_in(request: Request) -> Response:
        body = b""
        async for piece in request.stream():
            body += piece
            if len(body) > _BODY_MAX:
                return _page(site, "/", "That is too long for a token.", 413)
        said = parse_qs(body.decode("utf-8", "replace"))
        path = _inside(said.get("next", ["/"])[0])
        if not gatekeeper.is_token(said.get("token", [""])[0].strip()):
            return _page(site, path, "That is not the token. It is in TOCSIN_TOKEN where Tocsin was started.", 403)
        response = RedirectResponse(path, 303)
        secure = request.url.scheme == "https"
        value = gatekeeper.cookie(time.time())
        response.set_cookie(COOKIE, value, max_age=LASTS_S, httponly=True, samesite="strict", secure=secure, path="/")
        return response

    return routes
