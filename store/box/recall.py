"""Reading back what a commit left besides rows: records, channel sets, scorers, tables; writes nothing."""

from typing import TypeVar

import duckdb
import msgspec

from store.box.ledger import DeviceRecord, Record, SourceRecord
from store.box.sets import ChannelSet, Scorer
from store.port import Accounts
from wire.messages import Liveness

_Record = TypeVar("_Record", bound=Record)

# What the names in table `latest` begin with; state parts and the progress stand beside these records.
KINDS: dict[type, str] = {
    DeviceRecord: "device",
    Accounts: "accounts",
    Liveness: "liveness",
    SourceRecord: "source",
}
SAID_AGAIN: frozenset[type] = frozenset(
    {Liveness, SourceRecord}
)  # the next word of a device or source takes their place
STATE = "state/"
PROGRESS = "progress"


class Progress(msgspec.Struct, frozen=True):
    """How far the store is: the cursor, and the number of commits so far."""

    cursor: int = 0
    commits: int = 0


def progress(con: duckdb.DuckDBPyConnection) -> Progress:
    """Where the last commit ended."""
    rows = con.execute("SELECT body FROM latest WHERE name = ?", [PROGRESS]).fetchall()
    return msgspec.msgpack.decode(rows[0][0], type=Progress) if rows else Progress()


def state(con: duckdb.DuckDBPyConnection) -> dict[str, bytes]:
    """All parts of the core state."""
    rows = con.execute("SELECT name, body FROM latest WHERE starts_with(name, ?)", [STATE]).fetchall()
    return {name.removeprefix(STATE): body for name, body in rows}


def records(con: duckdb.DuckDBPyConnection, kind: type[_Record]) -> list[_Record]:
    """All records of one kind, by name; damaged ones of a kind that is said again are left out."""
    decode = msgspec.msgpack.Decoder(kind).decode
    prefix = KINDS[kind] + "/"
    rows = con.execute("SELECT body FROM latest WHERE starts_with(name, ?) ORDER BY name", [prefix]).fetchall()
    found = []
    for (body,) in rows:
        try:
            found.append(decode(body))
        except msgspec.DecodeError:
            if kind not in SAID_AGAIN:
                raise
    return found


def sets(con: duckdb.DuckDBPyConnection, device: str | None = None) -> list[ChannelSet]:
    """All channel sets, or those of one device."""
    rows = con.execute(
        "SELECT id, edge, device, channels, width FROM sets WHERE device = $1 OR $1 IS NULL ORDER BY id", [device]
    ).fetchall()
    return [ChannelSet(id_, edge, name, tuple(channels), width) for id_, edge, name, channels, width in rows]


def scorers(con: duckdb.DuckDBPyConnection, device: str | None = None) -> list[Scorer]:
    """All scorers, or those of one device."""
    rows = con.execute(
        "SELECT id, edge, device, model, version, channels, role FROM scorers WHERE device = $1 OR $1 IS NULL "
        "ORDER BY id",
        [device],
    ).fetchall()
    return [
        Scorer(number, edge, name, model, version, tuple(channels), role)
        for number, edge, name, model, version, channels, role in rows
    ]


def widths(con: duckdb.DuckDBPyConnection) -> list[int]:
    """The widths there are tables for."""
    rows = con.execute(
        "SELECT view_name FROM duckdb_views() WHERE view_name LIKE 'readings\\_%' ESCAPE '\\'"
    ).fetchall()
    return sorted(int(name.rpartition("_")[2]) for (name,) in rows)


def count(con: duckdb.DuckDBPyConnection, table: str) -> int:
    """How many rows a table has."""
    return number(con, f"SELECT count(*) FROM {table}")


def number(con: duckdb.DuckDBPyConnection, query: str) -> int:
    """The one number that a query answers."""
    # Fetched to the end: a connection with an unfinished answer takes no rows.
    ((found,),) = con.execute(query).fetchall()
    return int(found)
