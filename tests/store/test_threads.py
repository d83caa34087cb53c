import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest

from store.accounts import problems
from store.box.box import DuckStore
from store.errors import StoreClosedError
from tests.store.plant import EVER, START_NS, commit, ramp
from wire.config import DAY_NS

ROWS = 50
COMMITS = 120


def check_once(store: DuckStore) -> int:
    """Whatever a reader sees is a whole number of commits, and later calls see no less."""
    before = store.resume()
    series = store.readings("pump", **EVER)
    assert len(series.t_ns) % ROWS == 0
    assert series.columns.get("c1", []) == [float(n) for n in range(len(series.t_ns))]
    assert len(series.t_ns) >= before.cursor * ROWS
    if before.cursor:
        assert before.state == {"core": str(before.cursor).encode()}
        thin = store.readings("pump", **EVER, points=20)
        assert max(v for v in thin.columns["c0"] if v is not None) >= before.cursor * ROWS - 1
        assert (store.devices()[0].rows or 0) >= before.cursor * ROWS
    assert problems(store.accounts()) == []
    return before.cursor


def test_readers_see_whole_commits_while_one_thread_writes_moves_and_retains(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("store.box.writing.FRESH_ROWS", 700)
    over = Event()
    with DuckStore(path=tmp_path / "box.duckdb") as store, ThreadPoolExecutor(4) as pool:

        def watch(number: int) -> int:
            looks = 0
            while not over.is_set() or looks < 3:
                check_once(store)
                if number == 0:
                    store.export("pump", tmp_path / "out.csv", form="csv") if store.devices() else None
                looks += 1
            return looks

        watchers = [pool.submit(watch, number) for number in range(3)]
        try:
            for number in range(COMMITS):
                state = {"core": str(number + 1).encode()}
                store.write(commit(number + 1, ramp("pump", number * ROWS, ROWS), state=state))
                if number % 20 == 0:
                    store.retain(START_NS + DAY_NS)
        finally:
            over.set()
        assert all(watcher.result(timeout=60) >= 3 for watcher in watchers)
        assert store.counted() == {"edge": COMMITS * ROWS}
        assert problems(store.accounts(), store.counted()) == []


def read_after_close(store: DuckStore) -> None:
    with store._reading() as con:
        store._close()
        con.execute("SELECT count(*) FROM readings_2")


def test_closing_ends_what_is_read_and_loses_no_commit(tmp_path: Path) -> None:
    path = tmp_path / "box.duckdb"
    store = DuckStore(path=path)
    with store:
        store.write(commit(1, ramp("pump", 0, 50_000)))
        with pytest.raises(StoreClosedError, match="not open"):
            read_after_close(store)
    with DuckStore(path=path) as again:
        assert again.counted() == {"edge": 50_000}


def test_closing_ends_a_question_that_would_take_for_ever(tmp_path: Path) -> None:
    begun = Event()

    def ask(store: DuckStore) -> None:
        with store._reading() as con:
            begun.set()
            con.execute("SELECT sum(a.range * b.range) FROM range(10_000_000) a, range(10_000_000) b").fetchall()

    with ThreadPoolExecutor(1) as pool:
        with DuckStore(path=tmp_path / "box.duckdb") as store:
            asked = pool.submit(ask, store)
            assert begun.wait(10)
            time.sleep(0.1)  # the question is under way
        with pytest.raises(StoreClosedError, match="not open"):
            asked.result(timeout=30)
