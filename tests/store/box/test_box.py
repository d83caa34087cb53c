from pathlib import Path

import pytest

from store.accounts import problems
from store.box.box import DuckStore
from store.errors import StoreBrokenError, StoreClosedError, StoreMissingError
from store.port import Reader, Writer
from tests.store.plant import EVER, LANE, NAN, START_NS, alarm, alive, commit, frame, letter, ramp, scores
from wire.messages import (
    AlarmState,
    ClockDoubted,
    Event,
    Gap,
    Health,
    Redelivered,
    SourceState,
    SourceStatus,
    Text,
)


def test_the_store_is_a_writer_and_a_reader(tmp_path: Path) -> None:
    store = DuckStore(path=tmp_path / "box.duckdb")
    ports: tuple[Writer, Reader] = (store, store)
    assert not list(tmp_path.iterdir()), "a constructor opens nothing"
    assert ports[0] is store


def test_a_new_store_has_nothing(tmp_path: Path) -> None:
    with DuckStore(path=tmp_path / "new" / "box.duckdb") as store:
        assert store.resume().cursor == 0
        assert store.resume().state == {}
        assert store.devices() == []
        assert store.readings("pump", **EVER).t_ns == []
        assert store.scores("pump", **EVER, points=10).columns == {"score": []}
        assert (store.alarms(), store.gaps(), store.dead(), store.accounts()) == ([], [], [], [])


def test_what_was_written_is_read_back_after_opening_again(tmp_path: Path) -> None:
    path = tmp_path / "box.duckdb"
    first = frame("pump", ("flow", "heat"), {10: (1.0, 2.0), 30: (3.0, NAN)})
    late = frame("pump", ("heat",), {20: (7.0,), 30: (9.0,)})
    with DuckStore(path=path) as store:
        store.write(commit(5, first, state={"core": b"one", "old": b"x"}))
        store.write(commit(6, late, state={"core": b"two", "old": b""}))
    with DuckStore(path=path, read_only=True) as store:
        series = store.readings("pump", start_ns=0, end_ns=100)
        assert series.t_ns == [10, 20, 30]
        assert series.columns == {"flow": [1.0, None, 3.0], "heat": [2.0, 7.0, 9.0]}
        assert store.resume().cursor == 6
        assert store.resume().state == {"core": b"two"}
        assert problems(store.accounts(), store.counted()) == []


def test_a_window_holds_its_start_and_not_its_end(tmp_path: Path) -> None:
    with DuckStore(path=tmp_path / "box.duckdb") as store:
        store.write(commit(1, frame("pump", ("a", "b"), {10: (1.0, 4.0), 20: (2.0, 5.0), 30: (3.0, 6.0)})))
        series = store.readings("pump", start_ns=10, end_ns=30, channels=["b", "none"])
        assert series.t_ns == [10, 20]
        assert series.columns == {"b": [4.0, 5.0], "none": [None, None]}


def test_a_row_that_came_twice_is_shown_once(tmp_path: Path) -> None:
    with DuckStore(path=tmp_path / "box.duckdb") as store:
        store.write(commit(1, ramp("pump", 0, 3)))
        store.write(commit(2, ramp("pump", 2, 2)))
        assert store.readings("pump", **EVER).columns["c0"] == [0.0, 1.0, 2.0, 3.0]


def test_single_precision_and_a_thousand_channels_are_kept_as_they_came(tmp_path: Path) -> None:
    names = [f"c{i}" for i in range(1000)]
    wide = frame("wide", names, {5: [i / 3 for i in range(1000)]})
    single = frame("single", ("a", "b", "c"), {5: (0.1, NAN, float("inf"))}, dtype="f4")
    with DuckStore(path=tmp_path / "box.duckdb") as store:
        store.write(commit(1, wide, single))
        assert store.readings("wide", **EVER).columns == {name: [i / 3] for i, name in enumerate(names)}
        assert store.readings("single", **EVER).columns == {
            "a": [0.10000000149011612],
            "b": [None],
            "c": [float("inf")],
        }
        assert store.accounts()[0].values == 1002


def test_ever_new_subsets_of_channels_end_in_a_bounded_number_of_sets(tmp_path: Path) -> None:
    with DuckStore(path=tmp_path / "box.duckdb") as store:
        names = [f"c{i}" for i in range(9)]
        subsets = [[n for bit, n in enumerate(names) if number >> bit & 1] for number in range(1, 512)]
        frames = [frame("pump", subset, {t: [float(t)] * len(subset)}) for t, subset in enumerate(subsets)]
        store.write(commit(1, *frames))
        series = store.readings("pump", **EVER)
        for name in names:
            assert series.columns[name] == [float(t) if name in subset else None for t, subset in enumerate(subsets)]
        assert store.counted() == {"edge": 511}
        assert len(store._cursor().execute("SELECT * FROM sets").fetchall()) < 300


