"""Runs, stations and procedures are kept within bounds, survive a restart, and a damaged record says so."""

import zlib

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.benches import stored
from stream.benches.records import (
    AT_A_STATION,
    MOST_OPEN,
    MOST_OVER,
    MOST_PAST,
    MOST_PROCEDURES,
    MOST_STATIONS,
    Benches,
    Past,
    ProcedureRecord,
)
from stream.benches.run import ANEW, MOST_CHARACTERS, MOST_COLUMNS, RunRecord
from stream.edges import SWITCHES
from stream.seal import sealed
from stream.state import split_key
from tests.stream.benches.bench import STEPS, Foreseer, Hall, at, floor, rule
from tests.stream.plant import batch, encoded
from wire.messages import Action, Measured, RunEnded, RunStarted, StepEnded, Verb

USUAL_BYTES, MOST_BYTES = 5_000, 30_000


def _hall() -> Hall:
    return Hall(floor(rule(), models=[Foreseer(drift=True)]))


def test_of_more_open_runs_than_are_kept_the_one_longest_unheard_is_given_up() -> None:
    hall = _hall()
    for number in range(MOST_OPEN):
        hall.start(f"r{number}", station=f"b{number}")
    hall.say(StepEnded("r0", "S1"))
    hall.start("new", station="new")
    assert hall.runs()[-1].run == "new"
    given_up = [run for run in hall.runs() if run.state == "broken-off"]
    assert [run.run for run in given_up] == ["r1"]
    assert given_up[0].remarks == ("given up because too many runs were open, and it was the one longest unheard",)
    assert [alarm.summary for alarm in hall.alarms("crowded")] == [
        f"edge hall: more than {MOST_OPEN} test runs are open: the one longest unheard is given up"
    ]


def test_a_run_that_is_given_up_and_forgotten_at_once_is_told_to_be_broken_off() -> None:
    hall = _hall()
    for number in range(MOST_OPEN):
        hall.start(f"left{number}", station=f"s{number}")
    for number in range(MOST_OVER + 1):
        hall.whole(f"r{number}")
    for name in ("one", "two"):
        hall.start(name, station=name)
    told = {run.run: run.state for run in hall.runs()}
    remembered = {name for name, run in hall.state.benches["hall"].runs.items() if not run.over}
    assert {name for name, state in told.items() if state == "running"} == remembered
    assert (told["left1"], "left1" in hall.state.benches["hall"].runs) == ("broken-off", False)


def test_of_more_ended_runs_than_are_kept_the_one_longest_unheard_is_forgotten() -> None:
    hall = _hall()
    for number in range(MOST_OVER + 2):
        hall.whole(f"r{number}")
    kept = hall.state.benches["hall"].runs
    assert (len(kept), "r1" in kept, "r2" in kept) == (MOST_OVER, False, True)
    assert hall.core.dump(hall.state, ["run/hall/r1"]) == {"run/hall/r1": b""}


def test_what_comes_of_a_run_that_was_forgotten_is_a_dead_letter_also_after_a_restart() -> None:
    hall = _hall()
    for number in range(MOST_OVER + 1):
        hall.whole(f"r{number}")
    hall.reload()
    hall.outcomes.clear()
    hall.say(Measured("r0", "S1", "x", 1.0), StepEnded("r0", "S1"))
    hall.start("r0")
    hall.end("r0")
    assert [letter.reason for letter in hall.letters()] == ["run r0 is long over: a run's name is given once"] * 4
    assert not hall.runs()


def test_of_so_many_forgotten_runs_it_is_known_that_they_were() -> None:
    past = Past()
    for number in range(MOST_PAST + 1):
        past = past.over(f"r{number}")
    assert (past.holds("r0"), past.holds("r1"), len(past.digests)) == (False, True, MOST_PAST)


