"""What InfluxDB is told of runs, advice and labels: tags, fields and a time of their own; knows no line protocol.

A point a change, so that one point is only ever written with one content. The last six digits of its time are a digest
of what it is about: things of one millisecond keep apart.
"""

from collections.abc import Iterator, Mapping, Sequence
from zlib import crc32

import msgspec

from store.influx.blob import written
from store.influx.protocol import Said, Whole
from store.influx.table import (
    ADVICE,
    BODY,
    CELLS,
    EDGE,
    LABELS,
    MEASURED,
    MODEL,
    PROCEDURE,
    ROLE,
    RUNS,
    SHADOW_ADVICE,
    STATION,
    VERSION,
    Measurement,
)
from wire.messages import NS_PER_S, Advice, Batch, Label, Measured, Run

APART = 1_000_000


class Point(msgspec.Struct, frozen=True):
    """One point of a measurement."""

    kind: Measurement
    tags: Mapping[str, str]
    fields: Said
    at_ns: int


def point_of(message: Run | Advice | Label) -> Point:
    """What is written of a message."""
    match message:
        case Run():
            return _run(message)
        case Advice():
            return _advice(message)
        case Label():
            return _label(message)


def measured_in(batch: Batch) -> Iterator[Point]:
    """What a batch says was measured, by runs and in its order."""
    by_run: dict[str, list[Measured]] = {}
    for event in batch.events:
        if isinstance(event, Measured):
            by_run.setdefault(event.run, []).append(event)
    for run, events in by_run.items():
        for place, body in enumerate(_bodies(events)):
            at_ns = _apart(batch.clock_ns, batch.log, batch.seq, run, place)
            yield Point(MEASURED, {EDGE: batch.edge}, {"run": run, BODY: body}, at_ns)


def _bodies(events: Sequence[Measured]) -> Iterator[Whole | None]:
    """As few texts as hold them all: many with long texts are more than one field takes."""
    body = written(events)
    if body is not None or len(events) == 1:
        yield body
        return
    half = len(events) // 2
    yield from (*_bodies(events[:half]), *_bodies(events[half:]))


def _run(run: Run) -> Point:
    """A run at a change; its wide row stands in a field of its own, which only a run that is over has."""
    fields: Said = {
        "run": run.run,
        "unit": run.unit,
        "state": run.state,
        "change": float(run.change),
        "control": float(run.control),
        "p_fail": run.p_fail,
        "saved_s": run.saved_s,
        "passed": float(run.state == "pass"),
        "failed": float(run.state == "fail"),
        "told": float(bool(run.stopped_at)),
        "would_stop": float(bool(run.would_stop_at)),
        "stopped_at": run.stopped_at,
        "would_stop_at": run.would_stop_at,
        "model": run.model,
        "model_version": float(run.model_version),
        BODY: written(msgspec.structs.replace(run, row={})),
        CELLS: written(run.row) if run.row else None,
    }
    return Point(RUNS, _tags(run), fields, _apart(run.changed_ns, run.run, run.change))


def _advice(advice: Advice) -> Point:
    """P(run fails) after a step, and what was said of it."""
    fields: Said = {
        "run": advice.run,
        "unit": advice.unit,
        "step": advice.step,
        "p_fail": advice.p_fail,
        "low": advice.low,
        "high": advice.high,
        "stop": float(advice.stop),
        "would_stop": float(advice.would_stop),
        "done": float(advice.done),
        "withheld": advice.withheld,
        BODY: written(advice),
    }
    at_ns = _apart(advice.t_ns, advice.run, advice.step, advice.done)
    if advice.role == "champion":
        return Point(ADVICE, _tags(advice), fields, at_ns)
    whose = {MODEL: advice.model, ROLE: advice.role, VERSION: str(advice.model_version)}
    told = {name: fields[name] for name in (*SHADOW_ADVICE.fields, *SHADOW_ADVICE.texts)}
    return Point(SHADOW_ADVICE, {**_tags(advice), **whose}, told, at_ns)


def _label(label: Label) -> Point:
    """A label, or that it was withdrawn."""
    fields: Said = {
        "id": label.id,
        "about": label.device,
        "run": label.run,
        "meaning": label.meaning,
        "who": label.who,
        "withdrawn": float(bool(label.withdrawn_by)),
        "from_s": label.from_ns / NS_PER_S,
        "to_s": label.to_ns / NS_PER_S,
        BODY: written(label),
    }
    return Point(LABELS, {EDGE: label.edge}, fields, _apart(label.at_ns, label.id, label.withdrawn_by))


def _tags(of: Run | Advice) -> Mapping[str, str]:
    return {EDGE: of.edge, PROCEDURE: of.procedure, STATION: of.station}


def _apart(at_ns: int, *what: object) -> int:
    digest = crc32("\n".join(map(str, what)).encode("utf-8", "surrogateescape"))
    return at_ns // APART * APART + digest % APART
