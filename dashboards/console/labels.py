"""Labels over HTTP: what people and tests found to be so; made by hand, and taken back."""

import hashlib
from typing import Annotated

import msgspec
from fastapi import APIRouter, Query

from dashboards.console.desk import Desk
from dashboards.console.label_shapes import LabelIn, LabelledOut, LabelOut, WithdrawIn, label_out
from dashboards.console.problem import Problem
from dashboards.console.runs import known_run
from dashboards.console.series import find
from dashboards.console.when import moment
from store.port import Reader
from wire.messages import Label, Labelled, Origin

MOST = 10_000
_OF_RUNS = {"pass", "fail"}


def router(desk: Desk) -> APIRouter:
    """Routes to the labels."""
    routes = APIRouter(tags=["labels"])

    @routes.get("/labels")
    def labels(
        device: str = "",
        run: str = "",
        since: Annotated[str, Query(description="made since, ISO 8601 or ns")] = "",
        withdrawn: Annotated[bool, Query(description="also those that were taken back")] = False,  # noqa: FBT002 -- FastAPI passes it by name
        limit: Annotated[int, Query(ge=1, le=MOST)] = 1000,
    ) -> list[LabelOut]:
        """Labels in their newest state, newest first."""
        since_ns = moment(since, "since", 0)
        found = desk.reader.labels(device=device, run=run, since_ns=since_ns, withdrawn=withdrawn, limit=limit)
        return [label_out(label) for label in found]

    @routes.post("/labels", status_code=202)
    def label(body: LabelIn) -> LabelledOut:
        """Label a stretch of a device, or a run, in your name; the same words again are the same label."""
        made = _made(desk, body)
        known = stored(desk.reader, made.id)
        if known is not None and not known.withdrawn_by:
            return LabelledOut(label=made.id, repeated=True)
        if known is not None:  # taken back, and now said anew
            made = msgspec.structs.replace(made, id=digest(made.id, str(made.at_ns)))
        desk.inbox.append(Labelled(id=made.id, edge=made.edge, label=made))
        return LabelledOut(label=made.id)

    @routes.post("/labels/{label_id}/withdraw", status_code=202)
    def withdraw(label_id: str, body: WithdrawIn) -> LabelledOut:
        """Take a label back, in your name: no training uses it any more, and it stays to be seen."""
        known = stored(desk.reader, label_id)
        if known is None:
            raise Problem(
                404, f"There is no label {label_id!r}.", remedy="GET /api/v1/labels lists the labels there are."
            )
        if known.withdrawn_by:
            return LabelledOut(label=label_id, repeated=True)
        gone = msgspec.structs.replace(known, withdrawn_by=body.who, withdrawn_why=body.why.strip())
        desk.inbox.append(Labelled(id=digest(label_id, gone.withdrawn_by, "withdrawn"), edge=known.edge, label=gone))
        return LabelledOut(label=label_id)

    return routes


def stored(reader: Reader, label_id: str) -> Label | None:
    """The label of this id, if it is in the store."""
    return next(iter(reader.labels(label=label_id, withdrawn=True, limit=1)), None)


def _made(desk: Desk, body: LabelIn) -> Label:
    """The label that a person means. Raises Problem."""
    if bool(body.device) == bool(body.run):
        raise Problem(
            422, "A label is of a device or of a run.", remedy='Send "device" with "start" and "end", or "run".'
        )
    if body.run:
        of = known_run(desk.reader, body.run, body.edge)
        edge, span, known_as = of.edge, (of.started_ns, of.ended_ns or of.changed_ns), (of.model, of.model_version)
    else:
        if body.meaning in _OF_RUNS:
            raise Problem(422, f"Only a run can {body.meaning}.", remedy="Say anomaly, normal or maintenance.")
        edge, span, known_as = body.edge or find(desk, body.device).edge, _stretch(body), ("", 0)
    id_ = digest(edge, body.device, body.run, body.meaning, *map(str, span), body.who, body.comment.strip())
    origin = Origin(edge=edge, log="labelled", seq=0)
    label = Label(
        id=id_,
        origin=origin,
        edge=edge,
        meaning=body.meaning,
        from_ns=span[0],
        to_ns=span[1],
        who=body.who,
        at_ns=desk.now_ns(),
        device=body.device,
        run=body.run,
        comment=body.comment.strip(),
    )
    return msgspec.structs.replace(label, model=known_as[0], model_version=known_as[1])


def _stretch(body: LabelIn) -> tuple[int, int]:
    from_ns, to_ns = moment(body.start, "start", 0), moment(body.end, "end", 0)
    if not 0 < from_ns < to_ns:
        remedy = "Send start and end as 2026-01-31T08:00:00Z or nanoseconds, start before end."
        raise Problem(422, "A label of a device needs a stretch of time.", remedy=remedy)
    return from_ns, to_ns


def digest(*parts: str) -> str:
    """An id that is derived, not drawn: the same words give the same."""
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogateescape")).hexdigest()[:32]
