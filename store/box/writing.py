"""One micro-batch into the file in one transaction; knows nothing of opening, reading or retention.

Readings and scores arrive in `fresh_*` tables and move to `kept_*`, sorted by device and time, when a fresh table
holds `FRESH_VALUES` values: before a commit, in a transaction of its own, so that a commit is never half of a move.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import duckdb
import pyarrow as pa

from store.box import benches, columns, recall, records
from store.box.ledger import DeviceRecord, Ledger
from store.box.schema import add_width
from store.box.sets import Place, SetBook
from store.port import Accounts, Commit
from wire.messages import Advice, Alarm, Batch, DeadLetter, Frame, Gap, Label, Run, Scores

FRESH_VALUES = 2_000_000
FRESH_ROWS = 250_000


class Pen:
    """Writes commits over one connection, and knows what is stored without asking the file."""

    def __init__(self, con: duckdb.DuckDBPyConnection) -> None:
        """Read what the last commit left."""
        self.con = con
        self.progress = recall.progress(con)
        self.ledger = Ledger(recall.records(con, DeviceRecord), recall.records(con, Accounts))
        self._book = SetBook(recall.sets(con), recall.scorers(con))
        self._fresh = {width: recall.count(con, f"fresh_{width}") for width in recall.widths(con)}
        self._fresh_scores = recall.count(con, "fresh_scores")
        self._dead = recall.number(con, "SELECT coalesce(max(number), 0) FROM dead")

    def write(self, commit: Commit) -> None:
        """Write a commit whole; after an exception nothing of it is there and nothing is remembered."""
        self._settle()
        progress = recall.Progress(commit.cursor, self.progress.commits + 1)
        with self.transaction():
            fresh = self._readings(commit.batches)
            scored = self._scores([o for o in commit.outcomes if isinstance(o, Scores)])
            dead = self._words(commit)
            self._insert("sets", records.sets(self._book.new_sets))
            self._insert("scorers", records.scorers(self._book.new_scorers))
            self.put_latest(commit.state, progress)
        self.progress = progress
        self._dead += dead
        self._fresh_scores += scored
        for width, rows in fresh.items():
            self._fresh[width] = self._fresh.get(width, 0) + rows

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing, in the file and in what is remembered of it."""
        self.con.execute("BEGIN")
        try:
            yield
            self.con.execute("COMMIT")
        except BaseException:
            self._undo()
            raise
        self.ledger.settle()
        self._book.settle()

    def put_latest(self, state: Mapping[str, bytes] | None = None, progress: recall.Progress | None = None) -> None:
        """Rewrite the records that changed in the ledger, and these parts of the state and this progress."""
        bodies = records.bodies(state or {}, self.ledger.changed(), progress)
        self.con.execute("DELETE FROM latest WHERE name IN (SELECT unnest(?))", [list(bodies)])
        self._insert("latest", records.latest(bodies))

    def put_gaps(self, gaps: Sequence[tuple[str, Gap]]) -> None:
        """Add gaps with their edge, inside a transaction."""
        self._insert("gaps", records.gaps(gaps))

    def _undo(self) -> None:
        self.ledger.forget()
        self._book.forget()
        try:
            self.con.execute("ROLLBACK")
        except duckdb.Error:
            # The failed statement has ended the transaction already; the first error is the one to report.
            return

    def _readings(self, batches: Sequence[Batch]) -> dict[int, int]:
        placed: list[tuple[Place, Frame]] = []
        for batch in batches:
            self.ledger.note_batch(batch)
            placed += [(self._place(batch.edge, frame), frame) for frame in batch.frames if frame.rows]
        blocks = columns.readings(placed)
        for block in blocks:
            if block.width not in self._fresh:
                add_width(self.con, block.width)
            self._insert(f"fresh_{block.width}", block.table)
            for edge, (rows, values) in block.counts.items():
                self.ledger.count(edge, stored=rows, values=values)
        return {block.width: block.table.num_rows for block in blocks}

    def _place(self, edge: str, frame: Frame) -> Place:
        channels = self.ledger.channels(frame.device, frame.channels)
        self.ledger.note_frame(edge, frame, channels)
        return self._book.place(edge, frame.device, frame.channels, channels)

    def _scores(self, said: Sequence[Scores]) -> int:
        if not said:
            return 0
        numbered = [(self._book.scorer(s).id, s) for s in said]
        self._forget_scores([(number, s) for number, s in numbered if s.role == "backtest"])
        block = columns.scores(numbered)
        self._insert("fresh_scores", block.scores)
        self._insert("contributions", block.contributions)
        for s in said:
            known = columns.newest(s)
            if known is not None and s.role == "champion":
                self.ledger.count(s.edge, scored=known.count)
                self.ledger.note_score(s.device, known.t_ns, known.score)
        return int(block.scores.num_rows)

    def _forget_scores(self, said: Sequence[tuple[int, Scores]]) -> None:
        """A stretch that is scored again takes the place of what the same version said of it before."""
        for scorer, s in said:
            times = memoryview(s.t_ns).cast("q")
            for table in ("fresh_scores", "kept_scores", "contributions") if len(times) else ():
                query = f"DELETE FROM {table} WHERE scorer = ? AND t_ns BETWEEN ? AND ?"
                self.con.execute(query, [scorer, times[0], times[-1]])

    def _words(self, commit: Commit) -> int:
        self._alarms([o for o in commit.outcomes if isinstance(o, Alarm)])
        self.put_gaps([(b.edge, e) for b in commit.batches for e in b.events if isinstance(e, Gap)])
        letters = [o for o in commit.outcomes if isinstance(o, DeadLetter)]
        self._insert("dead", records.dead(letters, self._dead))
        self._insert("events", records.events(commit.batches))
        benches.put_runs(self.con, [o for o in commit.outcomes if isinstance(o, Run)])
        benches.put_advice(self.con, [o for o in commit.outcomes if isinstance(o, Advice)])
        benches.put_labels(self.con, [o for o in commit.outcomes if isinstance(o, Label)])
        self.ledger.note_outcomes(commit)
        return len(letters)

    def _alarms(self, changes: Sequence[Alarm]) -> None:
        if not changes:
            return
        newest: dict[str, Alarm] = {}
        for alarm in changes:
            if alarm.id not in newest or alarm.version >= newest[alarm.id].version:
                newest[alarm.id] = alarm
        # An alarm is said again unchanged now and then: the newest word of a version stands alone.
        versions = {(a.id, a.version): a for a in changes}
        self.con.execute("DELETE FROM alarms WHERE id IN (SELECT unnest(?))", [list(newest)])
        self._insert("alarms", records.alarms(newest.values()))
        self.con.execute(
            "DELETE FROM alarm_changes WHERE (id, version) IN (SELECT (unnest(?), unnest(?)))",
            [[id_ for id_, _ in versions], [version for _, version in versions]],
        )
        self._insert("alarm_changes", records.alarms(versions.values()))

    def _insert(self, table: str, rows: pa.Table) -> None:
        if rows.num_rows:
            self.con.from_arrow(rows).insert_into(table)

    def _settle(self) -> None:
        for width, rows in self._fresh.items():
            if rows >= FRESH_ROWS or rows * width >= FRESH_VALUES:
                self._move(str(width), "set_id")
                self._fresh[width] = 0
        if self._fresh_scores >= FRESH_VALUES // 2:
            self._move("scores", "scorer")
            self._fresh_scores = 0

    def _move(self, what: str, owner: str) -> None:
        with self.transaction():
            self.con.execute(f"INSERT INTO kept_{what} SELECT * FROM fresh_{what} ORDER BY {owner}, t_ns")
            self.con.execute(f"DELETE FROM fresh_{what}")

    def recount(self) -> None:
        """Look how much is fresh, after something was deleted."""
        self._fresh = {width: recall.count(self.con, f"fresh_{width}") for width in recall.widths(self.con)}
        self._fresh_scores = recall.count(self.con, "fresh_scores")
