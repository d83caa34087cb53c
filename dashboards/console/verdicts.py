"""An operator says what was behind an alarm, also when it is over: it becomes a label of the very rows."""

from collections.abc import Sequence

import msgspec
from fastapi import APIRouter

from dashboards.console.alarms import history
from dashboards.console.desk import Desk
from dashboards.console.label_shapes import LabelledOut, VerdictIn
from dashboards.console.labels import digest, stored
from wire.messages import Alarm, Verdict


def router(desk: Desk) -> APIRouter:
    """The route to a verdict, beside that of acknowledging."""
    routes = APIRouter(tags=["alarms"])

    @routes.post("/alarms/{alarm_id}/verdict", status_code=202)
    def verdict(alarm_id: str, body: VerdictIn) -> LabelledOut:
        """Say what you found: a true alarm, a false one, or maintenance done; the same words again are the same."""
        said = judged(history(desk, alarm_id), body, now_ns=desk.now_ns())
        known = stored(desk.reader, said.id)
        if known is not None and not known.withdrawn_by:
            return LabelledOut(label=said.id, repeated=True)
        if known is not None:  # taken back, and now said anew
            said = msgspec.structs.replace(said, id=digest(said.id, str(said.at_ns)))
        desk.inbox.append(said)
        return LabelledOut(label=said.id)

    return routes


def judged(states: Sequence[Alarm], body: VerdictIn, *, now_ns: int) -> Verdict:
    """The verdict on an alarm with these states: on the rows from its onset to its end, or to now."""
    alarm, who, comment = states[-1], body.who, body.comment.strip()
    return Verdict(
        id=digest(alarm.edge, alarm.id, body.finding, who, comment),
        edge=alarm.edge,
        device=alarm.device,
        alarm=alarm.id,
        finding=body.finding,
        who=who,
        comment=comment,
        at_ns=now_ns,
        rule=alarm.rule,
        from_ns=alarm.onset_ns,
        to_ns=max(_end_ns(states, now_ns), alarm.onset_ns + 1),
        model=alarm.model,
        model_version=alarm.model_version,
    )


def _end_ns(states: Sequence[Alarm], now_ns: int) -> int:
    """When the condition was over: the acknowledgement of what is gone comes later than that."""
    if states[-1].active:
        return now_ns
    ended = [state for state in states if not state.active and state.onset_ns == states[-1].onset_ns]
    return min((state.changed_ns for state in ended), default=states[-1].changed_ns)
