"""The tables of the DuckDB file, and how an older file becomes a newer one.

Readings lie in tables by width: a row of a frame with 5 channels is one row of `fresh_8`, columns v0 to v4, so the
number of tables is small whatever the channel lists are. New rows come to `fresh_*` in the order they arrive; when
enough are there they move, sorted by device and time, to `kept_*`, so that a month of one device lies together.
`readings_*` and `scores` are views over both. `latest` holds what is rewritten in place: cursor, core state, devices,
accounts, liveness, sources. `runs` and `labels` hold the newest state of each, a run's wide row (`cells`) beside it.
"""

from pathlib import Path

import duckdb

from store.errors import StoreForeignError, StoreVersionError

VERSION = 3
APPLICATION = "tocsin"

_ALARM = """id VARCHAR, version INTEGER, edge VARCHAR, device VARCHAR, rule VARCHAR, state VARCHAR, priority VARCHAR,
    onset_ns BIGINT, changed_ns BIGINT, summary VARCHAR, body BLOB"""

_BENCHES = """
CREATE TABLE runs (edge VARCHAR, run VARCHAR, change INTEGER, unit VARCHAR, procedure VARCHAR, station VARCHAR,
    state VARCHAR, started_ns BIGINT, changed_ns BIGINT, body BLOB, cells BLOB);
CREATE TABLE advice (edge VARCHAR, run VARCHAR, t_ns BIGINT, step VARCHAR, procedure VARCHAR, body BLOB);
CREATE TABLE labels (id VARCHAR, edge VARCHAR, device VARCHAR, run VARCHAR, meaning VARCHAR, from_ns BIGINT,
    to_ns BIGINT, at_ns BIGINT, withdrawn BOOLEAN, body BLOB);
"""

# As `advice`, of candidates and backtests: what reads the other shows only what was live.
_SHADOW = """
CREATE TABLE shadow_advice (edge VARCHAR, run VARCHAR, t_ns BIGINT, step VARCHAR, procedure VARCHAR, body BLOB);
"""

_TABLES = f"""
CREATE TABLE about (application VARCHAR, version INTEGER);
CREATE TABLE latest (name VARCHAR, body BLOB);
CREATE TABLE sets (id INTEGER, edge VARCHAR, device VARCHAR, channels VARCHAR[], width INTEGER);
CREATE TABLE scorers (id INTEGER, edge VARCHAR, device VARCHAR, model VARCHAR, version INTEGER, channels VARCHAR[],
    role VARCHAR);
CREATE TABLE fresh_scores (scorer INTEGER, t_ns BIGINT, score FLOAT);
CREATE TABLE kept_scores (scorer INTEGER, t_ns BIGINT, score FLOAT);
CREATE VIEW scores AS SELECT * FROM fresh_scores UNION ALL SELECT * FROM kept_scores;
CREATE TABLE contributions (scorer INTEGER, t_ns BIGINT, parts FLOAT[]);
CREATE TABLE alarms ({_ALARM});
CREATE TABLE alarm_changes ({_ALARM});
CREATE TABLE gaps (edge VARCHAR, device VARCHAR, source VARCHAR, from_ns BIGINT, to_ns BIGINT, lost BIGINT,
    reason VARCHAR);
CREATE TABLE dead (number BIGINT, t_ns BIGINT, source VARCHAR, device VARCHAR, reason VARCHAR, body BLOB);
CREATE TABLE events (edge VARCHAR, log VARCHAR, seq BIGINT, clock_ns BIGINT, kind VARCHAR, subject VARCHAR, body BLOB);
{_BENCHES}
{_SHADOW}
"""

# One entry a step: what turns schema n into n + 1.
_MIGRATIONS: dict[int, str] = {
    1: f"""
{_BENCHES}
ALTER TABLE scorers ADD COLUMN role VARCHAR DEFAULT 'champion';
INSERT INTO advice SELECT edge, subject, clock_ns, '', '', body FROM events WHERE kind = 'advice';
DELETE FROM events WHERE kind = 'advice';
""",
    2: _SHADOW,
}


def prepare(con: duckdb.DuckDBPyConnection, path: Path, *, read_only: bool) -> bool:
    """Make the tables of a new file, bring an older one up to date, refuse what is foreign or newer.

    False: it is an older one, and may not be changed here.
    """
    names = {row[0] for row in con.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
    if not names and not read_only:
        _create(con)
        return True
    version = _version(con, path, names)
    if version > VERSION:
        raise StoreVersionError(path, version, VERSION)
    if version < VERSION and read_only:
        return False
    _migrate(con, version)
    return True


def add_width(con: duckdb.DuckDBPyConnection, width: int) -> None:
    """Make the tables for rows of this width unless they are there."""
    columns = ", ".join(f"v{i} DOUBLE" for i in range(width))
    for place in ("fresh", "kept"):
        con.execute(f"CREATE TABLE IF NOT EXISTS {place}_{width} (set_id INTEGER, t_ns BIGINT, {columns})")
    con.execute(
        f"CREATE VIEW IF NOT EXISTS readings_{width} AS "
        f"SELECT * FROM fresh_{width} UNION ALL SELECT * FROM kept_{width}"
    )


def _create(con: duckdb.DuckDBPyConnection) -> None:
    con.execute("BEGIN")
    con.execute(_TABLES)
    con.execute("INSERT INTO about VALUES (?, ?)", [APPLICATION, VERSION])
    con.execute("COMMIT")


def _version(con: duckdb.DuckDBPyConnection, path: Path, names: set[str]) -> int:
    rows = con.execute("SELECT application, version FROM about").fetchall() if "about" in names else []
    if not rows or rows[0][0] != APPLICATION:
        found = f"a DuckDB file with tables {', '.join(sorted(names)[:5])}" if names else "an empty DuckDB file"
        raise StoreForeignError(path, found)
    return int(rows[0][1])


def _migrate(con: duckdb.DuckDBPyConnection, version: int) -> None:
    if version == VERSION:
        return
    con.execute("BEGIN")
    for step in range(version, VERSION):
        con.execute(_MIGRATIONS[step])
    con.execute("UPDATE about SET version = ?", [VERSION])
    con.execute("COMMIT")
