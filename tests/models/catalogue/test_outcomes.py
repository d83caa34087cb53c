"""A run ended as its newest label that stands says."""

import random
from collections.abc import Callable

import msgspec
import pytest

from models.catalogue.outcomes import judged
from tests.models.catalogue.plant import label, run
from wire.messages import Label, Run


def said(id_: str, of: str, meaning: str, at: int, *, gone: str = "") -> Label:
    return msgspec.structs.replace(label(id_, run=of, gone=gone), meaning=meaning, at_ns=at)


def ends(*labels: Label) -> dict[str, tuple[str, str]]:
    runs = [run("whole", state="pass"), run("stopped", state="aborted"), run("on", state="running")]
    return {ended.run: (ended.state, by.id) for ended, by in judged(runs, labels)}


def test_what_a_person_says_later_stands_above_the_test() -> None:
    assert ends(said("b", "whole", "fail", 9), said("a", "whole", "pass", 1)) == {"whole": ("fail", "b")}


def test_a_label_that_was_taken_back_says_nothing() -> None:
    assert ends(said("a", "whole", "pass", 1), said("b", "whole", "fail", 9, gone="Bob")) == {"whole": ("pass", "a")}
    assert ends(said("a", "whole", "pass", 1, gone="Bob")) == {}


def test_a_stopped_run_ended_only_as_somebody_found() -> None:
    assert ends() == {}
    assert ends(said("a", "stopped", "pass", 1)) == {"stopped": ("pass", "a")}


def test_what_goes_on_and_what_is_no_test_have_no_end() -> None:
    assert ends(said("a", "on", "fail", 1), said("b", "whole", "maintenance", 2)) == {}


def stopped(name: str, *, version: int = 1, number: int = 0) -> Run:
    made = run(name, state="aborted", model="eol", version=version)
    return msgspec.structs.replace(made, stopped_at="S07", started_ns=made.started_ns + number)


def control(name: str, *, version: int = 1, number: int = 0) -> Run:
    made = run(name, model="eol", version=version)
    return msgspec.structs.replace(made, control=True, weight=20.0, started_ns=made.started_ns + number)


def stands_for(runs: list[Run], *labels: Label) -> dict[str, float]:
    return {ended.run: ended.weight for ended, _ in judged(runs, labels)}


def test_where_some_stops_were_looked_at_control_runs_stand_for_all_of_them() -> None:
    runs = [control("c"), *(stopped(f"s{at}") for at in range(10))]
    found = stands_for(runs, said("c", "c", "fail", 1), *(said(f"l{at}", f"s{at}", "pass", 1) for at in range(8)))
    assert found == {"c": 20.0}


def test_where_nearly_all_were_each_counts_for_itself_and_control_runs_for_those_that_are_left() -> None:
    runs = [control("c"), *(stopped(f"s{at}") for at in range(10))]
    found = stands_for(runs, said("c", "c", "fail", 1), *(said(f"l{at}", f"s{at}", "pass", 1) for at in range(1, 10)))
    assert found.pop("c") == pytest.approx(1 + 19 * 0.1)
    assert found == {f"s{at}": 1.0 for at in range(1, 10)}


def test_stops_that_still_wait_for_their_repair_are_stood_for_by_the_control_runs_of_their_time() -> None:
    runs = [control("before"), *(stopped(f"s{at}", number=at) for at in range(10)), control("after", number=5)]
    labels = [said("b", "before", "fail", 1), said("a", "after", "fail", 1)]
    found = stands_for(runs, *labels, *(said(f"l{at}", f"s{at}", "fail", 1) for at in range(4)))
    assert found == {"before": 1.0, "after": 20.0} | {f"s{at}": 1.0 for at in range(4)}


def test_benches_that_go_on_now_and_then_choose_whose_end_is_known_as_a_repair_does() -> None:
    went_on = msgspec.structs.replace(stopped("s0"), state="pass")
    labels = [said("t", "s0", "pass", 1), said("c", "c", "fail", 1)]
    assert stands_for([control("c"), went_on, stopped("s1")], *labels) == {"c": 20.0}
    assert stands_for([control("c"), went_on], *labels) == {"c": 1.0, "s0": 1.0}


def test_one_version_says_nothing_of_what_another_one_stopped() -> None:
    runs = [control("c1"), stopped("s1"), control("c2", version=2), stopped("s2", version=2)]
    labels = [said(name, name, "fail", 1) for name in ("c1", "c2", "s2")]
    assert stands_for(runs, *labels) == {"c1": 20.0, "c2": 1.0, "s2": 1.0}


@pytest.mark.parametrize(
    "finds",
    [lambda _: False, lambda failed: failed, lambda failed: not failed, lambda _: True],
    ids=["none", "broken", "whole", "all"],
)
def test_the_share_that_fails_is_the_true_one_whichever_stops_are_looked_at(finds: Callable[[bool], bool]) -> None:
    chance, failures = random.Random(3), 0
    runs, labels = list[Run](), list[Label]()
    for at in range(4_000):
        failed, whole = chance.random() < 0.12, chance.random() < 0.25
        would = chance.random() < (0.9 if failed else 0.03)
        failures += failed
        if would and not whole:
            runs.append(stopped(f"r{at}"))
        else:
            spared = msgspec.structs.replace(control(f"r{at}"), weight=4.0)
            runs.append(spared if would else run(f"r{at}", model="eol", version=1))
        if whole or not would or finds(failed):
            labels.append(said(f"l{at}", f"r{at}", "fail" if failed else "pass", 1))
    found = [ended for ended, _ in judged(runs, labels)]
    stood_for = sum(each.weight for each in found)
    assert stood_for == pytest.approx(4_000, rel=0.02)
    assert sum(each.weight for each in found if each.state == "fail") / stood_for == pytest.approx(
        failures / 4_000, abs=0.012
    )
