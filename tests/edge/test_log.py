import os
import signal
import sqlite3
import subprocess
import sys
import threading
from array import array
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from edge.clock import HandClock
from edge.lane import Delivered, Draft, Group
from edge.log import APPENDED_BYTES, LocalLog
from edge.logfile import DamagedLogError, DiskError, ForeignLogError, LogError, LogInUseError
from edge.records import READ_BYTES
from wire.config import EdgeSettings, WhenFull
from wire.envelope import unpack_input
from wire.messages import NS_PER_S, Action, Batch, Frame, Gap, Refused, SourceState, SourceStatus, Tick, Verb
from wire.ports import Entry, FullError

NOW = 1_790_000_000 * NS_PER_S


def frame(start: int = 0, rows: int = 10, device: str = "pump-1") -> Frame:
    times = array("q", (NOW + (start + i) * 1_000_000 for i in range(rows)))
    return Frame(device, ("a", "b"), times.tobytes(), array("d", range(2 * rows)).tobytes())


def group(*drafts: Draft, clock_ns: int = NOW) -> Group:
    return Group(clock_ns=clock_ns, drafts=drafts or (Draft(),))


def batch_of(entry: Entry) -> Batch:
    batch = unpack_input(entry.body)
    assert isinstance(batch, Batch)
    return batch


def action(name: str = "1", why: str = "") -> Action:
    return Action(id=name, edge="e", device="d", rule="r", verb=Verb.ACKNOWLEDGE, who="eva", why=why)


@pytest.fixture
def clock() -> HandClock:
    return HandClock(NOW)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "log.sqlite"


@pytest.fixture
def log(path: Path, clock: HandClock) -> Iterator[LocalLog]:
    with LocalLog(path, edge="e", clock=clock) as log:
        yield log


def test_batches_come_back_in_order_with_a_sequence_without_holes(log: LocalLog) -> None:
    log.commit(group(Draft((frame(),)), Draft((frame(10),))))
    log.commit(group())
    found = log.read(0, limit=10, wait_s=0)
    assert [batch_of(e).seq for e in found] == [1, 2, 3]
    assert [e.pos for e in found] == sorted({e.pos for e in found})
    assert batch_of(found[0]).frames == (frame(),)
    assert len(batch_of(found[0]).log) == 32


def test_the_lane_goes_on_after_a_restart_and_positions_are_never_given_again(path: Path, clock: HandClock) -> None:
    with LocalLog(path, edge="e", clock=clock) as log:
        last = log.commit(group(Draft((frame(),))))[-1]
        lane = batch_of(log.read(0, limit=1, wait_s=0)[0]).log
        log.confirm(last)
    with LocalLog(path, edge="e", clock=clock) as log:
        assert log.read(0, limit=10, wait_s=0) == []
        pos = log.commit(group())[0]
        found = log.read(last, limit=10, wait_s=0)
    assert pos > last
    assert [(batch_of(e).log, batch_of(e).seq) for e in found] == [(lane, 2)]


def test_the_clock_of_the_lane_never_goes_back_not_even_across_a_restart(path: Path, clock: HandClock) -> None:
    with LocalLog(path, edge="e", clock=clock) as log:
        log.commit(group(clock_ns=NOW))
        log.commit(group(clock_ns=NOW - NS_PER_S))
    with LocalLog(path, edge="e", clock=clock) as log:
        assert log.lane.clock_ns == NOW
        log.commit(group(clock_ns=5))
        assert [batch_of(e).clock_ns for e in log.read(0, limit=9, wait_s=0)] == [NOW] * 3


def test_a_renamed_edge_begins_a_lane_of_its_own(path: Path, clock: HandClock) -> None:
    for name in ("old", "new"):
        with LocalLog(path, edge=name, clock=clock) as log:
            log.commit(group())
            found = [batch_of(e) for e in log.read(0, limit=9, wait_s=0)]
    assert [(b.edge, b.seq) for b in found] == [("old", 1), ("new", 1)]
    assert found[0].log != found[1].log


def test_actions_of_people_stand_in_the_same_order(log: LocalLog) -> None:
    log.commit(group())
    pos = log.append(action())
    log.commit(group())
    found = log.read(0, limit=9, wait_s=0)
    assert [type(unpack_input(e.body)) for e in found] == [Batch, Action, Batch]
    assert found[1].pos == pos


def test_what_people_write_is_bounded_and_never_gives_way(path: Path, clock: HandClock) -> None:
    with LocalLog(path, edge="e", bytes_bound=65536, clock=clock) as log:
        first = log.append(action())
        for i in range(50):
            log.commit(group(Draft((frame(i * 100, rows=100),))))
        assert log.read(0, limit=1, wait_s=0)[0].pos == first
        while log._appended + 150_000 < APPENDED_BYTES:
            log.append(action(why="x" * 100_000))
        with pytest.raises(FullError):
            log.append(action(why="x" * 200_000))
        log.confirm(log.status().last_pos)
        assert log.append(Tick(at_ns=NOW)) > first


