import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from store.box.box import DuckStore
from store.box.opening import connect
from store.box.schema import VERSION
from store.errors import (
    StoreBrokenError,
    StoreDamagedError,
    StoreError,
    StoreForeignError,
    StoreLockedError,
    StoreVersionError,
)
from tests.store.plant import EVER, commit, ramp

HOLDER = """
import sys
from pathlib import Path
from store.box.box import DuckStore
with DuckStore(path=Path(sys.argv[1])):
    print("open", flush=True)
    sys.stdin.readline()
"""


def refusal(path: Path, *, read_only: bool = False) -> StoreError:
    with pytest.raises(StoreError) as caught, DuckStore(path=path, read_only=read_only):
        pass
    return caught.value


@pytest.mark.parametrize("read_only", [False, True])
def test_a_store_that_a_running_box_holds_says_to_ask_the_box(tmp_path: Path, *, read_only: bool) -> None:
    path = tmp_path / "box.duckdb"
    args = [sys.executable, "-c", HOLDER, str(path)]
    pipe = subprocess.PIPE
    with subprocess.Popen(args, stdin=pipe, stdout=pipe, text=True, cwd=Path(__file__).parents[3]) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        assert holder.stdout.readline() == "open\n"
        found = refusal(path, read_only=read_only)
        holder.stdin.write("enough\n")
    assert isinstance(found, StoreLockedError)
    assert "ask the running box over its API" in str(found)
    with DuckStore(path=path, read_only=read_only) as store:
        assert store.devices() == []


def test_foreign_files_are_refused_and_left_as_they_are(tmp_path: Path) -> None:
    noise = tmp_path / "noise.duckdb"
    noise.write_bytes(os.urandom(100_000))
    sqlite = tmp_path / "log.sqlite"
    with sqlite3.connect(sqlite) as con:
        con.execute("CREATE TABLE log (pos INTEGER)")
    con.close()
    other = tmp_path / "other.duckdb"
    with duckdb.connect(str(other)) as own:
        own.execute("CREATE TABLE mine (a INTEGER)")
    for path in (noise, sqlite, other):
        before = path.read_bytes()
        assert isinstance(refusal(path), StoreForeignError)
        assert path.read_bytes() == before
    assert isinstance(refusal(tmp_path), StoreForeignError)
    assert "mine" in str(refusal(other))


def test_a_file_in_place_of_the_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("no folder")
    found = refusal(tmp_path / "data" / "box.duckdb")
    assert isinstance(found, StoreBrokenError)
    assert "folder" in str(found)


def test_damage_is_called_damage_wherever_it_lies(tmp_path: Path) -> None:
    path = tmp_path / "box.duckdb"
    with DuckStore(path=path) as store:
        store.write(commit(1, ramp("pump", 0, 50_000, 4)))
    whole = path.read_bytes()
    for cut in (100, 4096, len(whole) // 2):
        path.write_bytes(whole[:cut])
        assert isinstance(refusal(path), StoreDamagedError)
    for share in (0.1, 0.3, 0.5, 0.7, 0.9):
        at = int(len(whole) * share)
        path.write_bytes(whole[:at] + bytes(64 * [0x5A]) + whole[at + 64 :])
        try:
            with DuckStore(path=path, read_only=True) as store:
                rows = store.readings("pump", **EVER).t_ns
                assert len(rows) == 50_000, "a flip where nothing lies harms nothing, anything else is found"
        except StoreDamagedError as error:
            assert "restore a copy" in str(error)  # noqa: PT017 -- some flips hit unused room


def test_an_empty_file_that_a_crash_left_is_a_new_store(tmp_path: Path) -> None:
    path = tmp_path / "box.duckdb"
    path.touch()
    with DuckStore(path=path) as store:
        store.write(commit(1, ramp("pump", 0, 1)))
        assert store.resume().cursor == 1


def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "box.duckdb"
    with DuckStore(path=path) as store:
        store._cursor().execute("UPDATE about SET version = 99")
    found = refusal(path)
    assert isinstance(found, StoreVersionError)
    assert found.version == 99
    assert "install the newer Tocsin" in str(found)


@pytest.mark.parametrize(
    "query",
    [
        "INSTALL httpfs",
        "LOAD httpfs",
        "SELECT * FROM 'https://127.0.0.1:9/x.parquet'",
        "SELECT * FROM read_csv('/etc/passwd')",
        "COPY (SELECT 1) TO '/tmp/tocsin-should-not-exist.csv'",
        "ATTACH '/tmp/tocsin-should-not-exist.duckdb'",
        "SET enable_external_access = true",
        "SET autoinstall_known_extensions = true",
    ],
)
def test_no_query_reaches_the_network_other_files_or_the_settings(tmp_path: Path, query: str) -> None:
    con = connect(tmp_path / "box.duckdb", read_only=False)
    with con, pytest.raises(duckdb.Error, match=r"disabled|locked|can't|Cannot|not supported"):
        con.execute(query)


def test_an_older_schema_is_brought_up_step_by_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "box.duckdb"
    with DuckStore(path=path) as store:
        store.write(commit(1, ramp("pump", 0, 1)))
    monkeypatch.setattr("store.box.schema.VERSION", VERSION + 2)
    monkeypatch.setattr(
        "store.box.schema._MIGRATIONS",
        {VERSION: "ALTER TABLE gaps ADD COLUMN shift VARCHAR", VERSION + 1: "CREATE TABLE shifts (name VARCHAR)"},
    )
    for _ in range(2):
        with DuckStore(path=path) as store:
            con = store._cursor()
            assert con.execute("SELECT version FROM about").fetchall() == [(VERSION + 2,)]
            assert con.execute("SELECT count(*) FROM shifts").fetchall() == [(0,)]
            assert store.counted() == {"edge": 1}
