import pytest

from stream.benches.habits import ENOUGH, MOST_VERSIONS, planned, remaining_s, taught, unusual, usual
from stream.benches.records import ProcedureRecord
from stream.benches.run import RunRecord
from wire.config import Procedure
from wire.messages import Step


def _run(*steps: str, state: str = "pass", seconds: float = 10.0, version: str = "1") -> RunRecord:
    made = {step: Step(step, 1, seconds) for step in steps}
    return RunRecord(state=state, steps=made, version=version)  # type: ignore[arg-type] # one of the states


def _taught(*runs: RunRecord) -> ProcedureRecord:
    procedure = ProcedureRecord()
    for run in runs:
        taught(procedure, run)
    return procedure


def test_nothing_is_usual_before_enough_runs_passed() -> None:
    few = _taught(*[_run("A", "B")] * (ENOUGH - 1), *[_run("A", state="fail")] * 9)
    assert usual(_run(), few) == ()
    assert not unusual("Z", _run(), few)
    assert usual(_run(), _taught(*[_run("A", "B")] * ENOUGH)) == ("A", "B")


def test_a_step_that_some_passes_have_is_neither_missed_nor_extra() -> None:
    procedure = _taught(*[_run("A", "B"), _run("A")] * 20, _run("A", "C"))
    assert usual(_run(), procedure) == ("A",)
    assert [unusual(step, _run(), procedure) for step in "ABC"] == [False, False, True]


def test_what_is_usual_follows_a_procedure_that_changes() -> None:
    procedure = _taught(*[_run("A", "B")] * 30, *[_run("A")] * 60)
    assert usual(_run(), procedure) == ("A",)


def test_a_new_version_has_usual_steps_of_its_own_and_the_oldest_is_forgotten() -> None:
    procedure = _taught(*[_run("A", version=f"{n}") for n in range(MOST_VERSIONS + 2)])
    assert list(procedure.versions) == [f"{n}" for n in range(2, MOST_VERSIONS + 2)]
    assert usual(_run(version="9"), procedure) == ()


def test_what_remains_is_what_the_steps_to_come_usually_take() -> None:
    procedure = _taught(*[_run("A", "B", "C")] * 3)
    assert remaining_s(("A", "B", "C", "D"), _run("A"), procedure) == 20.0
    assert remaining_s(("A",), _run("A"), procedure) == 0.0
    assert remaining_s(("A",), _run(), ProcedureRecord()) is None
    assert remaining_s(("A",), _run(), None) is None


def test_how_long_a_step_takes_is_followed_and_one_long_break_says_little() -> None:
    procedure = _taught(*[_run("A")] * 10, _run("A", seconds=3600.0))
    assert procedure.lasting["A"].seconds == pytest.approx(12.0)
    for _ in range(60):
        taught(procedure, _run("A", seconds=20.0))
    assert procedure.lasting["A"].seconds == pytest.approx(20.0, rel=0.01)


def test_the_bench_says_what_is_planned_before_the_configuration_does() -> None:
    rule = Procedure(match="*", steps=("A", "B"))
    assert planned(RunRecord(planned=("X",)), rule) == ("X",)
    assert planned(RunRecord(), rule) == ("A", "B")
    assert planned(RunRecord(), Procedure(match="*")) == ()
