import gzip
import lzma
import threading
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from edge.source import SourceError
from edge.sources.pace import Pace
from edge.sources.replay import BATCH_ROWS, Replay, build
from tests.edge.sources.fakes import KeepingIntake, running, until
from wire.config import Config, ReplaySource
from wire.messages import NS_PER_S, Refused
from wire.ports import Arrival

T0 = 1_700_000_000 * NS_PER_S
TABLE = "time,flow,note,speed\n2023-11-14T22:13:20Z,1,x,2\n2023-11-14T22:13:21Z,,y,3\n2023-11-14T22:13:23Z,5,z,4\n"


def source(path: Path, **changes: object) -> Replay:
    settings = ReplaySource(path=str(path), device="pump-1", ignore=("note",), speed=0.0)
    return build(msgspec.structs.replace(settings, **changes), name="replay-1", config=Config())


def played(replay: Replay) -> KeepingIntake:
    intake = KeepingIntake()
    said: list[str] = []
    replay.run(intake, threading.Event(), said.append)
    assert len(said) == 1
    return intake


def write(path: Path, text: str) -> Path:
    openers: dict[str, Callable[[Path, str], object]] = {".gz": gzip.open, ".xz": lzma.open}
    with openers.get(path.suffix, open)(path, "wb") as file:  # type: ignore[attr-defined]
        file.write(text.encode())
    return path


@pytest.mark.parametrize("name", ["day.csv", "day.csv.gz", "day.csv.xz"])
def test_rows_keep_their_own_times(tmp_path: Path, name: str) -> None:
    intake = played(source(write(tmp_path / name, TABLE)))
    assert [row.claimed_ns for row in intake.rows] == [T0, T0 + NS_PER_S, T0 + 3 * NS_PER_S]
    assert {row.channels for row in intake.rows} == {("flow", "speed")}
    assert intake.rows[2].values == (5.0, 4.0)
    assert all(arrival.own_times for arrival in intake.arrivals)


def test_moved_to_now_keeps_the_distances(tmp_path: Path) -> None:
    settings = ReplaySource(path=str(write(tmp_path / "day.csv", TABLE)), device="p", ignore=("note",), speed=0.0)
    moved = msgspec.structs.replace(settings, moved_to_now=True)
    intake = played(Replay(moved, name="r", clock_ns=lambda: 5 * NS_PER_S))
    assert [row.claimed_ns for row in intake.rows] == [5 * NS_PER_S, 6 * NS_PER_S, 8 * NS_PER_S]
    assert intake.arrivals[0].own_times


def test_times_are_checked_only_when_they_ought_to_fit_the_clock(tmp_path: Path) -> None:
    path = write(tmp_path / "day.csv", TABLE.splitlines()[0] + "\n1700000000,1,,2\n")
    assert not played(source(path, moved_to_now=True, speed=1.0)).arrivals[0].own_times
    assert played(source(path, moved_to_now=True, speed=1.0, times="own")).arrivals[0].own_times
    assert played(source(path, speed=1.0)).arrivals[0].own_times


def test_a_pace_puts_rows_as_far_apart_as_they_were_recorded() -> None:
    pace = Pace(speed=2.0, moved_to_ns=None, begun_s=10.0)
    assert pace.place(T0) == (10.0, T0)
    assert pace.place(T0 + 4 * NS_PER_S) == (12.0, T0 + 4 * NS_PER_S)
    assert pace.place(T0 + 6 * NS_PER_S) == (13.0, T0 + 6 * NS_PER_S)
    pace.again()
    assert pace.place(T0) == (14.0, T0 + 8 * NS_PER_S)
    assert pace.place(T0 + 4 * NS_PER_S) == (16.0, T0 + 12 * NS_PER_S)


def test_a_loop_goes_on_after_the_last_row_until_stopped(tmp_path: Path) -> None:
    intake = KeepingIntake()
    with running(source(write(tmp_path / "day.csv", TABLE), loop=True), intake):
        until(lambda: len(intake.rows) > 5000)
    times = [row.claimed_ns for row in intake.rows]
    assert times[:5] == [T0 + s * NS_PER_S for s in (0, 1, 3, 5, 6)]
    assert times == sorted(times, key=lambda ns: ns or 0)


def test_a_loop_over_a_file_without_rows_ends(tmp_path: Path) -> None:
    assert not played(source(write(tmp_path / "a.csv", "time,a\n"), loop=True)).rows
    assert not played(source(write(tmp_path / "b.csv", "time,a\nx,1\n"), loop=True)).rows


