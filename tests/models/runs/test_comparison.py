"""Champion and candidate side by side, against plants whose truth is known."""

import random

import msgspec
import pytest

from models.runs.comparison import FEWEST, Comparison, compared
from models.runs.savings import Amount
from tests.store.benches import label, over, run
from wire.config import Costs
from wire.messages import Candidate, Run

COSTS = Costs(bench_hour=60.0, scrap_good=100.0, pass_bad=1000.0, escape_share=0.1)


def both(state: str, *, champion: str = "", candidate: str = "", number: int = 0, **said: object) -> Run:
    """A run that version 1 called and version 2 was asked about beside it, and where each would have stopped it."""
    tried = Candidate(2, 0.5, candidate, 1200.0 if candidate else None, throughout=True)
    known = {"model_version": 1, "would_stop_at": champion, "saved_s": 600.0 if champion else None, "candidate": tried}
    return over(f"r{number}-{state}-{champion}-{candidate}", state, number=number, **known | said)  # type: ignore[arg-type] # by name


def of(*runs: Run) -> Comparison:
    found = compared(runs, COSTS)
    assert found is not None
    return found


def test_each_is_told_by_what_it_would_have_done_with_the_same_runs() -> None:
    said = of(
        *[both("pass")] * 90,
        *[both("pass", champion="S05")] * 4,
        *[both("pass", candidate="S03")] * 1,
        *[both("fail", champion="S05", candidate="S03")] * 12,
        *[both("fail", candidate="S09")] * 5,
        *[both("fail")] * 3,
    )
    assert (said.model, said.runs, said.differ, said.silent, said.measured_on) == ("eol", 115, 22, 0, "shadow")
    first, second = said.champion, said.candidate
    assert (first.version, first.would, second.version, second.would) == (1, 16, 2, 18)
    assert [(each.wrong.count, each.wrong.of) for each in (first, second)] == [(4, 16), (1, 18)]
    assert [(each.false_stop.count, each.false_stop.of) for each in (first, second)] == [(4, 95), (1, 95)]
    assert [(each.missed.count, each.missed.of) for each in (first, second)] == [(8, 20), (3, 20)]
    assert (first.saved_s, second.saved_s) == (16 * 600.0, 18 * 1200.0)
    assert first.saved_cost == pytest.approx(16 * 10.0 + 12 * 100.0 - 4 * 100.0)
    assert second.saved_cost == pytest.approx(18 * 20.0 + 17 * 100.0 - 100.0)
    assert said.more is not None
    assert said.more.value == pytest.approx(second.saved_cost - first.saved_cost)
    assert 0.0 < said.more.low < said.more.value < said.more.high


def test_only_runs_count_that_both_were_asked_about_throughout_and_in_the_versions_of_the_newest_run() -> None:
    kept = both("pass", number=9)
    late = msgspec.structs.replace(kept.candidate, throughout=False)  # type: ignore[type-var] # it has one
    left_out = [
        both("fail", candidate=""),
        both("pass", candidate="S01", model_version=3),
        msgspec.structs.replace(kept, candidate=late, started_ns=kept.started_ns - 1),
        msgspec.structs.replace(kept, candidate=Candidate(5, 0.5, throughout=True), started_ns=kept.started_ns - 1),
        over("before", "pass", number=1),
        run("running", number=2, candidate=kept.candidate, model="eol", model_version=1),
        both("aborted"),
    ]
    assert of(*left_out[1:], kept).runs == 1
    assert of(*left_out, kept).runs == 2


def test_where_no_candidate_calls_the_newest_run_there_is_nothing_to_compare() -> None:
    assert compared([], COSTS) is None
    assert compared([both("pass"), over("new", "pass", number=5)], COSTS) is None
    assert of(both("pass"), run("waiting", number=5)).runs == 1  # no model was asked about it yet


def test_once_benches_are_told_only_control_runs_count_and_those_of_the_time_in_shadow() -> None:
    told = both("aborted", champion="S05", number=1, stopped_at="S05")
    later = [both("pass", number=2), both("fail", candidate="S03", number=3)]
    control = [both("fail", champion="S05", number=4, control=True)]
    assert (of(told, *later, *control).runs, of(told, *later, *control).measured_on) == (1, "control")
    shadow = of(both("pass"), told, *later, *control)
    assert (shadow.runs, shadow.measured_on) == (2, "control and shadow")


def test_what_somebody_found_out_of_a_run_counts_for_both() -> None:
    one = both("pass", champion="S05")
    found = label("x", run=one.run, device="", meaning="fail")
    said = compared([one], COSTS, [found])
    assert said is not None
    assert (said.champion.wrong.count, said.champion.missed.of, said.candidate.missed.count) == (0, 1, 1)


def test_a_candidate_that_says_nothing_is_counted_as_one_that_stops_nothing() -> None:
    mute = both("fail", candidate="")
    said = of(msgspec.structs.replace(mute, candidate=Candidate(2, throughout=True)))
    assert (said.silent, said.candidate.missed.count) == (1, 1)


def test_no_interval_is_told_of_a_difference_of_few_runs() -> None:
    few = [both("fail", candidate="S03")] * (FEWEST - 1)
    assert of(*few, *[both("pass")] * 500).more is None
    assert of(*few, both("fail", champion="S05")).more is not None


def test_runs_that_each_would_have_stopped_for_the_same_gain_make_no_difference() -> None:
    same = both("fail", champion="S05", candidate="S06")
    alike = msgspec.structs.replace(same, saved_s=1200.0)
    assert of(*[alike] * FEWEST).more == Amount(0.0, 0.0, 0.0)


@pytest.mark.parametrize("better", [0.0, 0.3])
def test_the_interval_of_the_difference_holds_what_is_true_as_often_as_it_says(better: float) -> None:
    """The candidate stops so much larger a share of the bad units; both stop a good one in fifty."""
    chance, held, true = random.Random(5), 0, 400 * 0.2 * better * 120.0
    for _ in range(100):
        runs = []
        for number in range(400):
            state = "fail" if chance.random() < 0.2 else "pass"
            first, second = (0.02, 0.02) if state == "pass" else (0.5, 0.5 + better)
            stops = ["S05" if chance.random() < share else "" for share in (first, second)]
            tried = Candidate(2, 0.5, stops[1], 1200.0 if stops[1] else None, throughout=True)
            saved_s = 1200.0 if stops[0] else None
            one = over(f"r{number}", state, model_version=1, would_stop_at=stops[0], saved_s=saved_s, candidate=tried)
            runs.append(msgspec.structs.replace(one, row={}, steps=()))
        said = of(*runs)
        assert said.more is not None
        held += said.more.low <= true <= said.more.high
    assert 88 <= held <= 100
