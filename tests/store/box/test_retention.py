import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from store.accounts import problems
from store.box.box import DuckStore
from store.box.retention import DISK_REASON
from store.port import StoreFullError
from tests.store.benches import advice, beside, label, over
from tests.store.plant import EVER, SECOND_NS, START_NS, alarm, commit, frame, letter, ramp, scores
from wire.config import DAY_NS, HOUR_NS, Retention
from wire.messages import AlarmState, Frame, Gap, Outcome

GB = 10**9


class Disk:
    """A disk whose free room the test sets."""

    def __init__(self, free: int) -> None:
        self.free = free

    def __call__(self, path: Path) -> int:
        assert path.name == "box.duckdb"
        return self.free


def hourly(days: int) -> dict[int, list[float]]:
    return {START_NS + hour * HOUR_NS: [1.0] for hour in range(days * 24)}


def test_what_is_older_than_its_age_goes_and_is_counted_but_is_no_loss(tmp_path: Path) -> None:
    rules = Retention(readings_ns=10 * DAY_NS, scores_ns=5 * DAY_NS)
    said = scores("pump", dict.fromkeys(hourly(30), (0.75, (0.75,))), ["a"])
    with DuckStore(path=tmp_path / "box.duckdb", retention=rules, free=Disk(GB)) as store:
        store.write(commit(1, frame("pump", ["a"], hourly(30)), outcomes=[said]))
        store.write(commit(2, frame("mill", ["x"], hourly(5)), edge="other"))
        store.retain(START_NS + 30 * DAY_NS)
        left = store.readings("pump", **EVER).t_ns
        assert abs(left[0] - (START_NS + 20 * DAY_NS)) <= HOUR_NS
        assert left[-1] == START_NS + 30 * DAY_NS - HOUR_NS
        assert abs(store.scores("pump", **EVER).t_ns[0] - (START_NS + 25 * DAY_NS)) <= HOUR_NS
        edge, other = store.accounts()
        assert edge.retained_away == edge.rows - len(left)
        assert (other.rows, other.retained_away) == (120, 120)
        assert (edge.gaps, store.gaps()) == (0, [])
        assert problems(store.accounts(), store.counted()) == []
        pump = store.devices()[1]
        assert (pump.rows, abs(pump.first_ns - left[0]) <= HOUR_NS) == (len(left), True)
    with DuckStore(path=tmp_path / "box.duckdb", retention=rules, free=Disk(GB)) as store:
        store.retain(START_NS + 30 * DAY_NS)
        assert store.accounts() == [edge, other], "a second call finds nothing more to drop"