def test_a_waiting_reader_wakes_on_a_commit(log: LocalLog) -> None:
    found: list[Entry] = []
    reader = threading.Thread(target=lambda: found.extend(log.read(0, limit=9, wait_s=60)))
    reader.start()
    log.commit(group())
    reader.join(30)
    assert [batch_of(e).seq for e in found] == [1]


def test_a_waiting_reader_is_let_go_when_the_log_is_closed(path: Path) -> None:
    log = LocalLog(path, edge="e")
    found: list[list[Entry]] = []
    with log:
        reader = threading.Thread(target=lambda: found.append(log.read(0, limit=9, wait_s=60)))
        reader.start()
    reader.join(30)
    assert found == [[]]


def test_confirmed_records_are_gone_and_the_account_adds_up(log: LocalLog) -> None:
    positions = [log.commit(group(Draft((frame(i * 10),))))[0] for i in range(5)]
    log.confirm(positions[2])
    lane = log.status().lane
    assert (lane.rows, lane.waiting, lane.confirmed, lane.given_up, lane.batches) == (50, 20, 30, 0, 5)
    assert [e.pos for e in log.read(0, limit=9, wait_s=0)] == positions[3:]
    log.confirm(positions[-1])
    assert log.status().lane.bytes == 0


def test_a_full_log_drops_the_oldest_and_says_so(path: Path, clock: HandClock) -> None:
    with LocalLog(path, edge="e", bytes_bound=65536, clock=clock) as log:
        for i in range(100):
            devices = ("pump-1", "pump-2")
            log.commit(group(Draft(tuple(frame(i * 100, rows=20, device=d) for d in devices))))
            assert log.status().lane.bytes <= 65536 + 2048
        lane = log.status().lane
        kept = [batch_of(e) for e in log.read(0, limit=1000, wait_s=0)]
    told = {"pump-1": 0, "pump-2": 0}
    for gap in (event for batch in kept for event in batch.events):
        assert isinstance(gap, Gap)
        assert gap.reason == "outbox full"
        assert gap.to_ns < array("q", kept[0].frames[0].t_ns)[0]
        told[gap.device] += gap.rows
    rows = sum(f.rows for batch in kept for f in batch.frames)
    assert rows + sum(told.values()) == 4000 == lane.rows
    assert told["pump-1"] == told["pump-2"] > 0
    assert lane.given_up + lane.waiting == lane.rows
    assert [batch.seq for batch in kept] == list(range(kept[0].seq, 101))


def test_records_in_a_readers_hands_do_not_give_way_and_the_reader_goes_on_behind_the_gap(
    path: Path, clock: HandClock
) -> None:
    with LocalLog(path, edge="e", bytes_bound=65536, clock=clock) as log:
        held = log.commit(group(Draft((frame(),))))[0]
        assert log.read(0, limit=9, wait_s=0)[0].pos == held
        for i in range(1, 100):
            log.commit(group(Draft((frame(i * 100, rows=100),))))
        assert log.read(0, limit=1, wait_s=0)[0].pos == held
        log.confirm(held)
        following = log.read(held, limit=1, wait_s=0)[0]
        lost = [e for e in batch_of(log.read(held, limit=1000, wait_s=0)[-1]).events if isinstance(e, Gap)]
    assert following.pos > held + 1
    assert all(gap.from_ns > NOW + 9_000_000 for gap in lost)


def test_records_that_are_too_old_give_way(path: Path, clock: HandClock) -> None:
    hour = 3600 * NS_PER_S
    with LocalLog(path, edge="e", age_ns=2 * hour, clock=clock) as log:
        log.commit(group(Draft((frame(),))))
        log.commit(group(Draft((frame(10),)), clock_ns=NOW + hour))
        log.commit(group(clock_ns=NOW + 2 * hour + 1))
        kept = [batch_of(e) for e in log.read(0, limit=9, wait_s=0)]
    assert [b.seq for b in kept] == [2, 3]
    assert kept[1].events == (Gap("pump-1", NOW, NOW + 9_000_000, 10, "older than 2 h"),)


