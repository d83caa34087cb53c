"""Runs and procedures over HTTP: how they stand, and the switch that lets benches be told."""

import hashlib
import logging
from typing import Annotated, Literal

import msgspec
from fastapi import APIRouter, Query

from dashboards.console.bench_shapes import (
    ProcedureOut,
    RunOut,
    RunWholeOut,
    StationOut,
    SwitchIn,
    SwitchOut,
    run_out,
    run_whole_out,
)
from dashboards.console.desk import Desk
from dashboards.console.measurements import measurements
from dashboards.console.moments import iso
from dashboards.console.problem import Problem
from dashboards.console.procedures import Standing
from dashboards.console.savings_shapes import comparison_out, stops_out
from dashboards.console.stations import Station, stations
from dashboards.console.when import moment
from store.port import Reader
from wire.messages import Action, Role, Run, Verb

log = logging.getLogger(__name__)

EDGES = 1000  # runs that are asked which edges a procedure has
ROLES: tuple[Role, ...] = ("champion", "candidate")
State = Literal["", "running", "pass", "fail", "aborted", "broken-off"]


def known_run(reader: Reader, run: str, edge: str = "") -> Run:
    """The run of that name. Raises Problem for one nobody knows."""
    found = reader.run(edge, run)
    if found is None:
        raise Problem(404, f"There is no run {run!r}.", remedy="GET /api/v1/runs lists the newest runs.")
    return found


def router(desk: Desk) -> APIRouter:
    """Routes to runs and procedures."""
    routes = APIRouter(tags=["test benches"])

    @routes.get("/runs")
    def runs(
        *,
        procedure: str = "",
        station: str = "",
        unit: str = "",
        state: State = "",
        since: Annotated[str, Query(description="changed since, ISO 8601 or ns")] = "",
        limit: Annotated[int, Query(ge=1, le=10_000)] = 100,
    ) -> list[RunOut]:
        """The newest state of each run, newest start first."""
        found = desk.reader.runs(
            procedure=procedure,
            station=station,
            unit=unit,
            state=state,
            since_ns=moment(since, "since", 0),
            limit=limit,
            rows=False,
        )
        return [run_out(run) for run in found]

    @routes.get("/stations")
    def all_stations() -> list[StationOut]:
        """Stations of test benches: when each was last heard of, and which runs go on there."""
        return [station_out(one) for one in stations(desk.reader)]

    # A name may hold slashes; POST /runs/… has its own places.
    @routes.get("/runs/{run:path}")
    def one(run: str, edge: str = "") -> RunWholeOut:
        """One run with its steps, its values with their limits, what was advised after each step, and its labels."""
        found = known_run(desk.reader, run, edge)
        labels = [label for label in desk.reader.labels(run=run, withdrawn=True) if label.edge == found.edge]
        measured = measurements(found, desk.reader.measured(found.edge, run))
        said = {role: desk.reader.advice(found.edge, run, role) for role in ROLES}
        return run_whole_out(found, said, labels, measured)

    @routes.get("/procedures")
    def all_procedures() -> list[ProcedureOut]:
        """Procedures with their runs, failures and yield, and what early stops saved."""
        return [procedure_out(standing) for standing in desk.procedures.all()]

    @routes.post("/procedures/{procedure:path}/advice", status_code=202)
    def advice(procedure: str, body: SwitchIn) -> SwitchOut:
        """Let the benches of a procedure be told to stop, or no more; in your name."""
        return switch(desk, procedure, on=body.on, who=body.who, why=body.why)

    return routes


def station_out(of: Station) -> StationOut:
    """A station as JSON."""
    return StationOut(**msgspec.structs.asdict(of), heard=iso(of.heard_ns))


def switch(desk: Desk, procedure: str, *, on: bool, who: str, why: str = "") -> SwitchOut:
    """Turn the advice of a procedure on or off at each edge that has it; durable when it returns. Raises Problem."""
    if not who.strip():
        raise Problem(422, "An action needs a name.", remedy='Send {"on": true, "who": "your name"}.')
    runs = desk.reader.runs(procedure=procedure, limit=EDGES, rows=False) if procedure else ()
    edges = sorted({run.edge for run in runs})
    if not edges:
        remedy = "GET /api/v1/procedures lists those of which a run was seen."
        raise Problem(404, f"There is no procedure {procedure!r}.", remedy=remedy)
    if on and desk.procedure_of(procedure).advice == "off":
        remedy = 'Set advice = "shadow" for it in [[procedures]] first.'
        raise Problem(409, f"The config says that nothing is advised on {procedure!r}.", remedy=remedy)
    at_ns = desk.now_ns()
    for edge in edges:
        verb = Verb.ADVISE if on else Verb.WITHHOLD
        id_ = hashlib.sha256(f"{verb}\0{edge}\0{procedure}\0{at_ns}".encode()).hexdigest()[:32]
        desk.inbox.append(Action(id_, edge, "*", f"advice:{procedure}", verb, who.strip(), why.strip(), at_ns=at_ns))
    desk.procedures.switch(procedure, on=on, at_ns=at_ns)
    log.info("benches of %s are %s told to stop, says %r", procedure, "now" if on else "no more", who.strip())
    return SwitchOut(procedure=procedure, on=on, edges=edges)


def procedure_out(standing: Standing) -> ProcedureOut:
    """A procedure as JSON."""
    saved, states = standing.saved, standing.saved.states
    over = states.get("pass", 0) + states.get("fail", 0)
    model, version = standing.model
    return ProcedureOut(
        **stops_out(saved.force).model_dump() | {"model": model, "model_version": version},
        procedure=standing.name,
        owner=standing.rule.owner or "",
        edges=standing.named("edge"),
        stations=standing.named("station"),
        versions=standing.named("version"),
        runs=saved.runs,
        states=states,
        passed_share=states.get("pass", 0) / over if over else None,
        advice=standing.mode,
        needed=standing.needed,
        currency=standing.costs.currency,
        told_in_all=saved.told,
        saved_in_all_s=saved.saved_s,
        by_version=[stops_out(each) for each in saved.versions],
        comparison=comparison_out(standing.comparison),
    )