def test_devices_tell_what_is_known_of_them(tmp_path: Path) -> None:
    with DuckStore(path=tmp_path / "box.duckdb") as store:
        store.write(commit(1, ramp("pump", 10, 5), frame("mill", ("x",), {7: (1.0,)})))
        said = scores("pump", {START_NS: (0.25, (0.25, 0.0)), START_NS + 1: (NAN, (0.0, 0.0))}, ("c0", "c1"))
        ringing = [alarm("a", 1, AlarmState.UNACKNOWLEDGED), alarm("b", 1, AlarmState.RETURNED)]
        calm = alarm("c", 1, AlarmState.NORMAL)
        store.write(commit(2, ramp("pump", 0, 5, 3), outcomes=[said, alive("pump", Health.LEARNING), *ringing, calm]))
        mill, pump = store.devices()
        assert (mill.device, mill.rows, mill.health, mill.score, mill.active) == ("mill", 1, None, None, {})
        assert (pump.device, pump.edge, pump.channels) == ("pump", "edge", ("c0", "c1", "c2"))
        assert (pump.first_ns, pump.last_ns, pump.rows) == (START_NS, START_NS + 14 * 10**9, 10)
        assert (pump.health, pump.warm, pump.score, pump.active) == (Health.LEARNING, 0.25, 0.25, {"high": 2})
        assert [word.device for word in store.liveness()] == ["pump"]


def test_scores_keep_contributions_near_the_limit_only(tmp_path: Path) -> None:
    rows = {1: (0.25, (0.25, 0.0)), 2: (0.75, (0.25, 0.5)), 3: (NAN, (NAN, NAN)), 4: (0.5, (0.5, 0.0))}
    with DuckStore(path=tmp_path / "box.duckdb") as store:
        store.write(commit(1, outcomes=[scores("pump", rows, ("flow", "heat"))]))
        found = store.scores("pump", **EVER)
        assert found.t_ns == [1, 2, 4]
        assert found.columns == {"score": [0.25, 0.75, 0.5], "flow": [None, 0.25, 0.5], "heat": [None, 0.5, 0.0]}
        assert store.accounts()[0].scored == 3


def test_thinned_scores_keep_the_highest_with_its_contributions(tmp_path: Path) -> None:
    rows = {t: (2.0 if t == 777 else t % 7 / 20, (1.5, 0.5)) for t in range(1000)}
    with DuckStore(path=tmp_path / "box.duckdb") as store:
        store.write(commit(1, outcomes=[scores("pump", rows, ("flow", "heat"))]))
        found = store.scores("pump", **EVER, points=20)
        at = found.t_ns.index(777)
        assert len(found.t_ns) <= 22
        assert (found.columns["score"][at], found.columns["flow"][at], found.columns["heat"][at]) == (2.0, 1.5, 0.5)
        assert sum(part is not None for part in found.columns["flow"]) == 1


def test_an_alarm_is_its_newest_state_with_its_history_behind_it(tmp_path: Path) -> None:
    one = [alarm("a", v, s, changed_ns=v) for v, s in enumerate([AlarmState.UNACKNOWLEDGED, AlarmState.NORMAL], 1)]
    other = alarm("b", 1, AlarmState.ACKNOWLEDGED, device="mill", changed_ns=5)
    with DuckStore(path=tmp_path / "box.duckdb") as store:
        store.write(commit(1, outcomes=[one[0], other]))
        store.write(commit(2, outcomes=[other, one[1]]))
        assert store.alarms() == [other, one[1]]
        assert store.alarms(active=True) == [other]
        assert store.alarms(device="pump") == [one[1]]
        assert store.alarms(since_ns=3) == [other]
        assert store.alarms(limit=1) == [other]
        assert store.history("a") == one
        assert store.history("b") == [other], "a state said again is no new change"


def test_losses_dead_letters_and_sources_are_told_newest_first(tmp_path: Path) -> None:
    gaps = [Gap("pump", 1, 5, 3, "unplugged", "serial-1"), Gap("*", 2, 9, -1, "restart"), Gap("mill", 0, 1, 1, "x")]
    states = [SourceState("mqtt-1", s, "why", 3) for s in (SourceStatus.RETRYING, SourceStatus.CONNECTED)]
    with DuckStore(path=tmp_path / "box.duckdb") as store:
        store.write(commit(1, ramp("pump", 0, 1), events=[*gaps, *states], outcomes=[letter("bad", count=3)]))
        store.write(commit(2, events=[Redelivered("mqtt-1", 4)], outcomes=[letter("worse")], late=True))
        assert [g for _, g in store.gaps()] == [gaps[1], gaps[0], gaps[2]]
        assert store.gaps(device="pump") == [("edge", gaps[1]), ("edge", gaps[0])]
        assert store.gaps(limit=1) == [("edge", gaps[1])]
        assert store.dead() == [letter("worse"), letter("bad", count=3)]
        assert store.dead(limit=1) == [letter("worse")]
        assert store.sources() == [("edge", states[1])]
        (account,) = store.accounts()
        assert (account.gaps, account.gap_rows, account.dead, account.redelivered) == (3, 4, 4, 4)


