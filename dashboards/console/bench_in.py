"""What test benches send over HTTP: on disk before it is answered, and after a step the advice, if it comes in time."""

import hashlib
import json
import threading
import time
import uuid
from collections.abc import Callable, Coroutine, Sequence
from contextlib import ExitStack, suppress
from typing import Annotated
from urllib.parse import unquote

from fastapi import APIRouter, Header, Path, Query
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import Scope

from dashboards.console.bench import Bench
from dashboards.console.bench_fields import Name
from dashboards.console.bench_shapes import EndIn, RunIn, StepIn, StepOut, TakenOut, step_out
from dashboards.console.problem import Problem
from dashboards.console.when import moment
from wire.messages import Measured, RunEnded, RunEvent, RunStarted, StepEnded
from wire.ports import Arrival, FullError, Receipt

SOURCE = "http"
DURABLE_S = 10.0  # a disk that takes longer is said to be in trouble
WAIT_MS = 250
Key = Annotated[
    str,
    Header(
        alias="Idempotency-Key", max_length=200, description="the same key again is known to be the same, once stored"
    ),
]
Wait = Annotated[int, Query(ge=0, le=10_000, description="how long to wait for the advice; without it, go on")]


Named = Annotated[Name, Path(description="a slash in it is written %2F")]


class _AsWritten(APIRoute):
    """A path is taken apart as it was written: a %2F is part of a name, and so are `/steps/` and `/end` around it.

    A body that says one name twice is refused: nobody knows which of the two values was meant.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[object, object, Response]]:
        handle = super().get_route_handler()

        async def handled(request: Request) -> Response:
            _each_once(await request.body())
            return await handle(request)

        return handled

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        written = scope.get("raw_path", b"").decode("ascii", "replace") or scope["path"]
        match, found = super().matches({**scope, "path": written})
        if "path_params" in found:
            found["path_params"] = {name: unquote(value) for name, value in found["path_params"].items()}
        return match, found


def _each_once(body: bytes) -> None:
    """Raises Problem where an object says a name twice: whoever reads it would keep the last without a word."""

    def seen(pairs: list[tuple[str, object]]) -> dict[str, object]:
        found: dict[str, object] = {}
        for name, value in pairs:
            if name in found:
                raise Problem(422, f"The body says {name:.80} twice.", remedy="Say each name of an object once.")
            found[name] = value
        return found

    with suppress(ValueError, RecursionError):  # what is no JSON at all is told by whoever reads it
        json.loads(body, object_pairs_hook=seen)


def router(bench: Bench | None, *, clock_s: Callable[[], float] = time.monotonic) -> APIRouter:
    """Routes that take runs; without a bench each says where runs are taken."""
    routes = APIRouter(tags=["test benches"], route_class=_AsWritten)

    # A name may hold slashes, so what is longer stands first.
    @routes.post("/runs/{run:path}/steps/{step:path}")
    def step(run: Named, step: Named, body: StepIn, wait_ms: Wait = WAIT_MS, key: Key = "") -> StepOut:
        """A step is over: what was measured in it. Answers with the advice: `stop`, or go on."""
        begun_s, events = clock_s(), _step(run, step, body)
        with ExitStack() as stack:
            awaited = stack.enter_context(_there(bench).waiting.expect(run, step))
            _keep(_there(bench), events, f"{key}\0{run}\0{step}" if key else "")
            advice = awaited.wait(max(0.0, wait_ms / 1000 - (clock_s() - begun_s)))
        return step_out(run, step, advice)

    @routes.post("/runs/{run:path}/end", status_code=202)
    def end(run: Named, body: EndIn, key: Key = "") -> TakenOut:
        """A run is over, with its outcome."""
        ended = RunEnded(run, body.outcome, t_ns=moment(body.time, "time", 0), station=body.station, source=SOURCE)
        _keep(_there(bench), [ended], f"{key}\0{run}\0end" if key else "")
        return TakenOut(run=run)

    @routes.post("/runs", status_code=202)
    def start(body: RunIn, key: Key = "") -> TakenOut:
        """A unit begins a procedure on a station."""
        said = {name: getattr(body, name) for name in RunStarted.__struct_fields__ if hasattr(body, name)}
        said |= {"steps": tuple(body.steps), "t_ns": moment(body.time, "time", 0), "source": SOURCE}
        _keep(_there(bench), [RunStarted(**said)], f"{key}\0{body.run}" if key else "")
        return TakenOut(run=body.run)

    return routes


def _there(bench: Bench | None) -> Bench:
    if bench is None:
        remedy = 'Send them to an edge: set [edge] listen = "127.0.0.1:8770" in the config of its `tocsin edge`.'
        raise Problem(409, "Runs are not taken here: this page only shows a fleet.", remedy=remedy)
    return bench


def _step(run: str, step: str, body: StepIn) -> list[RunEvent]:
    at_ns = moment(body.time, "time", 0)
    measured = [
        Measured(
            run=run,
            step=step,
            name=one.name,
            value=one.value,
            uom=one.uom,
            low=one.low,
            high=one.high,
            t_ns=at_ns,
            station=body.station,
            source=SOURCE,
        )
        for one in body.measurements
    ]
    return [*measured, StepEnded(run, step, at_ns, body.duration_s, station=body.station, source=SOURCE)]


def _keep(bench: Bench, events: Sequence[RunEvent], key: str) -> None:
    """Put events into the outbox, and return when they are on disk. Raises Problem."""
    on_disk = threading.Event()
    digest = hashlib.blake2b(key.encode("utf-8", "surrogateescape"), digest_size=16).digest()
    receipt = Receipt(key=digest if key else uuid.uuid4().bytes, done=on_disk.set, again=bool(key))
    try:
        bench.intake.put(Arrival(source=SOURCE, events=events, receipt=receipt))
    except FullError as error:
        raise Problem(503, "The outbox is full.", remedy=f"Try again in {error.retry_after_s:g} s.") from error
    if not on_disk.wait(DURABLE_S):
        remedy = "It may yet be stored: repeat it with the same Idempotency-Key. `tocsin doctor` looks for causes."
        raise Problem(503, f"The disk did not take it within {DURABLE_S:g} s.", remedy=remedy)
