"""A recorded shift on test benches gives the same outcomes bit for bit, however it is cut."""

import itertools
import random
from collections import Counter
from functools import cache

from hypothesis import given, settings
from hypothesis import strategies as st

from stream.core import Core
from stream.inputs import Item
from tests.stream.benches.shift import benches, shift
from tests.stream.plant import encoded
from wire.messages import Advice, Alarm, Label, Outcome, Run

SEEDS = (1, 2)
CORE = benches()


def _played(core: Core, items: list[Item], cuts: list[int], restored: set[int]) -> list[Outcome]:
    state = core.cold()
    outcomes: list[Outcome] = []
    stored: dict[str, bytes] = {}
    bounds = [0, *sorted(cuts), len(items)]
    for index, (begin, end) in enumerate(itertools.pairwise(bounds)):
        state, came = core.step(state, list(enumerate(items[begin:end], begin)))
        stored.update(core.dump(state, came.changed))
        outcomes += came.outcomes
        if index in restored:
            state = core.load({key: record for key, record in stored.items() if record})
    return outcomes


@cache
def whole(seed: int) -> list[Outcome]:
    return _played(CORE, shift(seed), [], set())


@given(seed=st.sampled_from(SEEDS), data=st.data())
@settings(max_examples=8, deadline=None)
def test_any_cut_and_any_restart_gives_the_same_outcomes(seed: int, data: st.DataObject) -> None:
    items = shift(seed)
    chance = random.Random(data.draw(st.integers(0, 2**32)))
    cuts = chance.sample(range(len(items)), data.draw(st.integers(0, 80)))
    restored = {index for index in range(len(cuts) + 1) if chance.random() < 0.3}
    assert encoded(_played(CORE, items, cuts, restored)) == encoded(whole(seed))


def test_one_input_at_a_time_gives_the_same_outcomes() -> None:
    items = shift(SEEDS[0])
    assert encoded(_played(CORE, items, list(range(1, len(items))), set())) == encoded(whole(SEEDS[0]))


def test_the_shift_holds_about_everything_that_can_happen_to_a_run() -> None:
    outcomes = [outcome for seed in SEEDS for outcome in whole(seed)]
    states = {"running", "pass", "fail", "aborted", "broken-off"}
    assert {run.state for run in outcomes if isinstance(run, Run)} == states
    advice = [outcome for outcome in outcomes if isinstance(outcome, Advice)]
    assert {each.withheld for each in advice} >= {"", "shadow", "control"}
    assert {each.stop for each in advice} == {True, False}
    assert {each.model_version for each in advice} == {0, 1, 2}  # 0: of a run whose procedure is not known
    assert {label.meaning for label in outcomes if isinstance(label, Label)} == {"pass", "fail"}
    assert any(isinstance(each, Alarm) and each.rule == "run-will-fail:bench-1" for each in outcomes)


def test_every_irregularity_of_the_shift_is_named() -> None:
    runs = {each.run: each for seed in SEEDS for each in whole(seed) if isinstance(each, Run)}
    named = Counter(word for run in runs.values() for remark in run.remarks for word in NAMED if word in remark)
    assert set(named) == set(NAMED)


NAMED = (
    "begins without its start",
    "no start of it was heard",
    "retest of",
    "at the same time as run",
    "out of the planned order",
    "is not planned",
    "steps are missing",
    "ended twice",
    "measured again",
    "nothing was heard of it for 30 min",
    "version 2 of servo-final, after version 1",
    "after that step ended",
)


def test_each_run_is_told_and_each_end_is_a_label_once() -> None:
    for seed in SEEDS:
        told = {each.run: each.state for each in whole(seed) if isinstance(each, Run)}
        assert len(told) == 40
        labels = Counter(each.run for each in whole(seed) if isinstance(each, Label))
        assert set(labels.values()) == {1}
        assert set(labels) <= {run for run, state in told.items() if state in {"pass", "fail"}}