def test_each_edge_has_its_account(tmp_path: Path) -> None:
    with DuckStore(path=tmp_path / "box.duckdb") as store:
        store.write(commit(1, ramp("pump", 0, 3), ramp("mill", 0, 2, 1)))
        store.write(commit(2, frame("saw", ("a", "b"), {1: (NAN, 1.0)}), edge="other", late=True))
        one, other = store.accounts()
        assert (one.edge, one.batches, one.rows, one.stored, one.values, one.late) == ("edge", 1, 5, 5, 8, 0)
        assert (other.edge, other.batches, other.rows, other.stored, other.values, other.late) == (
            "other",
            1,
            1,
            1,
            1,
            1,
        )
        assert store.counted() == {"edge": 5, "other": 1}
        assert problems(store.accounts(), store.counted()) == []


def test_texts_and_doubted_clocks_are_kept(tmp_path: Path) -> None:
    events: list[Event] = [Text("pump", "mode", "eco"), ClockDoubted("pump", 5, 1)]
    with DuckStore(path=tmp_path / "box.duckdb") as store:
        store.write(commit(1, events=events))
        rows = store._cursor().execute("SELECT kind, subject FROM events ORDER BY kind").fetchall()
        assert rows == [("clock-doubted", "pump"), ("text", "pump")]


def test_a_commit_that_fails_half_way_leaves_nothing_and_harms_nothing(tmp_path: Path) -> None:
    broken = alarm("a", 2**40, AlarmState.NORMAL)  # no column holds such a version
    with DuckStore(path=tmp_path / "box.duckdb") as store:
        store.write(commit(1, ramp("pump", 0, 2), state={"core": b"one"}))
        with pytest.raises(ValueError, match="too large"):
            store.write(commit(2, ramp("pump", 2, 2), ramp("new", 0, 2, 5), outcomes=[broken], state={"core": b"two"}))
        assert store.resume().cursor == 1
        assert store.resume().state == {"core": b"one"}
        assert store.counted() == {"edge": 2}
        store.write(commit(2, ramp("pump", 2, 2), ramp("new", 0, 2, 5), state={"core": b"two"}))
        assert store.resume().cursor == 2
        assert store.counted() == {"edge": 6}
        assert problems(store.accounts(), store.counted()) == []
        assert store.readings("new", **EVER).columns["c4"] == [0.0, 1.0]


def test_a_store_says_what_it_cannot_do_now(tmp_path: Path) -> None:
    store = DuckStore(path=tmp_path / "box.duckdb")
    with pytest.raises(StoreClosedError, match="not open"):
        store.devices()
    with pytest.raises(StoreMissingError, match="no store at"), DuckStore(path=tmp_path / "no", read_only=True):
        pass
    with store:
        store.write(commit(1, ramp("pump", 0, 1)))
    with DuckStore(path=tmp_path / "box.duckdb", read_only=True) as reader:
        assert reader.counted() == {"edge": 1}
        with pytest.raises(StoreBrokenError, match="reading only"):
            reader.write(commit(2))
    with pytest.raises(StoreClosedError):
        store.write(commit(2))


def test_rows_are_the_same_before_and_after_they_moved_to_where_a_device_lies_together(tmp_path: Path) -> None:
    with DuckStore(path=tmp_path / "box.duckdb") as store:
        for number in range(6):
            frames = [ramp(device, number * 50_000, 50_000, 1) for device in ("pump", "mill")]
            store.write(commit(number + 1, *frames))
        con = store._cursor()
        fresh, kept = (con.execute(f"SELECT count(*) FROM {t}_1").fetchall()[0][0] for t in ("fresh", "kept"))
        assert fresh + kept == 600_000
        assert kept >= 250_000
        assert store.readings("mill", **EVER).columns["c0"] == [float(n) for n in range(300_000)]
        assert problems(store.accounts(), store.counted()) == []


def test_the_lane_of_an_event_is_kept_with_it(tmp_path: Path) -> None:
    with DuckStore(path=tmp_path / "box.duckdb") as store:
        store.write(commit(3, events=[Text("pump", "mode", "eco")]))
        assert store._cursor().execute("SELECT log, seq FROM events").fetchall() == [(LANE, 3)]
