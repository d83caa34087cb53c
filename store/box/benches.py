"""Runs, advice and labels in the file: their tables, and what is read out of them; the newest state of each stands."""

from collections.abc import Iterable, Mapping, Sequence

import duckdb
import msgspec
import pyarrow as pa

from store.box.records import table
from store.which import WhichLabels, WhichRuns
from wire.messages import Advice, Label, Measured, Role, Run

_encode = msgspec.msgpack.Encoder().encode
_run = msgspec.msgpack.Decoder(Run).decode
_advice = msgspec.msgpack.Decoder(Advice).decode
_label = msgspec.msgpack.Decoder(Label).decode
_measured = msgspec.msgpack.Decoder(Measured).decode
_cells = msgspec.msgpack.Decoder(dict[str, float]).decode
LIVE, SHADOW = "advice", "shadow_advice"  # tables: what champions said, and what others did beside

_RUNS = pa.schema(
    [
        *((name, pa.string()) for name in ("edge", "run")),
        ("change", pa.int32()),
        *((name, pa.string()) for name in ("unit", "procedure", "station", "state")),
        *((name, pa.int64()) for name in ("started_ns", "changed_ns")),
        *((name, pa.binary()) for name in ("body", "cells")),
    ]
)
_ADVICE = pa.schema(
    [
        *((name, pa.string()) for name in ("edge", "run")),
        ("t_ns", pa.int64()),
        *((name, pa.string()) for name in ("step", "procedure")),
        ("body", pa.binary()),
    ]
)
_LABELS = pa.schema(
    [
        *((name, pa.string()) for name in ("id", "edge", "device", "run", "meaning")),
        *((name, pa.int64()) for name in ("from_ns", "to_ns", "at_ns")),
        ("withdrawn", pa.bool_()),
        ("body", pa.binary()),
    ]
)


def put_runs(con: duckdb.DuckDBPyConnection, said: Iterable[Run]) -> None:
    """Let the newest state of each run stand; an older one that comes late changes nothing."""
    newest: dict[tuple[str, str], Run] = {}
    for run in said:
        known = newest.get((run.edge, run.run))
        if known is None or run.change >= known.change:
            newest[run.edge, run.run] = run
    if not newest:
        return
    named = [[edge for edge, _ in newest], [run for _, run in newest]]
    where = "(edge, run) IN (SELECT (unnest(?), unnest(?)))"
    found = con.execute(f"SELECT edge, run, change FROM runs WHERE {where}", named).fetchall()
    stored = {(edge, run): change for edge, run, change in found}
    fresh = [run for key, run in newest.items() if run.change >= stored.get(key, 0)]
    if not fresh:
        return
    con.execute(f"DELETE FROM runs WHERE {where}", [[r.edge for r in fresh], [r.run for r in fresh]])
    rows = [
        (
            r.edge,
            r.run,
            r.change,
            r.unit,
            r.procedure,
            r.station,
            r.state,
            r.started_ns,
            r.changed_ns,
            _encode(msgspec.structs.replace(r, row={})),
            _encode(r.row),
        )
        for r in fresh
    ]
    con.from_arrow(table(rows, _RUNS)).insert_into("runs")


def put_advice(con: duckdb.DuckDBPyConnection, said: Sequence[Advice]) -> None:
    """Keep what was advised, and apart from it what was only thought beside."""
    for name in (LIVE, SHADOW):
        some = [a for a in said if _place(a.role) == name]
        rows = [(a.edge, a.run, a.t_ns, a.step, a.procedure, _encode(a)) for a in some]
        if rows:
            con.from_arrow(table(rows, _ADVICE)).insert_into(name)


def put_labels(con: duckdb.DuckDBPyConnection, said: Iterable[Label]) -> None:
    """Let the newest state of each label stand: what was withdrawn stays so."""
    newest: dict[str, Label] = {}
    for label in said:
        if label.withdrawn_by or not newest.get(label.id, label).withdrawn_by:
            newest[label.id] = label
    if not newest:
        return
    query = "SELECT id FROM labels WHERE withdrawn AND id IN (SELECT unnest(?))"
    gone = {id_ for (id_,) in con.execute(query, [list(newest)]).fetchall()}
    fresh = [label for label in newest.values() if label.withdrawn_by or label.id not in gone]
    con.execute("DELETE FROM labels WHERE id IN (SELECT unnest(?))", [[label.id for label in fresh]])
    rows = [
        (n.id, n.edge, n.device, n.run, n.meaning, n.from_ns, n.to_ns, n.at_ns, bool(n.withdrawn_by), _encode(n))
        for n in fresh
    ]
    if rows:
        con.from_arrow(table(rows, _LABELS)).insert_into("labels")


