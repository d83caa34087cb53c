"""Refusals a person can act on: a sentence and a remedy, as application/problem+json (RFC 9457)."""

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from store.port import StoreAwayError, TooManyRowsError
from wire.ports import BusError

_AMISS: Mapping[str, str] = {  # by pydantic's names of what is wrong
    "missing": "is missing",
    "extra_forbidden": "is not known here, so what it says would be lost",
    "json_invalid": "is the character from which on it is no JSON ({error})",
    "string_type": "has to be a text",
    "string_too_short": "is empty",
    "string_too_long": "is longer than {max_length} characters",
    "list_type": "has to be a list",
    "too_long": "has more than {max_length} items",
    "model_attributes_type": "has to be an object",
    "dict_type": "has to be an object",
    "bool_type": "has to be true or false",
    "bool_parsing": "has to be true or false",
    "int_type": "has to be a whole number",
    "int_parsing": "has to be a whole number",
    "int_from_float": "has to be a whole number",
    "float_type": "has to be a number",
    "float_parsing": "has to be a number",
    "greater_than_equal": "has to be at least {ge}",
    "less_than_equal": "has to be at most {le}",
    "literal_error": "has to be {expected}",
    "value_error": "is not taken: {error}",
}


class Problem(Exception):  # noqa: N818 -- the name RFC 9457 gives it
    """A request that cannot be served, with what would help."""

    def __init__(self, status: int, title: str, *, remedy: str = "", close: Iterable[str] = ()) -> None:
        """Say what is wrong and what to do."""
        super().__init__(title)
        self.status = status
        self.title = title
        self.remedy = remedy
        self.close = list(close)


def unknown_device(name: str, known: Iterable[str]) -> Problem:
    """404 that lists the closest names there are."""
    names = list(known)
    close = difflib.get_close_matches(name, names, n=5, cutoff=0.5)
    remedy = f"Did you mean {', '.join(close)}?" if close else "GET /api/v1/devices lists the devices there are."
    return Problem(404, f"There is no device {name!r}.", remedy=remedy, close=close)


def problem_response(problem: Problem) -> Response:
    """The answer a program can read and a person understands."""
    body = {
        "type": "about:blank",
        "title": problem.title,
        "status": problem.status,
        "detail": f"{problem.title} {problem.remedy}".strip(),
        "remedy": problem.remedy,
    }
    if problem.close:
        body["close"] = problem.close
    retry = {"Retry-After": "1"} if problem.status in {429, 503} else {}
    return Response(msgspec.json.encode(body), problem.status, retry, "application/problem+json")


def install(app: FastAPI) -> None:
    """Let every refusal of the app speak the same way."""
    app.add_exception_handler(Problem, _told)
    app.add_exception_handler(RequestValidationError, _malformed)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(StoreAwayError, _away)
    app.add_exception_handler(BusError, _away)
    app.add_exception_handler(TooManyRowsError, _too_many)
    app.add_exception_handler(Exception, _unforeseen)


async def _told(_: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return problem_response(error)


async def _malformed(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    parts = "; ".join(f"{'.'.join(map(str, one['loc']))} {_amiss(one)}" for one in error.errors()[:5])
    remedy = "/api/docs says for each request what it takes."
    return problem_response(Problem(422, f"The request does not fit: {parts}.", remedy=remedy))


def _amiss(one: Mapping[str, Any]) -> str:
    """What is wrong with one part of a request, in words of our own where there are any."""
    words = _AMISS.get(str(one["type"]))
    return words.format_map(one.get("ctx") or {}) if words else f"is not right: {one['msg']}"


async def _http(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 400:  # noqa: PLR2004 -- what the framework says of a body that it cannot decode
        remedy = "Send one JSON object in UTF-8, nested a few levels at most."
        return problem_response(Problem(400, "The body is no JSON that could be read.", remedy=remedy))
    return problem_response(Problem(error.status_code, f"{error.detail}.", remedy="See /api/docs."))


async def _away(_: Request, error: Exception) -> Response:
    return problem_response(
        Problem(503, f"{error}.", remedy="Try again in a moment; `tocsin doctor` looks for causes.")
    )


async def _too_many(_: Request, error: Exception) -> Response:
    remedy = "Ask for points, a shorter stretch, or use …/export for all of it."
    return problem_response(Problem(413, str(error), remedy=remedy))


async def _unforeseen(_: Request, error: Exception) -> Response:
    # The server logs what was raised; here it only gets a face.
    return problem_response(
        Problem(500, f"The store could not answer: {type(error).__name__}.", remedy="Run `tocsin doctor`.")
    )