def test_of_more_stations_or_procedures_than_are_kept_the_one_longest_unheard_goes_and_an_alarm_says_so() -> None:
    hall = _hall()
    for number in range(MOST_STATIONS + 1):
        hall.say(RunStarted(f"r{number}", "u", f"p{number}", "1", f"b{number}"))
    found = hall.state.benches["hall"]
    assert (len(found.stations), len(found.procedures)) == (MOST_STATIONS, MOST_PROCEDURES)
    assert ("b0" in found.stations, f"b{MOST_STATIONS}" in found.stations) == (False, True)
    assert next(a.summary.partition(":")[0] for a in hall.alarms("crowded")) == "edge hall"


def test_a_thousand_alarms_of_stations_are_enough() -> None:
    hall = Hall(floor(rule(advice="on"), models=[Foreseer()])).practised()
    for number in range(MOST_STATIONS + 3):
        run, station = f"r{number}", f"s{number}"
        made = Measured(run, "S1", "x", 0.9), StepEnded(run, "S1"), RunEnded(run, "aborted")
        hall.say(RunStarted(run, "u", "axle", "1", station), *made)
    assert len(hall.state.edges["hall"].alarms) == MOST_STATIONS + 1
    assert hall.advice()[-1].stop


def test_long_names_fill_a_row_before_many_columns_do() -> None:
    hall = _hall()
    hall.start("r1")
    hall.say(*(Measured("r1", "S1", f"{n:0190}", 1.0) for n in range(MOST_COLUMNS)))
    hall.end("r1")
    assert sum(map(len, hall.runs()[-1].row)) <= MOST_CHARACTERS
    assert "more was measured" in hall.remarks()[0]


def test_a_batch_of_nothing_but_starts_and_ends_leaves_no_more_than_any_other() -> None:
    hall = _hall()
    hall.say(*(e for n in range(400) for e in (RunStarted(f"r{n}", "u", "p", "1", "b"), RunEnded(f"r{n}", "pass"))))
    assert len(hall.state.benches["hall"].runs) == MOST_OVER
    assert len(hall.labels()) == 400


def test_a_station_remembers_so_many_procedures() -> None:
    hall = _hall()
    for number in range(AT_A_STATION + 3):
        hall.say(RunStarted(f"r{number}", "u", f"p{number}", "1", "b1"))
    assert next(iter(hall.state.benches["hall"].stations["b1"].versions)) == "p3"


def test_more_switches_than_are_kept_are_dead_letters() -> None:
    hall = _hall()
    hall.say()
    for number in range(SWITCHES + 1):
        hall.put(Action(f"a{number}", "hall", "*", f"advice:p{number}", Verb.ADVISE, "anna"))
    assert [letter.reason for letter in hall.letters()] == ["the advice of too many procedures was turned on or off"]


def test_a_run_takes_few_bytes_and_even_the_largest_at_most_thirty_thousand() -> None:
    chance = np.random.default_rng(1)
    hall = _hall()
    hall.start("r1")
    for number in range(40):
        values = chance.normal(5, 1, 3)
        said = [Measured("r1", f"S{number:02}", f"torque_{i}", v, "Nm", 0.0, 9.0) for i, v in enumerate(values)]
        hall.say(*said, StepEnded("r1", f"S{number:02}", duration_s=float(chance.uniform(5, 90))))
    usual = hall.core.dump(hall.state, ["run/hall/r1"])["run/hall/r1"]
    assert len(usual) < USUAL_BYTES
    hall.say(*(Measured("r1", f"S{n % 40:02}", f"y{n}", float(chance.normal())) for n in range(MOST_COLUMNS)))
    hall.end("r1")
    assert len(hall.runs()[-1].row) == MOST_COLUMNS
    assert len(hall.core.dump(hall.state, ["run/hall/r1"])["run/hall/r1"]) < MOST_BYTES


def test_what_is_stored_is_read_back_exactly() -> None:
    hall = _hall().practised()
    hall.start("r1")
    hall.step("r1", "S1", 0.9)
    dumped = hall.core.dump(hall.state)
    assert {split_key(key)[0] for key in dumped} >= {"run", "station", "procedure"}
    again = hall.core.load(dumped)
    assert hall.core.dump(again) == dumped
    assert again.benches == hall.state.benches


