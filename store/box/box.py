"""The store of a box: one DuckDB file, written by one thread and read by many of the same process."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Literal, Self

import duckdb

from store import export
from store.box import benches, readings, recall, retention, scores, words
from store.box.opening import close, connect, translated
from store.box.readings import Span
from store.box.room import Room, free_bytes
from store.box.writing import Pen
from store.errors import StoreBrokenError, StoreClosedError, StoreError, UnknownDeviceError
from store.port import Accounts, Commit, Device, Resume, Series, StoreFullError
from store.series import as_series
from store.which import WhichLabels, WhichRuns, Whose
from wire.config import Retention
from wire.messages import Advice, Alarm, DeadLetter, Gap, Label, Liveness, Measured, Role, Run, SourceState


class DuckStore:
    """Writer and Reader over one DuckDB file; opens at `with` and closes after it.

    One thread at a time writes (`resume`, `write`, `retain`); every other call may come from any thread. Raises
    StoreError with what to do about it, StoreFullError where room is short: then nothing was written.
    """

    def __init__(
        self,
        *,
        path: Path,
        retention: Retention | None = None,
        read_only: bool = False,
        free: Callable[[Path], int] = free_bytes,
    ) -> None:
        """`free` says how many bytes the disk under the file has free."""
        self._path = path
        self._retention = retention or Retention()
        self._read_only = read_only
        self._room = Room(path=path, min_free=self._retention.min_free, free=free)
        self._lock = Lock()
        self._root: duckdb.DuckDBPyConnection | None = None
        self._cursors: set[duckdb.DuckDBPyConnection] = set()  # that are read by
        self._pen: Pen | None = None
        self._entered = False

    def __enter__(self) -> Self:
        """Open the file, new or old. Raises StoreError."""
        self._open()
        self._entered = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file; every commit is in it already."""
        self._entered = False
        self._close()

    def resume(self) -> Resume:
        """Where the last commit ended, and the core state that goes with it."""
        with self._reading() as con:
            # One snapshot: cursor and state belong together.
            con.execute("BEGIN")
            found = Resume(cursor=recall.progress(con).cursor, state=recall.state(con))
            con.execute("COMMIT")
            return found

    def write(self, commit: Commit) -> None:
        """Write a micro-batch in one transaction, durable on return. StoreFullError: nothing of it was written."""
        pen = self._writing()
        with translated(self._path):
            self._room.check(pen.con)
        try:
            with translated(self._path):
                pen.write(commit)
        except (StoreError, StoreFullError):
            if not self._landed(pen.progress.commits + 1):
                raise

    def retain(self, now_ns: int) -> None:
        """Drop what retention allows to go; `store.retention` states the rules."""
        pen = self._writing()
        try:
            with translated(self._path):
                retention.retain(pen, self._retention, self._room, now_ns)
        except (StoreError, StoreFullError):
            self._landed(0)
            raise

    def devices(self) -> list[Device]:
        """All devices with readings, by name."""
        with self._reading() as con:
            return words.devices(con)

    def readings(
        self, device: str, *, start_ns: int, end_ns: int, channels: Sequence[str] = (), points: int = 0
    ) -> Series:
        """Readings in time order; an unknown device has none, an unknown channel is all None."""
        with self._reading() as con:
            sets = recall.sets(con, device)
            names = tuple(dict.fromkeys(channels)) or readings.channels_of(sets)
            found = readings.read(con, readings.shelves(sets, names), Span(start_ns, end_ns), len(names), points)
        return as_series(found, names)

    def scores(
        self,
        device: str,
        *,
        start_ns: int,
        end_ns: int,
        points: int = 0,
        role: Role = "champion",
        model: str = "",
        version: int = 0,
    ) -> Series:
        """Column "score" and a column a channel with its contribution; thinned rows keep their own times."""
        with self._reading() as con:
            return scores.scores(con, device, Whose(role, model, version), Span(start_ns, end_ns), points)

    def alarms(self, *, device: str = "", active: bool = False, since_ns: int = 0, limit: int = 1000) -> list[Alarm]:
        """The newest state of each alarm, newest change first; `active`: all that are not normal."""
        with self._reading() as con:
            return words.alarms(con, device, since_ns, limit, active=active)

    def history(self, alarm_id: str) -> list[Alarm]:
        """Every state an alarm went through, oldest first."""
        with self._reading() as con:
            return words.history(con, alarm_id)

    def runs(
        self,
        *,
        procedure: str = "",
        station: str = "",
        unit: str = "",
        state: str = "",
        since_ns: int = 0,
        limit: int = 1000,
        rows: bool = True,
    ) -> list[Run]:
        """The newest state of each run, newest start first."""
        with self._reading() as con:
            return benches.runs(con, WhichRuns(procedure, station, unit, state, since_ns, limit, rows))

    def run(self, edge: str, run: str) -> Run | None:
        """One run with its wide row."""
        with self._reading() as con:
            return benches.run(con, edge, run)

    def advice(self, edge: str, run: str, role: Role = "champion") -> list[Advice]:
        """What was advised on a run, in the order of its steps."""
        with self._reading() as con:
            return benches.advice(con, edge, run, role)

    def newest(self, runs: Sequence[Run]) -> Mapping[tuple[str, str], Advice]:
        """The last word on each of these runs, by (edge, run)."""
        with self._reading() as con:
            return benches.newest(con, runs)

    def measured(self, edge: str, run: str) -> list[Measured]:
        """What a bench said it measured in a run, in the order it came."""
        with self._reading() as con:
            return benches.measured(con, edge, run)

    def labels(
        self,
        *,
        label: str = "",
        device: str = "",
        run: str = "",
        since_ns: int = 0,
        withdrawn: bool = False,
        limit: int = 1000,
    ) -> list[Label]:
        """Labels in their newest state, newest first."""
        with self._reading() as con:
            return benches.labels(con, WhichLabels(label, device, run, since_ns, withdrawn, limit))

    def liveness(self) -> list[Liveness]:
        """The newest word on every device."""
        with self._reading() as con:
            return recall.records(con, Liveness)

    def sources(self) -> list[tuple[str, SourceState]]:
        """The newest state of every source, with its edge."""
        with self._reading() as con:
            return words.sources(con)

    def gaps(self, *, device: str = "", limit: int = 1000) -> list[tuple[str, Gap]]:
        """Known losses with their edge, newest first; a device's are its own and those of its whole edge."""
        with self._reading() as con:
            return words.gaps(con, device, limit)

    def dead(self, *, limit: int = 100) -> list[DeadLetter]:
        """Dead letters, newest first."""
        with self._reading() as con:
            return words.dead(con, limit)

    def accounts(self) -> list[Accounts]:
        """Counts by edge."""
        with self._reading() as con:
            return recall.records(con, Accounts)

    def counted(self) -> Mapping[str, int]:
        """The rows that lie in the store by edge, counted one by one; `store.accounts` compares them."""
        with self._reading() as con:
            return readings.counted(con)

    def export(
        self, device: str, path: Path, *, form: Literal["csv", "parquet"], start_ns: int = 0, end_ns: int = 2**63 - 1
    ) -> int:
        """Write a device's rows to a file, which appears whole or not at all. Raises UnknownDeviceError."""
        with self._reading() as con:
            sets = recall.sets(con, device)
            if not sets:
                known = [record.device for record in words.devices(con)]
                raise UnknownDeviceError(device, get_close_matches(device, known, n=3))
            names = readings.channels_of(sets)
            where = readings.shelves(sets, names)
            return export.export(con, export.Wanted(where, names, Span(start_ns, end_ns)), path, form)

    def _open(self) -> None:
        con = connect(self._path, read_only=self._read_only)
        with self._lock:
            self._root = con
        if self._read_only:
            return
        try:
            with translated(self._path):
                self._pen = Pen(con.cursor())
        except (StoreError, StoreFullError):
            self._close()
            raise

    def _close(self) -> None:
        with self._lock:
            root, self._root, pen, self._pen = self._root, None, self._pen, None
        if pen is not None:
            pen.con.close()
        if root is not None:
            close(root, self._under_way)

    def _under_way(self) -> list[duckdb.DuckDBPyConnection]:
        with self._lock:
            return list(self._cursors)

    @contextmanager
    def _reading(self) -> Iterator[duckdb.DuckDBPyConnection]:
        try:
            with translated(self._path), self._cursor() as con:
                try:
                    yield con
                finally:
                    with self._lock:
                        self._cursors.discard(con)
        except StoreBrokenError as error:
            if self._root is None:  # closed meanwhile, which ends all that is under way
                raise StoreClosedError(self._path) from error
            raise

    def _cursor(self) -> duckdb.DuckDBPyConnection:
        # Under the lock: DuckDB refuses to close a connection that is just making a cursor.
        with self._lock:
            if self._root is None:
                raise StoreClosedError(self._path)
            cursor = self._root.cursor()
            self._cursors.add(cursor)
            return cursor

    def _writing(self) -> Pen:
        if self._read_only:
            msg = f"{self._path} was opened for reading only"
            raise StoreBrokenError(msg)
        if self._pen is None and self._entered:
            self._open()
        if self._pen is None:
            raise StoreClosedError(self._path)
        return self._pen

    def _landed(self, commits: int) -> bool:
        # The database stops itself at a failed write. Opened again, it knows whether the commit reached the disk.
        self._close()
        try:
            self._open()
        except (StoreError, StoreFullError):
            return False
        return self._writing().progress.commits == commits
