"""Server-sent events: alarm changes and liveness, resumable, with a bounded queue a client."""

import asyncio
from collections.abc import AsyncGenerator

from fastapi import APIRouter, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from dashboards.console.desk import Desk
from dashboards.console.hub import Hub, Listener, Told
from dashboards.console.problem import Problem
from dashboards.console.shapes import alarm_out, device_out
from dashboards.console.snapshot import Change
from wire.messages import NS_PER_S, Alarm

HEARTBEAT_S = 10.0
SEND_S = 20.0  # a client that takes nothing for so long is dropped
BEHIND_NS = 600 * NS_PER_S


def encode(desk: Desk, change: Change, mark: str) -> bytes:
    """One event as bytes; `mark` is what Last-Event-ID brings back."""
    body = change.body
    shape = alarm_out(body) if isinstance(body, Alarm) else device_out(body, desk.rule_of(body.device))
    return f"id: {mark}\nevent: {change.kind}\ndata: {shape.model_dump_json()}\n\n".encode()


def parse_mark(text: str) -> tuple[str, int, int] | None:
    """Process, place and change time of a Last-Event-ID; None for anything else."""
    boot, _, rest = text.partition("-")
    seq, _, changed = rest.partition("-")
    numbers = seq.isdecimal() and changed.isdecimal() and len(rest) < 64  # noqa: PLR2004 -- no such number is longer
    return (boot, int(seq), int(changed)) if boot and numbers else None


class EventStream(Response):
    """Sends what an iterator yields until the client leaves, or stops taking."""

    media_type = "text/event-stream"

    def __init__(self, pieces: AsyncGenerator[bytes, None]) -> None:
        """Nothing is sent yet."""
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        self._pieces = pieces

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 -- ASGI hands it over
        """Serve until one side ends it."""
        headers = [pair for pair in self.raw_headers if pair[0] != b"content-length"]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        sending = asyncio.create_task(self._send(send), name="events")
        leaving = asyncio.create_task(_gone(receive), name="events-gone")
        try:
            await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            sending.cancel()
            leaving.cancel()
            await asyncio.gather(sending, leaving, return_exceptions=True)

    async def _send(self, send: Send) -> None:
        try:
            async for piece in self._pieces:
                async with asyncio.timeout(SEND_S):
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        except TimeoutError:
            return


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def stream(desk: Desk, hub: Hub, last: str) -> AsyncGenerator[bytes, None]:
    """What was missed, then what happens; a comment when nothing does."""
    listener = Listener()
    hub.join(listener)
    try:
        yield b"retry: 2000\n\n"
        reached = hub.seq
        mark = parse_mark(last)
        missed = hub.since(mark[0], mark[1]) if mark else None
        if missed is None:
            for change in await _standing(desk, hub, mark[2] if mark else None):
                yield encode(desk, change, f"{hub.boot}-{reached}-{change.changed_ns}")
        for told in missed or ():
            yield _encoded(desk, hub, told)
        while listener.open or not listener.queue.empty():
            try:
                told_next = await asyncio.wait_for(listener.queue.get(), HEARTBEAT_S)
            except TimeoutError:
                yield b": alive\n\n"
                continue
            if told_next is None:
                return
            if told_next.seq > reached:
                yield _encoded(desk, hub, told_next)
    finally:
        hub.leave(listener)


def _encoded(desk: Desk, hub: Hub, told: Told) -> bytes:
    return encode(desk, told.change, f"{hub.boot}-{told.seq}-{told.change.changed_ns}")


async def _standing(desk: Desk, hub: Hub, changed_ns: int | None) -> list[Change]:
    alarms = {alarm.id: alarm for alarm in hub.snapshot.alarms}
    if changed_ns is not None:  # told by an earlier process: too much is better than too little
        since_ns = max(0, changed_ns - BEHIND_NS)
        for alarm in await desk.ask(lambda: desk.reader.alarms(since_ns=since_ns)):
            alarms.setdefault(alarm.id, alarm)
    ordered = sorted(alarms.values(), key=lambda alarm: alarm.changed_ns)
    return [Change(kind="alarm", body=alarm, changed_ns=alarm.changed_ns) for alarm in ordered]


def router(desk: Desk, hub: Hub) -> APIRouter:
    """The route to the events."""
    routes = APIRouter(tags=["events"])

    @routes.get("/events", response_class=Response, responses={200: {"content": {"text/event-stream": {}}}})
    async def events(request: Request) -> Response:
        """Alarms (`event: alarm`, first all that stand) and health changes (`event: liveness`), as they happen."""
        if hub.crowded:
            raise Problem(503, "Too many clients listen to events.", remedy="Close one, or try again.")
        return EventStream(stream(desk, hub, request.headers.get("last-event-id", "")))

    return routes