def test_a_paced_row_waits_for_its_moment_and_stopping_ends_the_wait(tmp_path: Path) -> None:
    intake = KeepingIntake()
    path = write(tmp_path / "day.csv", "time,a\n1700000000,1\n1700000000.05,2\n1700009000,3\n")
    with running(source(path, speed=1.0), intake) as run:
        until(lambda: len(intake.rows) == 2)
        run.stop.set()
        assert run.ended() is None
    assert len(intake.rows) == 2


def test_what_is_no_row_is_refused_with_its_line(tmp_path: Path) -> None:
    lines = ["time;a;b", "1700000000;1;2", "", "1700000001;x;2", "then;1;2", "1700000002;1", "1700000003;7;8"]
    path = write(tmp_path / "day.csv", "\r\n".join([*lines, "9" * (2 << 20), "1700000004;9;9"]))
    intake = played(source(path, separator=";"))
    assert [row.values for row in intake.rows] == [(1.0, 2.0), (7.0, 8.0), (9.0, 9.0)]
    assert [(event.reason, event.size) for event in intake.of(Refused)] == [
        ("line 4: field 2 (a): not a finite number", 14),
        ("line 5: field 1 (time): not a time", 8),
        ("line 6: wrong number of fields: 2 instead of 3", 12),
        ("line 8: line longer than 1048576 bytes", (2 << 20) + 2),
    ]


def test_a_file_of_nothing_but_bad_lines_is_told_briefly_and_counted(tmp_path: Path) -> None:
    path = write(tmp_path / "day.csv", "time,a\n" + "1700000000,bad\n" * 20_000)
    intake = played(source(path))
    assert intake.refused == 20_000
    assert len(intake.events) < 20
    assert intake.of(Refused)[0].reason == "line 2: field 2 (a): not a finite number"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty, or its first line is: it should name the columns"),
        ("\x1b[2Ja,b\n", "has no column time for the time, but [?]\\[2Ja, b"),
        ("a,b\n1,2\n", "has no column time for the time, but a, b"),
        ("time,note\n1,2\n", "needs distinct columns besides the time, but has time, note"),
        ("time,a,a\n1,2,3\n", "needs distinct columns besides the time, but has time, a, a"),
    ],
)
def test_a_file_without_such_columns_is_named(tmp_path: Path, text: str, message: str) -> None:
    path = write(tmp_path / "day.csv", text)
    with pytest.raises(SourceError, match=message):
        played(source(path))


def test_a_missing_a_foreign_and_a_torn_file_are_named(tmp_path: Path) -> None:
    for path, message in (
        (tmp_path / "none.csv", "none.csv does not exist"),
        (tmp_path, "cannot be opened: Is a directory"),
    ):
        with pytest.raises(SourceError, match=message):
            played(source(path))
    (tmp_path / "no.csv.gz").write_bytes(b"time,a\n1,2\n")
    with pytest.raises(SourceError, match=r"no\.csv\.gz cannot be read past line 0"):
        played(source(tmp_path / "no.csv.gz"))
    whole = write(tmp_path / "torn.csv.xz", TABLE * 100)
    whole.write_bytes(whole.read_bytes()[:-40])
    with pytest.raises(SourceError, match=r"torn\.csv\.xz cannot be read past line"):
        played(source(whole))


def test_names_with_a_byte_order_mark_and_an_unnamed_index_are_read(tmp_path: Path) -> None:
    path = write(tmp_path / "day.csv", "\ufeff,time,a\n0,1700000000,5\n")
    (row,) = played(source(path)).rows
    assert (row.channels, row.values) == (("a",), (5.0,))


def test_a_speed_that_cannot_be_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="speed: expected 0"):
        source(tmp_path, speed=-1.0)


def test_memory_stays_bounded_however_long_the_file(tmp_path: Path) -> None:
    path = write(tmp_path / "day.csv", "time,a,b\n" + "".join(f"{1_700_000_000 + i},{i},2\n" for i in range(15_000)))

    class Forgetful(KeepingIntake):
        rows_seen = 0

        def put(self, arrival: Arrival) -> None:
            assert len(arrival.rows) <= BATCH_ROWS
            self.rows_seen += len(arrival.rows)

    intake = Forgetful()
    tracemalloc.start()
    source(path).run(intake, threading.Event(), lambda _: None)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert intake.rows_seen == 15_000
    assert peak < 2_000_000