def test_a_frequent_retention_does_not_nibble(tmp_path: Path) -> None:
    with DuckStore(path=tmp_path / "box.duckdb", retention=Retention(readings_ns=1000 * SECOND_NS)) as store:
        store.write(commit(1, ramp("pump", 0, 5000)))
        left = set()
        for tenth in range(100):
            store.retain(START_NS + 2000 * SECOND_NS + tenth * SECOND_NS // 10)
            left.add(store.counted()["edge"])
        assert len(left) <= 11


def test_alarms_that_stand_never_go_and_dead_letters_are_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("store.box.retention.DEAD_LETTERS", 3)
    old = [alarm("old", 1, AlarmState.UNACKNOWLEDGED), alarm("old", 2, AlarmState.NORMAL)]
    stands = [alarm("stands", 1, AlarmState.UNACKNOWLEDGED), alarm("stands", 2, AlarmState.RETURNED)]
    gap = Gap("pump", 1, START_NS, 3, "unplugged")
    letters = [letter(f"reason {i}") for i in range(10)]
    with DuckStore(path=tmp_path / "box.duckdb", retention=Retention(alarms_ns=DAY_NS)) as store:
        store.write(commit(1, events=[gap], outcomes=[*old, *stands, *letters]))
        store.retain(START_NS + 2 * DAY_NS)
        assert store.alarms() == [stands[1]]
        assert (store.history("old"), store.history("stands")) == ([], stands)
        assert store.gaps() == []
        assert [one.reason for one in store.dead()] == ["reason 9", "reason 8", "reason 7"]
        assert (store.accounts()[0].dead, store.accounts()[0].gap_rows) == (10, 3)


def test_runs_what_was_advised_and_labels_go_with_the_alarms_of_their_age(tmp_path: Path) -> None:
    long = Retention(alarms_ns=10 * DAY_NS)
    old, new = over("old", "pass"), over("new", "pass", number=24 * 12)
    said: list[Outcome] = [old, new, advice("old", "S01", 1), beside("old", "S01", 1)]
    said += [label("a"), label("b", number=60 * 24 * 12)]
    with DuckStore(path=tmp_path / "box.duckdb", retention=long, free=Disk(GB)) as store:
        store.write(commit(1, outcomes=said))
        store.retain(START_NS + 15 * DAY_NS)
        assert store.runs() == [new]
        assert store.advice("edge", "old") == store.advice("edge", "old", "candidate") == []
        assert [found.id for found in store.labels()] == ["b"]


def test_below_the_room_that_must_stay_free_nothing_is_written_until_there_is_room(tmp_path: Path) -> None:
    disk = Disk(GB)
    with DuckStore(path=tmp_path / "box.duckdb", free=disk) as store:
        store.write(commit(1, ramp("pump", 0, 5)))
        disk.free = 400_000_000
        with pytest.raises(StoreFullError, match=r"400 MB free .* 500 MB must stay free"):
            store.write(commit(2, ramp("pump", 5, 5)))
        assert (store.resume().cursor, store.counted()) == (1, {"edge": 5})
        disk.free = 600_000_000
        store.write(commit(2, ramp("pump", 5, 5)))
        assert (store.resume().cursor, store.counted()) == (2, {"edge": 10})


DAY_ROWS = 60_000


def noise(day: int) -> Frame:
    """A day of values without pattern, which take their full size in the file."""
    t_ns = START_NS + day * DAY_NS + np.arange(DAY_ROWS, dtype="<i8") * (DAY_NS // DAY_ROWS)
    values = np.random.default_rng(day).random((DAY_ROWS, 4))
    return Frame("pump", ("a", "b", "c", "d"), t_ns.tobytes(), values.astype("<f8").tobytes())


def test_a_nearly_full_disk_takes_the_oldest_days_as_counted_gaps_and_then_the_box_goes_on(tmp_path: Path) -> None:
    rules = Retention(min_free=100_000_000)
    disk = Disk(GB)
    with DuckStore(path=tmp_path / "box.duckdb", retention=rules, free=disk) as store:
        for day in range(10):
            store.write(commit(day + 1, noise(day)))
        store.retain(START_NS + 10 * DAY_NS)
        assert store.counted() == {"edge": 10 * DAY_ROWS}
        store._cursor().execute("CHECKPOINT")
        inside = store._cursor().execute("SELECT free_blocks * block_size FROM pragma_database_size()").fetchall()
        disk.free = rules.min_free - inside[0][0] - 3_000_000
        with pytest.raises(StoreFullError):
            store.write(commit(11, ramp("mill", 900_000, 5)))
        store.retain(START_NS + 10 * DAY_NS)
        left = store.counted()["edge"]
        (account,) = store.accounts()
        gaps = [gap for _, gap in store.gaps()]
        assert 0 < len(gaps) < 6
        assert {gap.reason for gap in gaps} == {DISK_REASON}
        assert sum(gap.rows for gap in gaps) == 10 * DAY_ROWS - left == account.gap_rows == account.retained_away
        assert gaps[-1].from_ns == START_NS
        assert store.readings("pump", start_ns=0, end_ns=START_NS + 9 * DAY_NS).t_ns[0] >= gaps[0].to_ns
        assert problems(store.accounts(), store.counted()) == []
        store.write(commit(11, ramp("mill", 900_000, 5)))
        assert store.resume().cursor == 11


def test_a_disk_that_others_filled_takes_no_readings(tmp_path: Path) -> None:
    with DuckStore(path=tmp_path / "box.duckdb", retention=Retention(min_free=0)) as store:
        store.write(commit(1, noise(0)))
    with DuckStore(path=tmp_path / "box.duckdb", free=Disk(1000)) as store:
        store.retain(START_NS + 30 * DAY_NS)
        assert store.counted() == {"edge": DAY_ROWS}
        assert store.gaps() == []


def test_the_newest_day_stays_whatever_the_disk_says(tmp_path: Path) -> None:
    disk = Disk(GB)
    with DuckStore(path=tmp_path / "box.duckdb", retention=Retention(min_free=1_000_000), free=disk) as store:
        for day in range(3):
            store.write(commit(day + 1, noise(day)))
        store._cursor().execute("CHECKPOINT")
        disk.free = 0
        store.retain(START_NS + 2 * DAY_NS + DAY_NS // 2)
        assert DAY_ROWS < store.counted()["edge"] < 3 * DAY_ROWS


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=12m", "none", folder], check=False, capture_output=True, text=True
    )
    if mounted.returncode:
        pytest.skip(f"needs the right to mount a small disk: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_a_disk_that_is_really_full_refuses_and_then_goes_on_where_it_was(small_disk: Path) -> None:
    rows = 2000
    with DuckStore(path=small_disk / "box.duckdb", retention=Retention(min_free=0)) as store:
        cursor = 0
        refused = 0
        while refused < 3:
            assert cursor < 1000, "the disk never filled"
            try:
                store.write(commit(cursor + 1, ramp("pump", cursor * rows, rows, 8), state={"core": b"x"}))
                cursor += 1
            except StoreFullError as error:
                assert "No space left" in str(error)  # noqa: PT017 -- which write is refused depends on the disk
                refused += 1
        subprocess.run(["mount", "-o", "remount,size=40m", small_disk], check=True)
        for _ in range(5):
            store.write(commit(cursor + 1, ramp("pump", cursor * rows, rows, 8), state={"core": b"x"}))
            cursor += 1
        assert store.resume().cursor == cursor
        assert store.readings("pump", **EVER).columns["c7"] == [float(n) for n in range(cursor * rows)]
        assert problems(store.accounts(), store.counted()) == []