def test_gaps_in_records_that_give_way_are_carried_on_and_other_events_counted(path: Path, clock: HandClock) -> None:
    before = Gap(device="*", from_ns=1, to_ns=2, rows=-1, reason="edge was not running", source="serial-1")
    state = SourceState("serial-1", SourceStatus.CONNECTED)
    with LocalLog(path, edge="e", age_ns=NS_PER_S, clock=clock) as log:
        log.commit(group(Draft((), (before, state, state))))
        log.commit(group(clock_ns=NOW + 2 * NS_PER_S))
        events = batch_of(log.read(0, limit=1, wait_s=0)[0]).events
    assert events == (
        before,
        Gap(device="*", from_ns=NOW, to_ns=NOW, rows=0, reason="older than 0.000277778 h: source-state events"),
    )


def test_under_refuse_nothing_gives_way_and_the_room_is_told(path: Path, clock: HandClock) -> None:
    with LocalLog(path, edge="e", bytes_bound=65536, when_full=WhenFull.REFUSE, clock=clock) as log:
        for i in range(50):
            log.commit(group(Draft((frame(i * 100, rows=100),))))
        assert log.room_bytes == 0
        last = log.read(0, limit=1000, wait_s=0)
        assert [batch_of(e).seq for e in last] == list(range(1, 51))
        log.confirm(last[-1].pos)
        assert log.room_bytes == 65536


def test_the_status_tells_the_hours_of_room_left(path: Path, clock: HandClock) -> None:
    with LocalLog.of(path, EdgeSettings(name="e", outbox_bytes=100_000), clock=clock) as log:
        assert log.status().hours_left is None
        log.commit(group(Draft((frame(),))))
        clock.pass_ns(360 * NS_PER_S)
        status = log.status()
    assert status.oldest_age_s == 360
    assert status.bytes_per_hour == pytest.approx(10 * status.lane.bytes)
    assert status.hours_left == pytest.approx((100_000 - status.lane.bytes) / status.bytes_per_hour)


def test_keys_of_deliveries_and_lines_that_are_down_are_kept_with_the_rows(path: Path, clock: HandClock) -> None:
    down = {"serial-1": 8}
    with LocalLog(path, edge="e", clock=clock) as log:
        first, second = Delivered(1, "mqtt-1", (b"a", b"b")), Delivered(2, "mqtt-1", (b"c",))
        log.commit(Group(NOW, [Draft()], down={"serial-1": 7}, delivered=[first]))
        log.commit(
            Group(NOW, [Draft()], utc_ns=NOW - 1, down={"serial-1": 8}, delivered=[second], forgotten=[1], moved=3)
        )
    with LocalLog(path, edge="e", clock=clock) as log:
        assert log.deliveries() == [second]
        assert (log.lane.utc_ns, log.lane.down) == (NOW - 1, down)
        assert log.status().lane.moved == 3


def test_refused_inputs_are_counted(log: LocalLog) -> None:
    log.commit(group(Draft((), (Refused("serial-1", "no number", b"x", count=5), Refused("m", "r", b"y")))))
    assert log.status().lane.refused == 6


def test_a_full_disk_writes_nothing_and_recovers_when_room_returns(log: LocalLog) -> None:
    db = log._connection()
    pages = db.execute("PRAGMA page_count").fetchone()[0]
    db.execute(f"PRAGMA max_page_count = {pages + 4}")
    with pytest.raises(DiskError, match="refuses writes"):
        log.commit(group(Draft((frame(rows=10_000),))))
    assert "Free some room" in log.status().trouble
    assert log.status().lane.rows == 0
    assert log.read(0, limit=9, wait_s=0) == []
    db.execute("PRAGMA max_page_count = 100000")
    log.commit(group(Draft((frame(rows=10_000),))))
    assert log.status().trouble == ""
    assert batch_of(log.read(0, limit=9, wait_s=0)[0]).seq == 1


