"""Turning alarms, gaps, dead letters, events and records into Arrow tables; knows nothing of a database."""

from collections.abc import Iterable, Mapping, Sequence

import msgspec
import pyarrow as pa

from store.box.ledger import Record
from store.box.recall import PROGRESS, STATE, Progress
from store.box.sets import ChannelSet, Scorer
from wire.messages import Alarm, Batch, DeadLetter, Event, Gap, Redelivered, Refused, SourceState

_encode = msgspec.msgpack.Encoder().encode
# These have a table or a count of their own; the core turns each Refused into a DeadLetter.
_ELSEWHERE = (Gap, SourceState, Refused, Redelivered)
_LATEST = pa.schema([("name", pa.string()), ("body", pa.binary())])
_ALARMS = pa.schema(
    [
        ("id", pa.string()),
        ("version", pa.int32()),
        *((name, pa.string()) for name in ("edge", "device", "rule", "state", "priority")),
        ("onset_ns", pa.int64()),
        ("changed_ns", pa.int64()),
        ("summary", pa.string()),
        ("body", pa.binary()),
    ]
)
_GAPS = pa.schema(
    [
        *((name, pa.string()) for name in ("edge", "device", "source")),
        *((name, pa.int64()) for name in ("from_ns", "to_ns", "lost")),
        ("reason", pa.string()),
    ]
)
_DEAD = pa.schema(
    [
        ("number", pa.int64()),
        ("t_ns", pa.int64()),
        *((name, pa.string()) for name in ("source", "device", "reason")),
        ("body", pa.binary()),
    ]
)
_EVENTS = pa.schema(
    [
        ("edge", pa.string()),
        ("log", pa.string()),
        ("seq", pa.int64()),
        ("clock_ns", pa.int64()),
        ("kind", pa.string()),
        ("subject", pa.string()),
        ("body", pa.binary()),
    ]
)
_SETS = pa.schema(
    [
        ("id", pa.int32()),
        ("edge", pa.string()),
        ("device", pa.string()),
        ("channels", pa.list_(pa.string())),
        ("width", pa.int32()),
    ]
)
_SCORERS = pa.schema(
    [
        ("id", pa.int32()),
        *((name, pa.string()) for name in ("edge", "device", "model")),
        ("version", pa.int32()),
        ("channels", pa.list_(pa.string())),
        ("role", pa.string()),
    ]
)


def bodies(state: Mapping[str, bytes], records: Mapping[str, Record], progress: Progress | None) -> dict[str, bytes]:
    """What takes the place of older words of the same name, by name."""
    bodies = {STATE + name: body for name, body in state.items()}
    bodies |= {name: _encode(record) for name, record in records.items()}
    if progress is not None:
        bodies[PROGRESS] = _encode(progress)
    return bodies


def latest(bodies: Mapping[str, bytes]) -> pa.Table:
    """Names with their bodies; an empty body forgets the name."""
    return table([(name, body) for name, body in bodies.items() if body], _LATEST)


def alarms(changes: Iterable[Alarm]) -> pa.Table:
    """Alarm states, a column for what a person asks by, and the whole of it."""
    rows = [
        (
            a.id,
            a.version,
            a.edge,
            a.device,
            a.rule,
            a.state,
            a.priority,
            a.onset_ns,
            a.changed_ns,
            a.summary,
            _encode(a),
        )
        for a in changes
    ]
    return table(rows, _ALARMS)


def gaps(found: Iterable[tuple[str, Gap]]) -> pa.Table:
    """Gaps with their edge."""
    return table([(e, g.device, g.source, g.from_ns, g.to_ns, g.rows, g.reason) for e, g in found], _GAPS)


def dead(letters: Sequence[DeadLetter], after: int) -> pa.Table:
    """Dead letters, numbered on from `after` in the order they came."""
    rows = [(after + i, d.t_ns, d.source, d.device, d.reason, _encode(d)) for i, d in enumerate(letters, 1)]
    return table(rows, _DEAD)


def events(batches: Iterable[Batch]) -> pa.Table:
    """What was said besides readings and has no table of its own: texts, what benches said, doubted clocks."""
    rows = [
        (batch.edge, batch.log, batch.seq, batch.clock_ns, *_kind(event), _encode(event))
        for batch in batches
        for event in batch.events
        if not isinstance(event, _ELSEWHERE)
    ]
    return table(rows, _EVENTS)


def sets(new: Iterable[ChannelSet]) -> pa.Table:
    """Channel sets."""
    return table([(s.id, s.edge, s.device, list(s.channels), s.width) for s in new], _SETS)


def scorers(new: Iterable[Scorer]) -> pa.Table:
    """Scorers."""
    return table([(s.id, s.edge, s.device, s.model, s.version, list(s.channels), s.role) for s in new], _SCORERS)


def _kind(event: Event) -> tuple[str, str]:
    kind = str(event.__struct_config__.tag)
    return kind, getattr(event, "run", "") or getattr(event, "device", "")


def table(rows: Sequence[tuple[object, ...]], schema: pa.Schema) -> pa.Table:
    """Rows as columns."""
    columns = zip(*rows, strict=True) if rows else [()] * len(schema)
    return pa.table([list(column) for column in columns], schema=schema)
