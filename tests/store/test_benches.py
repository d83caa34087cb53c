"""Runs, advice and labels in the DuckDB file, also in one that an older Tocsin made."""

from pathlib import Path

import duckdb
import msgspec
import pytest

from store.box.box import DuckStore
from store.box.schema import VERSION
from tests.store.benches import advice, beside, label, measured, over, run
from tests.store.plant import EVER, START_NS, alarm, commit, origin, ramp, scores
from wire.messages import Advice, AlarmState, Scores

OLD = (Path(__file__).parent / "schema_1.sql").read_text()


def told(role: str, version: int, score: float) -> Scores:
    plain = scores("pump", {START_NS: (score, [score, 0.0]), START_NS + 1: (0.25, [0.0, 0.0])}, ["a", "b"])
    return msgspec.structs.replace(plain, role=role, version=version, model="net")


def test_a_run_is_its_newest_state_with_its_wide_row_where_it_is_asked_for(tmp_path: Path) -> None:
    done = over("r1", "fail")
    with DuckStore(path=tmp_path / "box.duckdb") as store:
        store.write(commit(1, outcomes=[run("r1"), run("r2", number=1)]))
        store.write(commit(2, outcomes=[run("r1", 2), done]))
        store.write(commit(3, outcomes=[run("r1", 2)]))  # said again, too late
        assert store.runs() == [run("r2", number=1), done]
        assert store.runs(rows=False) == [run("r2", number=1), msgspec.structs.replace(done, row={})]
    with DuckStore(path=tmp_path / "box.duckdb", read_only=True) as store:
        assert store.run("edge", "r1") == store.run("", "r1") == done
        assert store.run("other", "r1") is None


def test_runs_are_found_by_what_a_person_knows_of_them(tmp_path: Path) -> None:
    several = [
        over("r1", "pass"),
        over("r2", "fail", number=1, station="press, right"),
        over("r3", "pass", number=2, procedure="leak"),
        run("r4", number=3, unit="u9"),
    ]
    with DuckStore(path=tmp_path / "box.duckdb") as store:
        store.write(commit(1, outcomes=several))
        names = [
            [found.run for found in store.runs(**asked)]
            for asked in (
                {"procedure": "end of line"},
                {"station": "press, left", "state": "pass"},
                {"unit": "u9"},
                {"since_ns": several[2].changed_ns},
                {"limit": 1},
                {"state": "aborted"},
            )
        ]
    assert names == [["r4", "r2", "r1"], ["r3", "r1"], ["r4"], ["r4", "r3"], ["r4"], []]


def test_advice_comes_in_the_order_of_the_steps(tmp_path: Path) -> None:
    said = [advice("r1", "S02", 2), advice("r1", "S01", 1), advice("r2", "S01", 1)]
    with DuckStore(path=tmp_path / "box.duckdb") as store:
        store.write(commit(1, outcomes=said))
        assert store.advice("edge", "r1") == [said[1], said[0]]
        assert store.advice("other", "r1") == []


def test_the_last_word_on_many_runs_is_one_answer(tmp_path: Path) -> None:
    said = [advice(name, f"S{done:02d}", done) for name in ("r1", "r2", "r3") for done in (1, 3, 2)]
    at_once = advice("r1", "S04", 4, t_ns=said[1].t_ns)
    with DuckStore(path=tmp_path / "box.duckdb") as store:
        store.write(commit(1, outcomes=[*said, at_once]))
        asked = [run("r1"), run("r3"), run("r9"), run("r2", edge="other")]
        assert store.newest(asked) == {("edge", "r1"): at_once, ("edge", "r3"): said[7]}
        assert store.newest([]) == {}


def test_what_a_bench_said_it_measured_comes_back_with_its_unit_and_limits(tmp_path: Path) -> None:
    said = [measured("r1", "S02", value=9.0), measured("r1", "S01", "seal", "ok"), measured("r1", "S02", value=1.5)]
    other = measured("r2", "S01")
    with DuckStore(path=tmp_path / "box.duckdb") as store:
        store.write(commit(1, events=[*said[:2], other]))
        store.write(commit(2, events=said[2:]))
        assert store.measured("edge", "r1") == store.measured("", "r1") == said
        assert store.measured("other", "r1") == store.measured("edge", "r9") == []


def test_what_a_candidate_thought_is_kept_apart_from_what_was_advised(tmp_path: Path) -> None:
    said = [beside("r1", "S02", 2), beside("r1", "S01", 1)]
    with DuckStore(path=tmp_path / "box.duckdb") as store:
        store.write(commit(1, outcomes=[said[0], advice("r1", "S01", 1), said[1]]))
        assert store.advice("edge", "r1") == [advice("r1", "S01", 1)]
        assert store.newest([run("r1")]) == {("edge", "r1"): advice("r1", "S01", 1)}
        assert store.advice("edge", "r1", "candidate") == [said[1], said[0]]
        assert store.advice("edge", "r1", "backtest") == []