def runs(con: duckdb.DuckDBPyConnection, which: WhichRuns) -> list[Run]:
    """Runs, newest start first."""
    query = (
        f"SELECT body, {'cells' if which.rows else 'NULL'} FROM runs WHERE ($procedure = '' OR procedure = $procedure) "
        "AND ($station = '' OR station = $station) AND ($unit = '' OR unit = $unit) "
        "AND ($state = '' OR state = $state) AND changed_ns >= $since ORDER BY started_ns DESC, run LIMIT $limit"
    )
    bound = {name: getattr(which, name) for name in ("procedure", "station", "unit", "state", "limit")}
    return [_whole(*row) for row in con.execute(query, bound | {"since": which.since_ns}).fetchall()]


def run(con: duckdb.DuckDBPyConnection, edge: str, name: str) -> Run | None:
    """One run; the newest of that name where no edge is named."""
    query = (
        "SELECT body, cells FROM runs WHERE run = $run AND ($edge = '' OR edge = $edge) "
        "ORDER BY started_ns DESC, edge LIMIT 1"
    )
    rows = con.execute(query, {"edge": edge, "run": name}).fetchall()
    return _whole(*rows[0]) if rows else None


def advice(con: duckdb.DuckDBPyConnection, edge: str, name: str, role: Role) -> list[Advice]:
    """What was advised on a run in this role, in the order of its steps."""
    query = f"SELECT body FROM {_place(role)} WHERE run = $run AND ($edge = '' OR edge = $edge)"
    found = [_advice(body) for (body,) in con.execute(query, {"edge": edge, "run": name}).fetchall()]
    return sorted((one for one in found if one.role == role), key=lambda one: (one.t_ns, one.done))


def newest(con: duckdb.DuckDBPyConnection, of: Sequence[Run]) -> Mapping[tuple[str, str], Advice]:
    """The last word on each of these runs, by (edge, run)."""
    query = (
        "SELECT body FROM advice WHERE (edge, run) IN (SELECT (unnest(?), unnest(?))) "
        "QUALIFY t_ns = max(t_ns) OVER (PARTITION BY edge, run)"
    )
    rows = con.execute(query, [[run.edge for run in of], [run.run for run in of]]).fetchall() if of else []
    found = sorted((_advice(body) for (body,) in rows), key=lambda one: one.done)
    return {(one.edge, one.run): one for one in found}


def measured(con: duckdb.DuckDBPyConnection, edge: str, name: str) -> list[Measured]:
    """What was said to be measured in a run, in the order it came."""
    query = (
        "SELECT body FROM events WHERE kind = 'measured' AND subject = $run AND ($edge = '' OR edge = $edge) "
        "ORDER BY clock_ns, seq, rowid"
    )
    return [_measured(body) for (body,) in con.execute(query, {"edge": edge, "run": name}).fetchall()]


def labels(con: duckdb.DuckDBPyConnection, which: WhichLabels) -> list[Label]:
    """Labels, newest first."""
    query = (
        "SELECT body FROM labels WHERE ($label = '' OR id = $label) AND ($device = '' OR device = $device) "
        "AND ($run = '' OR run = $run) AND at_ns >= $since AND ($withdrawn OR NOT withdrawn) "
        "ORDER BY at_ns DESC, id LIMIT $limit"
    )
    bound = {name: getattr(which, name) for name in ("label", "device", "run", "withdrawn", "limit")}
    return [_label(body) for (body,) in con.execute(query, bound | {"since": which.since_ns}).fetchall()]


def _place(role: Role) -> str:
    return LIVE if role == "champion" else SHADOW


def _whole(body: bytes, cells: bytes | None) -> Run:
    found = _run(body)
    return msgspec.structs.replace(found, row=_cells(cells)) if cells else found
