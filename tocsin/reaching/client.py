"""Talks to a running box over its API; knows no store and no log."""

import copy
import json
import os
import shutil
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import cast

TIMEOUT_S = 10.0
PATIENT_S = 120.0
EXPORT_S = 3600.0  # the box writes the whole file before it sends the first byte
# The box is on this machine or in its plant: a proxy that the environment names for the internet is none for it.
_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class BoxError(Exception):
    """The running box refused or could not be understood; the message is a sentence for the person who asked."""


class Unreachable(BoxError):  # noqa: N818 -- a state to be tried for, more than an error
    """No box answers at that address."""


class Busy(BoxError):  # noqa: N818 -- a state that passes
    """The box has no room for it just now; try again in a moment."""


class Client:
    """The API of one box, at the address its config names."""

    def __init__(self, listen: str, *, token: str = "") -> None:
        """Remember where; nothing is opened."""
        host, _, port = listen.rpartition(":")
        self.base = f"http://{'127.0.0.1' if host in {'', '0.0.0.0', '[::]'} else host}:{port}"  # noqa: S104 -- compared, not bound
        self.timeout_s = TIMEOUT_S
        self._headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})

    @classmethod
    def of(cls, listen: str) -> "Client":
        """A client with the token of the environment, if there is one."""
        return cls(listen, token=os.environ.get("TOCSIN_TOKEN", ""))

    def patient(self) -> "Client":
        """The same, for questions that take the box long: it looks at rows of many devices."""
        other = copy.copy(self)
        other.timeout_s = PATIENT_S
        return other

    def get(self, path: str, **query: str) -> object:
        """One GET under /api/v1, decoded."""
        asked = urllib.parse.urlencode({k: v for k, v in query.items() if v})
        return self._decoded(self._ask("GET", f"/api/v1/{path}{'?' + asked if asked else ''}"))

    def post(self, path: str, body: Mapping[str, object]) -> object:
        """One POST under /api/v1, decoded."""
        return self._decoded(self._ask("POST", f"/api/v1/{path}", json.dumps(body).encode()))

    def alive(self) -> bool:
        """Whether a Tocsin box answers there."""
        try:
            return bool(self._ask("GET", "/healthz"))
        except BoxError:
            return False

    def ready(self) -> str:
        """Why the box is not ready; empty when it is."""
        try:
            self._ask("GET", "/readyz")
        except BoxError as error:
            return str(error)
        return ""

    def export(self, device: str, target: Path, *, form: str, start_ns: int, end_ns: int, name: str = "") -> int:
        """Write a device's rows to a file, put in place whole or not at all; returns how many there are."""
        span = {"start": str(start_ns), "end": str(end_ns)}
        path = f"devices/{urllib.parse.quote(device, safe='')}/export"
        return self.download(path, target, format=form, name=name, **span)

    def download(self, path: str, target: Path, **query: str) -> int:
        """Write a table of the API to a file, put in place whole or not at all; returns its rows."""
        path = f"/api/v1/{path}?{urllib.parse.urlencode({k: v for k, v in query.items() if v})}"
        partial = target.with_name(f".{target.name}.{os.getpid()}.part")
        try:
            with self._answer("GET", path, timeout_s=EXPORT_S) as answer, partial.open("wb") as out:
                shutil.copyfileobj(answer, out)
                if out.tell() != int(answer.headers["Content-Length"]):
                    msg = f"the box at {self.base} broke off after {out.tell()} bytes: try again"
                    raise BoxError(msg)
                rows = int(answer.headers["X-Rows"])
            partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)
        return rows

    def _ask(self, method: str, path: str, body: bytes | None = None) -> bytes:
        with self._answer(method, path, body=body) as answer:
            return answer.read()

    def _decoded(self, answer: bytes) -> object:
        try:
            return json.loads(answer)
        except ValueError as error:
            msg = f"what answers at {self.base} is no Tocsin box"
            raise BoxError(msg) from error

    @contextmanager
    def _answer(
        self, method: str, path: str, *, body: bytes | None = None, timeout_s: float | None = None
    ) -> Iterator[HTTPResponse]:
        request = urllib.request.Request(self.base + path, data=body, headers=self._headers, method=method)  # noqa: S310 -- base is always http
        try:
            with cast("HTTPResponse", _direct.open(request, timeout=timeout_s or self.timeout_s)) as answer:
                yield answer
        except urllib.error.HTTPError as error:
            with error:
                raise (Busy if error.code == HTTPStatus.SERVICE_UNAVAILABLE else BoxError)(_sentence(error)) from error
        except (urllib.error.URLError, TimeoutError, ConnectionError, HTTPException) as error:
            msg = f"no box answers at {self.base}: {getattr(error, 'reason', error)}"
            raise Unreachable(msg) from error


def _sentence(error: urllib.error.HTTPError) -> str:
    try:
        told = json.loads(error.read())
        reasons = "; ".join(told.get("reasons", ()))
        return str(reasons or told.get("detail") or told.get("title") or told)
    except (ValueError, AttributeError, TypeError):
        return f"the box answered {error.code} {error.reason}"