def test_a_store_of_before_there_were_candidates_gets_room_for_what_they_think(tmp_path: Path) -> None:
    path = tmp_path / "box.duckdb"
    with DuckStore(path=path) as store:
        store.write(commit(1, outcomes=[advice("r1", "S01", 1)]))
        store._cursor().execute("DROP TABLE shadow_advice; UPDATE about SET version = 2")
    with DuckStore(path=path) as store:
        store.write(commit(2, outcomes=[beside("r1", "S01", 1)]))
        assert store.advice("edge", "r1", "candidate") == [beside("r1", "S01", 1)]
        assert store.advice("edge", "r1") == [advice("r1", "S01", 1)]


def test_a_withdrawn_label_stays_withdrawn_and_is_shown_when_asked_for(tmp_path: Path) -> None:
    gone = label("a", withdrawn_by="the foreman", withdrawn_why="wrong pump")
    with DuckStore(path=tmp_path / "box.duckdb") as store:
        store.write(commit(1, outcomes=[label("a"), label("b", number=1, device="", run="r1", meaning="fail")]))
        assert [found.id for found in store.labels()] == ["b", "a"]
        store.write(commit(2, outcomes=[gone]))
        store.write(commit(3, outcomes=[label("a")]))  # comes again
        assert [found.id for found in store.labels()] == ["b"]
        assert store.labels(device="pump", withdrawn=True) == [gone]
        assert [found.id for found in store.labels(run="r1")] == ["b"]
        assert store.labels(label="a", withdrawn=True) == [gone]
        assert store.labels(label="a") == store.labels(label="c") == []
        assert store.labels(since_ns=START_NS + 1, withdrawn=True) == store.labels(run="r1")


def test_only_champions_are_shown_as_live_and_counted(tmp_path: Path) -> None:
    with DuckStore(path=tmp_path / "box.duckdb") as store:
        store.write(commit(1, ramp("pump", 0, 2)))
        store.write(commit(2, outcomes=[told("champion", 1, 0.5), told("candidate", 2, 0.75), told("backtest", 1, 2)]))
        assert store.scores("pump", **EVER).columns["score"] == [0.5, 0.25]
        assert store.scores("pump", role="candidate", **EVER).columns["score"] == [0.75, 0.25]
        assert store.scores("pump", role="candidate", version=1, **EVER).columns["score"] == []
        assert store.scores("pump", role="backtest", model="net", version=1, **EVER).columns["a"] == [2.0, None]
        assert store.devices()[0].score == 0.25
        assert store.accounts()[0].scored == 2


def test_a_stretch_that_is_scored_again_takes_the_place_of_the_first_time(tmp_path: Path) -> None:
    with DuckStore(path=tmp_path / "box.duckdb") as store:
        store.write(commit(1, ramp("pump", 0, 2), outcomes=[told("backtest", 1, 2.0)]))
        store.write(commit(2, outcomes=[told("backtest", 1, 0.25)]))
        assert store.scores("pump", role="backtest", **EVER).columns["score"] == [0.25, 0.25]


@pytest.mark.parametrize("read_only", [False, True])
def test_a_store_of_the_first_version_keeps_all_it_had_and_gets_room_for_runs(
    tmp_path: Path, *, read_only: bool
) -> None:
    path = tmp_path / "box.duckdb"
    told = Advice(origin(), "edge", "r1", "S01", 0.5, stop=False, t_ns=9)
    with duckdb.connect(str(path)) as con:
        con.execute(OLD)
        con.execute("INSERT INTO events VALUES ('edge', 'x', 1, 9, 'advice', 'r1', ?)", [msgspec.msgpack.encode(told)])
        con.execute("INSERT INTO events VALUES ('edge', 'x', 1, 9, 'text', 'pump', '')")
        con.execute("INSERT INTO scorers VALUES (1, 'edge', 'pump', 'net', 4, ['a'])")
        con.execute("INSERT INTO fresh_scores VALUES (1, 7, 0.5)")
    with DuckStore(path=path, read_only=read_only) as store:
        assert store.advice("edge", "r1") == [told]
        assert store.scores("pump", version=4, **EVER).columns["score"] == [0.5]
        assert (store.runs(), store.labels()) == ([], [])
        assert store._cursor().execute("SELECT kind FROM events").fetchall() == [("text",)]
    with DuckStore(path=path) as store:
        assert store._cursor().execute("SELECT version FROM about").fetchall() == [(VERSION,)]
        store.write(commit(1, outcomes=[over("r1", "pass"), alarm("a", 1, AlarmState.NORMAL)]))
        assert store.run("edge", "r1") == over("r1", "pass")
