"""Alarms, losses, dead letters and the newest word on devices and sources out of the file; writes nothing."""

import duckdb
import msgspec

from store.box import recall
from store.box.ledger import DeviceRecord, SourceRecord
from store.port import Device
from wire.messages import Alarm, AlarmState, DeadLetter, Gap, Liveness, SourceState

_alarm = msgspec.msgpack.Decoder(Alarm).decode
_letter = msgspec.msgpack.Decoder(DeadLetter).decode


def devices(con: duckdb.DuckDBPyConnection) -> list[Device]:
    """All devices with readings, by name; `active` counts the alarms that still need a person."""
    alive = {word.device: word for word in recall.records(con, Liveness)}
    query = "SELECT device, priority, count(*) FROM alarms WHERE state <> ? GROUP BY ALL ORDER BY ALL"
    active: dict[str, dict[str, int]] = {}
    for name, priority, count in con.execute(query, [AlarmState.NORMAL]).fetchall():
        active.setdefault(name, {})[priority] = count
    return [
        _device(record, alive.get(record.device), active.get(record.device, {}))
        for record in sorted(recall.records(con, DeviceRecord), key=lambda record: record.device)
    ]


def _device(record: DeviceRecord, word: Liveness | None, active: dict[str, int]) -> Device:
    return Device(
        edge=record.edge,
        device=record.device,
        channels=record.channels,
        first_ns=record.first_ns,
        last_ns=record.last_ns,
        rows=record.rows,
        health=word.health if word else None,
        warm=word.warm if word else 0.0,
        score=record.score,
        active=active,
    )


def alarms(con: duckdb.DuckDBPyConnection, device: str, since_ns: int, limit: int, *, active: bool) -> list[Alarm]:
    """The newest state of each alarm, newest change first."""
    query = (
        "SELECT body FROM alarms WHERE ($device = '' OR device = $device) AND changed_ns >= $since "
        "AND (NOT $active OR state <> $normal) ORDER BY changed_ns DESC, id LIMIT $limit"
    )
    bound = {"device": device, "since": since_ns, "active": active, "normal": AlarmState.NORMAL, "limit": limit}
    return [_alarm(body) for (body,) in con.execute(query, bound).fetchall()]


def history(con: duckdb.DuckDBPyConnection, alarm_id: str) -> list[Alarm]:
    """Every state an alarm went through, oldest first."""
    query = "SELECT body FROM alarm_changes WHERE id = ? ORDER BY version"
    return [_alarm(body) for (body,) in con.execute(query, [alarm_id]).fetchall()]


def sources(con: duckdb.DuckDBPyConnection) -> list[tuple[str, SourceState]]:
    """The newest state of every source, with its edge."""
    return [(record.edge, record.state) for record in recall.records(con, SourceRecord)]


def gaps(con: duckdb.DuckDBPyConnection, device: str, limit: int) -> list[tuple[str, Gap]]:
    """Known losses with their edge, newest first; a device's are its own and those of all its source."""
    query = (
        "SELECT edge, device, from_ns, to_ns, lost, reason, source FROM gaps "
        "WHERE $device = '' OR device = $device OR (device = '*' AND edge IN "
        "(SELECT edge FROM sets WHERE device = $device)) ORDER BY to_ns DESC, from_ns DESC LIMIT $limit"
    )
    rows = con.execute(query, {"device": device, "limit": limit}).fetchall()
    return [(edge, Gap(*rest)) for edge, *rest in rows]


def dead(con: duckdb.DuckDBPyConnection, limit: int) -> list[DeadLetter]:
    """Dead letters, newest first."""
    rows = con.execute("SELECT body FROM dead ORDER BY number DESC LIMIT ?", [limit]).fetchall()
    return [_letter(body) for (body,) in rows]
