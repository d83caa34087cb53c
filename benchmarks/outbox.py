"""Durable commits of the outbox: rows a second on disk with fsync, in bursts and as single messages."""

import os
import sqlite3
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.report import Figure, figure
from edge.log import LocalLog
from edge.outbox import Outbox
from wire.config import Config
from wire.ports import Arrival, Receipt, Row

CHANNELS = tuple(f"c{i}" for i in range(8))
ROWS = 200_000
REPEATS = 3


def rows_per_s(*, rows_an_arrival: int, acknowledged: bool = False) -> float:
    """Rows a second through `put` until the last is on disk, median of three runs; 16 devices, 8 channels."""
    return sorted(_run(rows_an_arrival, acknowledged=acknowledged) for _ in range(REPEATS))[REPEATS // 2]


def bare_rows_per_s() -> float:
    """The same rows as plain SQLite inserts, committed every 50 ms with synchronous=FULL: the trivial baseline."""
    with TemporaryDirectory(prefix="tocsin-bare-") as folder:
        db = sqlite3.connect(Path(folder) / "bare.sqlite", isolation_level=None)
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
        marks = ",".join("?" * 10)
        db.execute(f"CREATE TABLE r (device, t, {','.join(CHANNELS)})")
        begun = committed = time.perf_counter()
        db.execute("BEGIN")
        for i in range(ROWS):
            db.execute(f"INSERT INTO r VALUES ({marks})", (f"d{i % 16}", time.time_ns(), *([float(i)] * 8)))
            if time.perf_counter() - committed > 0.05:
                db.execute("COMMIT")
                db.execute("BEGIN")
                committed = time.perf_counter()
        db.execute("COMMIT")
        took = time.perf_counter() - begun
        db.close()
    return ROWS / took


def _run(rows_an_arrival: int, *, acknowledged: bool) -> float:
    with TemporaryDirectory(prefix="tocsin-outbox-") as folder:
        config = Config()
        log = LocalLog(Path(folder) / "log.sqlite", edge="bench")
        arrivals = _arrivals(rows_an_arrival)
        with log:
            begun = time.perf_counter()
            with Outbox(log, config) as outbox:
                last = threading.Event()
                for i, rows in enumerate(arrivals):
                    is_last = i == len(arrivals) - 1
                    key = i.to_bytes(16, "little") if acknowledged or is_last else b""
                    receipt = Receipt(key, last.set if is_last else _nothing) if key else None
                    outbox.put(Arrival(source="bench", rows=rows, receipt=receipt))
                assert last.wait(120), "the last rows were not committed within 120 s"
                took = time.perf_counter() - begun
            assert log.status().lane.rows == sum(map(len, arrivals))
        return ROWS / took


def _arrivals(rows_an_arrival: int) -> list[Sequence[Row]]:
    values = [tuple(float(i * j) for j in range(8)) for i in range(100)]
    return [
        [Row(f"d{a % 16}", CHANNELS, values[(a + r) % 100]) for r in range(rows_an_arrival)]
        for a in range(ROWS // rows_an_arrival)
    ]


def _nothing() -> None:
    pass


def measure() -> list[Figure]:
    """Outbox commits beside bare SQLite inserts of the same rows."""
    bare = bare_rows_per_s()
    return [
        figure("outbox.rows_per_s", rows_per_s(rows_an_arrival=50), "rows/s", 100_000),
        figure("outbox.rows_vs_bare_sqlite", rows_per_s(rows_an_arrival=50), "rows/s", bare),
        figure("outbox.messages_per_s", rows_per_s(rows_an_arrival=1, acknowledged=True), "msgs/s"),
        figure("outbox.cores", os.cpu_count() or 1, "cores"),
    ]