def test_a_second_process_is_refused_clearly(path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from edge.log import LocalLog\n"
        "with LocalLog(Path(sys.argv[1]), edge='e'):\n print('open', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen([sys.executable, "-c", code, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout
        assert other.stdout.readline() == b"open\n"
        with pytest.raises(LogInUseError, match="in use by another process"), LocalLog(path, edge="e"):
            pass
        other.send_signal(signal.SIGKILL)
    with LocalLog(path, edge="e"):
        pass


def test_a_file_that_is_no_database_is_refused_and_left_alone(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"no database" * 1000)
    with pytest.raises(DamagedLogError, match="Move it away"), LocalLog(path, edge="e"):
        pass
    assert path.read_bytes() == b"no database" * 1000


def test_a_damaged_page_is_noticed_when_the_log_is_opened(path: Path) -> None:
    with LocalLog(path, edge="e") as log:
        for i in range(200):
            log.commit(group(Draft((frame(i * 100, rows=5),))))
    data = bytearray(path.read_bytes())
    page = len(data) // 4096 // 2
    data[page * 4096 : page * 4096 + 512] = os.urandom(512)
    path.write_bytes(data)
    with pytest.raises(DamagedLogError, match="recover"), LocalLog(path, edge="e"):
        pass


def test_the_database_of_another_program_is_refused_and_left_alone(path: Path) -> None:
    path.parent.mkdir()
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE record (mine)")
    db.close()
    before = path.read_bytes()
    with pytest.raises(ForeignLogError, match="another program"), LocalLog(path, edge="e"):
        pass
    assert path.read_bytes() == before


def test_a_log_of_a_later_version_is_refused(path: Path) -> None:
    with LocalLog(path, edge="e"):
        pass
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(ForeignLogError, match="version 99"), LocalLog(path, edge="e"):
        pass


def test_a_closed_log_says_so(path: Path) -> None:
    log = LocalLog(path, edge="e")
    with pytest.raises(LogError, match="not open"):
        log.commit(group())


def test_writers_readers_and_people_at_once_lose_nothing(path: Path) -> None:
    with LocalLog(path, edge="e") as log:
        seen: list[int] = []

        def consume() -> None:
            after = 0
            while len(seen) < 300:
                for entry in log.read(after, limit=7, wait_s=30):
                    seen.append(entry.pos)
                    after = entry.pos
                log.confirm(after)

        def write() -> None:
            for i in range(200):
                log.commit(group(Draft((frame(i * 10),))))

        def act() -> None:
            for i in range(100):
                log.append(action(str(i)))

        threads = [threading.Thread(target=job) for job in (consume, write, act)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert seen == list(range(seen[0], seen[0] + 300))
        assert log.status().lane.waiting == 0


def test_one_read_hands_out_a_bounded_amount(log: LocalLog) -> None:
    body = bytes(READ_BYTES // 2)
    for _ in range(3):
        log.commit(group(Draft((), (Refused("s", "r", body),))))
    found = log.read(0, limit=100, wait_s=0)
    assert [batch_of(entry).seq for entry in found] == [1]
    assert [batch_of(entry).seq for entry in log.read(found[0].pos, limit=1, wait_s=0)] == [2]


def test_the_state_of_the_lane_can_be_read_with_any_sqlite_tool(path: Path) -> None:
    with LocalLog(path, edge="e") as log:
        log.commit(group(Draft((frame(),))))
    db = sqlite3.connect(path)
    assert msgspec.json.decode(db.execute("SELECT body FROM lane").fetchone()[0])["rows"] == 10
    db.close()


def test_a_disk_that_refuses_writes_keeps_what_was_confirmed_for_the_next_time(
    log: LocalLog, caplog: pytest.LogCaptureFixture
) -> None:
    first = log.commit(group(Draft((frame(),))))[0]
    second = log.commit(group(Draft((frame(10),))))[0]
    db = log._connection()
    db.execute("PRAGMA query_only = 1")
    log.confirm(first)
    assert log.lane.waiting == 20
    assert "stays in the log for now" in caplog.text
    db.execute("PRAGMA query_only = 0")
    log.confirm(second)
    assert log.lane.waiting == 0
    assert log.lane.confirmed == 20


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    with pytest.raises(DiskError, match="cannot create the folder"), LocalLog(tmp_path / "data" / "l", edge="e"):
        pass


@pytest.mark.parametrize("rows", [1, 30, 60, 100, 150, 1000, 20_000])
def test_what_the_log_says_it_takes_is_what_it_takes_on_disk(path: Path, rows: int) -> None:
    with LocalLog(path, edge="e"):
        pass
    empty = path.stat().st_size
    with LocalLog(path, edge="e") as log:
        for i in range(300 if rows < 1000 else 8):
            log.commit(group(Draft((frame(i * rows, rows=rows),))))
        told = log.lane.bytes
    taken = path.stat().st_size - empty
    assert told == pytest.approx(taken, rel=0.1)


def test_a_reader_that_remembers_a_log_which_was_moved_away_misses_nothing_of_the_new_one(tmp_path: Path) -> None:
    clock = HandClock(NOW)
    positions: list[int] = []
    for name in ("old", "new"):
        with LocalLog(tmp_path / name, edge="e", clock=clock) as log:
            positions.append(log.commit(group())[0])
            after = positions[0] if name == "new" else 0
            assert len(log.read(after, limit=9, wait_s=0)) == 1
            assert log.status().backlog == 1
            log.confirm(positions[-1])
            assert log.status().backlog == 0
        clock.pass_ns(NS_PER_S)
    assert positions[1] > positions[0] + 100
    with LocalLog(tmp_path / "unset", edge="e", clock=HandClock(0)) as log:
        log.commit(group())
        assert len(log.read(positions[1], limit=9, wait_s=0)) == 1