def test_a_step_leaves_the_state_it_was_given_as_it_was() -> None:
    hall = _hall().practised()
    hall.start("r1")
    before, state = hall.core.dump(hall.state), hall.state
    hall.step("r1", "S1", 0.9)
    hall.end("r1")
    assert hall.core.dump(state) == before


def test_only_what_changed_is_stored_anew() -> None:
    hall = _hall().practised()
    hall.start("r1")
    measured = batch(hall.seq + 1, hall.second + 1, events=[Measured("r1", "S1", "x", 0.5)])
    _, came = hall.core.step(hall.state, [(0, measured)])
    assert {split_key(key)[0] for key in came.changed} == {"run", "edge", "lane"}


@pytest.mark.parametrize("key", ["run/hall/r1", "station/hall/b1", "procedure/hall/axle"])
@pytest.mark.parametrize("data", [b"\0", b"", b"\x00" * 40])
def test_a_damaged_record_starts_anew_and_an_alarm_says_so(key: str, data: bytes) -> None:
    hall = _hall().practised()
    hall.start("r1")
    hall.state = hall.core.load({**hall.core.dump(hall.state), key: data})
    hall.say()
    kind, _, name = split_key(key)
    assert hall.alarms("state-lost")[-1].summary.startswith(
        f"edge hall: its stored state could not be read and starts anew: {kind} {name}: "
    )
    hall.step("r1", "S1", 0.5)
    hall.end("r1")
    run = hall.runs()[-1]
    assert run.state == "pass"
    assert run.row["S1/x"] == 0.5
    assert (run.change > ANEW, any("was lost" in remark for remark in run.remarks)) == ((key[:3] == "run",) * 2)


def test_a_run_whose_record_was_lost_is_given_up_as_any_other() -> None:
    hall = _hall()
    hall.start("r1")
    hall.state = hall.core.load({**hall.core.dump(hall.state), "run/hall/r1": b"\0"})
    hall.say(after=1)
    hall.say(after=8 * 3600 - 1)
    assert hall.runs()[-1].state == "running"
    hall.say(after=1)
    assert (hall.runs()[-1].state, hall.runs()[-1].started_ns) == ("broken-off", at(2))


def test_a_record_of_another_version_of_the_program_starts_anew() -> None:
    benches = Benches()
    told = sealed(zlib.compress(msgspec.msgpack.encode((99, {"invented": 1}))))
    assert stored.put(benches, "procedure", "axle", told) == "procedure axle: version 99 of it is not known here"
    assert not benches.procedures


@given(st.data())
def test_any_damage_is_noticed(data: st.DataObject) -> None:
    benches = Benches(procedures={"axle": ProcedureRecord(passed=7)})
    record = bytearray(stored.packed(benches, "procedure", "axle"))
    record[data.draw(st.integers(0, len(record) - 1))] ^= data.draw(st.integers(1, 255))
    again = Benches()
    assert stored.put(again, "procedure", "axle", bytes(record))
    assert not again.procedures


@given(st.text(min_size=1, max_size=20), st.text(min_size=1, max_size=20))
def test_any_name_survives_as_a_key(edge: str, run: str) -> None:
    assert split_key(stored.key("run", edge, run)) == ["run", edge, run]


def test_remarks_are_kept_once_each() -> None:
    run = RunRecord()
    assert run.remark("ended twice")
    assert not run.remark("ended twice")
    assert run.remarks == ("ended twice",)


def test_a_restart_in_the_middle_of_a_run_goes_unnoticed() -> None:
    straight, restarted = _hall().practised(), _hall().practised()
    for hall in (straight, restarted):
        hall.start("r1", steps=STEPS)
        hall.step("r1", "S1", 0.4)
    restarted.reload()
    for hall in (straight, restarted):
        hall.step("r1", "S2", 0.9)
        hall.end("r1", "fail")
    assert encoded(straight.outcomes) == encoded(restarted.outcomes)
