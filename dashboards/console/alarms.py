"""Alarms over HTTP: those that stand, what became of them, and what people do about them."""

from typing import Annotated

from fastapi import APIRouter, Query

from dashboards.console.acknowledge import Actions
from dashboards.console.desk import Desk
from dashboards.console.problem import Problem
from dashboards.console.shapes import AcknowledgeIn, ActionOut, AlarmHistoryOut, AlarmOut, alarm_out
from dashboards.console.when import moment
from wire.messages import Alarm, Verb


def history(desk: Desk, alarm_id: str) -> list[Alarm]:
    """Every state of an alarm, oldest first. Raises Problem for an alarm nobody knows."""
    states = desk.reader.history(alarm_id)
    if not states:
        raise Problem(404, f"There is no alarm {alarm_id!r}.", remedy="GET /api/v1/alarms lists the alarms there are.")
    return states


def router(desk: Desk) -> APIRouter:
    """Routes to the alarms."""
    routes, actions = APIRouter(tags=["alarms"]), Actions(desk)

    @routes.get("/alarms")
    def alarms(
        device: str = "",
        active: Annotated[bool, Query(description="only those that still need a person")] = False,  # noqa: FBT002 -- FastAPI passes it by name
        since: Annotated[str, Query(description="changed since, ISO 8601 or ns")] = "",
        limit: Annotated[int, Query(ge=1, le=10_000)] = 1000,
    ) -> list[AlarmOut]:
        """The newest state of each alarm, newest change first."""
        since_ns = moment(since, "since", 0)
        found = desk.reader.alarms(device=device, active=active, since_ns=since_ns, limit=limit)
        return [alarm_out(alarm) for alarm in found]

    @routes.get("/alarms/{alarm_id}")
    def alarm(alarm_id: str) -> AlarmHistoryOut:
        """One alarm with every state it went through."""
        states = [alarm_out(state) for state in history(desk, alarm_id)]
        return AlarmHistoryOut(**states[-1].model_dump(), history=states)

    @routes.post("/alarms/{alarm_id}/acknowledge", status_code=202)
    def acknowledge(alarm_id: str, body: AcknowledgeIn) -> ActionOut:
        """Take note of an alarm in your name; durable when answered, the same however often it is sent."""
        return actions.act(history(desk, alarm_id)[-1], Verb.ACKNOWLEDGE, body.who, body.why)

    @routes.post("/alarms/{alarm_id}/accept-normal", status_code=202)
    def accept_normal(alarm_id: str, body: AcknowledgeIn) -> ActionOut:
        """Accept the device's present behaviour as its new normal, in your name."""
        return actions.act(history(desk, alarm_id)[-1], Verb.ACCEPT_NORMAL, body.who, body.why)

    return routes
