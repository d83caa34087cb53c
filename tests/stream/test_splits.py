"""A recorded day gives the same outcomes bit for bit, however it is cut and wherever it is taken up again."""

import itertools
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.selflearning.online import Online
from stream.core import Core
from stream.inputs import Item
from stream.models.detectors import Shelf
from tests.stream.plant import DAY_RULES, LATE_LANE, Distance, Line, batch, core, encoded, frame, lively_day
from wire.config import Config
from wire.messages import Alarm, Outcome, Scores

SEEDS = (1, 2, 3)
RULES = {"limit", "range", "silent", "anomaly", "gap", "clock", "source", "conflict", "sequence", "late", "model"}


def _core() -> Core:
    return Core(Config(devices=DAY_RULES), Shelf([Distance(), Distance("wear", 2), Distance("wear", 3)]))


def _played(core: Core, day: list[Item], cuts: list[int], restored: set[int]) -> list[Outcome]:
    state = core.cold()
    outcomes: list[Outcome] = []
    stored: dict[str, bytes] = {}
    bounds = [0, *sorted(cuts), len(day)]
    for index, (start, end) in enumerate(itertools.pairwise(bounds)):
        state, came = core.step(state, list(enumerate(day[start:end], start)))
        stored.update(core.dump(state, came.changed))
        outcomes += came.outcomes
        if index in restored:
            state = core.load({key: record for key, record in stored.items() if record})
    return outcomes


WHOLE = {seed: encoded(_played(_core(), lively_day(seed), [], set())) for seed in SEEDS}


@given(seed=st.sampled_from(SEEDS), data=st.data())
@settings(max_examples=25, deadline=None)
def test_any_cut_and_any_restart_gives_the_same_outcomes(seed: int, data: st.DataObject) -> None:
    day = lively_day(seed)
    chance = random.Random(data.draw(st.integers(0, 2**32)))
    cuts = chance.sample(range(len(day)), data.draw(st.integers(0, 60)))
    restored = {index for index in range(len(cuts) + 1) if chance.random() < 0.3}
    assert encoded(_played(_core(), day, cuts, restored)) == WHOLE[seed]


def test_one_input_at_a_time_gives_the_same_outcomes() -> None:
    day = lively_day(SEEDS[0])
    assert encoded(_played(_core(), day, list(range(1, len(day))), set())) == WHOLE[SEEDS[0]]


def test_the_day_holds_about_everything_that_can_ring() -> None:
    day = [outcome for seed in SEEDS for outcome in _played(_core(), lively_day(seed), [], set())]
    assert {o.rule.partition(":")[0] for o in day if isinstance(o, Alarm)} >= RULES
    assert {o.device for o in day if isinstance(o, Scores)} == {"pump-1", "mqtt", "slow", "mill", "replayed"}


def test_the_self_learning_detector_keeps_the_promise_too() -> None:
    day = lively_day(4, seconds=500)
    core = Core(Config(devices=DAY_RULES), Shelf([Online()]))
    chance = random.Random(4)
    cuts = chance.sample(range(len(day)), 60)
    whole = _played(core, day, [], set())
    assert encoded(_played(core, day, cuts, set(range(0, 60, 7)))) == encoded(whole)
    assert any(isinstance(o, Scores) for o in whole)


def test_a_step_leaves_the_state_it_was_given_as_it_was() -> None:
    steady, day = _core(), lively_day(2)
    state, _ = steady.step(steady.cold(), list(enumerate(day[:100])))
    before = steady.dump(state)
    steady.step(state, list(enumerate(day[100:])))
    assert steady.dump(state) == before


@pytest.mark.parametrize("seed", SEEDS)
def test_a_replay_of_what_was_seen_counts_as_duplicates_and_does_nothing(seed: int) -> None:
    core = _core()
    batches = [(i, item) for i, item in enumerate(lively_day(seed)) if type(item).__name__ == "Batch"]
    state, first = core.step(core.cold(), batches)
    again, second = core.step(state, batches)
    assert (second.duplicates, second.outcomes, second.accepted) == (len(batches), [], [])
    assert core.dump(again) == core.dump(state)
    assert len(first.accepted) + first.duplicates == len(batches)


def test_a_channel_that_appears_after_waiting_rows_of_a_learnt_device_gives_the_same_in_one_step() -> None:
    line = Line(core())
    line.run([20.0] * 60)
    assert line.state.devices["hall", "pump-1"].watch.warm == 1.0
    items: list[Item] = [
        batch(61, 60, [frame("pump-1", [60, 61], [20, 21])]),
        batch(62, 62, [frame("pump-1", [62], [[22, 1]], ("temperature", "flow"))]),
        batch(1, -90, [frame("pump-1", range(-100, -95), [20] * 5)], log=LATE_LANE, late=True),
        batch(63, 63, [frame("pump-1", [63], [[23, 1]], ("temperature", "flow"))]),
    ]
    _, together = line.core.step(line.state, list(enumerate(items)))
    apart: list[Outcome] = []
    for item in items:
        apart += line.put(item)
    assert encoded(together.outcomes) == encoded(apart)
    assert [len(o.channels) for o in apart if isinstance(o, Scores)] == [1]
