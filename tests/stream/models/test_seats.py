"""A candidate beside the champion, its promotion, and falling back on the version before; whatever the cut."""

import itertools
import random
from collections.abc import Sequence
from typing import Literal

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.contract import F64, Job, Scored, Task
from models.decide import Decision
from models.selflearning.online import Online
from stream.core import Core
from stream.inputs import Item
from stream.models.detectors import Shelf
from stream.models.versions import Versions
from tests.stream.plant import T0, Line, S, batch, encoded, frame, score_times
from wire.config import Config, DeviceRule
from wire.messages import ModelChange, Outcome, Scores

CHANNELS = ("load", "heat")
BAD = -99.0
RULES = (DeviceRule(match="pump-*", model="pump"),)


class Level:
    """Knows from its third row on how far `heat` lies above its limit; fails on BAD if so told, or gives no number."""

    def __init__(self, version: int, *, limit: float = 10.0, fails: str = "") -> None:
        self.name, self.version, self.task, self.channels = "pump", version, Task.ANOMALY, CHANNELS
        self.decision = Decision(k=1, n=1, quiet=2)
        self._limit, self._fails = limit, fails

    def cold(self, channels: int) -> F64:  # noqa: ARG002 -- whatever channels there are
        return np.zeros(1)

    def accept(self, state: F64) -> F64:
        return state

    def advance(self, jobs: Sequence[Job]) -> list[Scored]:
        return [self._advance(job) for job in jobs]

    def _advance(self, job: Job) -> Scored:
        bad = bool((job.rows == BAD).any())
        if bad and self._fails == "raises":
            msg = "no such leaf"
            raise IndexError(msg)
        heat = job.rows[:, list(job.channels).index("heat")]
        seen = job.state[0] + 1 + np.arange(len(heat))
        score = np.where(seen < 3, np.nan, heat / self._limit).astype(np.float32)
        if bad and self._fails == "nothing":
            score[:] = np.nan
        parts = np.column_stack([np.zeros_like(score), score])
        state = np.array([min(seen[-1], 3.0)]) if job.learn else job.state
        return Scored(state, score, parts, min(1.0, float(state[0]) / 3), np.zeros(len(heat), np.bool_))


def core(*detectors: Level) -> Core:
    return Core(Config(devices=RULES), Shelf([Online(), *detectors]))


def sent(line: Line, first: int, values: Sequence[float]) -> None:
    for second, value in enumerate(values, first):
        line.beat(second, frame("pump-1", [second], [[1.0, value]], CHANNELS, own=True))


def by(line: Line, role: str, version: int) -> list[Scores]:
    return [said for said in line.scores() if (said.role, said.version) == (role, version)]


def values_of(scores: Sequence[Scores]) -> list[float]:
    return [float(value) for said in scores for value in np.frombuffer(said.score, "<f4")]


def test_a_candidate_scores_the_same_rows_beside_the_champion_and_rings_nothing() -> None:
    line = Line(core(Level(1), Level(2, limit=1.0)))
    line.put(ModelChange("m1", "pump", 1))
    line.put(ModelChange("m2", "pump", 2, role="candidate"))
    sent(line, 0, [5.0] * 10)
    champion, candidate = by(line, "champion", 1), by(line, "candidate", 2)
    assert score_times(champion) == score_times(candidate) == list(range(10))
    assert values_of(champion)[2:] == [0.5] * 8
    assert values_of(candidate)[2:] == [5.0] * 8
    assert not line.alarms()


def test_nothing_is_scored_twice_where_there_is_no_candidate() -> None:
    line = Line(core(Level(1), Level(2)))
    line.put(ModelChange("m1", "pump", 1))
    sent(line, 0, [5.0] * 4)
    line.put(ModelChange("m2", "pump", 1, role="candidate"))  # the champion itself is nothing to try
    sent(line, 4, [5.0] * 4)
    assert {said.role for said in line.scores()} == {"champion"}
    assert line.state.devices["hall", "pump-1"].shadow is None


def test_a_candidate_that_goes_leaves_nothing_behind() -> None:
    line = Line(core(Level(1), Level(2)))
    line.put(ModelChange("m1", "pump", 1))
    line.put(ModelChange("m2", "pump", 2, role="candidate"))
    sent(line, 0, [5.0] * 4)
    assert line.state.devices["hall", "pump-1"].shadow is not None
    line.put(ModelChange("m3", "pump", 0, role="candidate"))
    sent(line, 4, [5.0] * 4)
    assert line.state.devices["hall", "pump-1"].shadow is None
    assert len(score_times(by(line, "candidate", 2))) == 4


def test_a_promoted_candidate_goes_on_with_what_it_knows() -> None:
    line = Line(core(Level(1), Level(2)))
    line.put(ModelChange("m1", "pump", 1))
    line.put(ModelChange("m2", "pump", 2, role="candidate"))
    sent(line, 0, [5.0] * 5)
    line.put(ModelChange("m3", "pump", 2))
    line.reload()
    sent(line, 5, [5.0] * 5)
    assert not np.isnan(values_of(by(line, "champion", 2))).any()
    assert score_times(by(line, "champion", 1) + by(line, "champion", 2)) == list(range(10))


def test_a_champion_that_is_gone_back_from_is_tried_on_with_what_it_knows() -> None:
    line = Line(core(Level(1), Level(2)))
    line.put(ModelChange("m1", "pump", 2))
    sent(line, 0, [5.0] * 5)
    line.put(ModelChange("m2", "pump", 1))
    line.put(ModelChange("m3", "pump", 2, role="candidate"))
    sent(line, 5, [5.0] * 5)
    assert not np.isnan(values_of(by(line, "candidate", 2))).any()


def test_a_version_that_was_never_tried_here_watches_once_it_has_seen_enough_and_no_row_stays_without_a_score() -> None:
    line = Line(core(Level(1), Level(2)))
    line.put(ModelChange("m1", "pump", 1))
    sent(line, 0, [5.0] * 5)
    line.put(ModelChange("m2", "pump", 2))
    sent(line, 5, [5.0] * 5)
    assert score_times(by(line, "champion", 1)) == list(range(8))
    assert score_times(by(line, "champion", 2)) == [8, 9]
    assert not np.isnan(values_of(by(line, "champion", 2))).any()
    assert score_times(by(line, "candidate", 2)) == [5, 6, 7]


def test_a_version_that_fails_before_it_has_seen_enough_never_watches() -> None:
    line = Line(core(Level(1), Level(2, fails="raises")))
    line.put(ModelChange("m1", "pump", 1))
    sent(line, 0, [5.0] * 5)
    line.put(ModelChange("m2", "pump", 2))
    sent(line, 5, [5.0, BAD, 5.0, 5.0, 5.0])
    assert score_times(by(line, "champion", 1)) == list(range(10))
    assert not by(line, "champion", 2)
    assert line.steps("model-previous") == ["unacknowledged"]


def test_an_alarm_that_stands_through_a_promotion_rings_on() -> None:
    line = Line(core(Level(1), Level(2)))
    line.put(ModelChange("m1", "pump", 1))
    line.put(ModelChange("m2", "pump", 2, role="candidate"))
    sent(line, 0, [5.0, 5.0, 5.0, 15.0, 15.0])
    line.put(ModelChange("m3", "pump", 2))
    sent(line, 5, [15.0, 15.0, 5.0, 5.0, 5.0])
    assert line.steps("anomaly") == ["unacknowledged", "returned-unacknowledged"]


@pytest.mark.parametrize("fails", ["raises", "nothing"])
def test_a_candidate_that_fails_is_tried_no_more_and_the_champion_goes_on(fails: str) -> None:
    line = Line(core(Level(1), Level(2, fails=fails)))
    line.put(ModelChange("m1", "pump", 1))
    line.put(ModelChange("m2", "pump", 2, role="candidate"))
    sent(line, 0, [5.0] * 5 + [BAD] + [5.0] * 4)
    assert score_times(by(line, "champion", 1)) == list(range(10))
    assert score_times(by(line, "candidate", 2)) == list(range(5))
    assert not line.alarms("model")


@pytest.mark.parametrize("fails", ["raises", "nothing"])
def test_a_champion_that_fails_gives_way_to_the_version_before_it(fails: str) -> None:
    line = Line(core(Level(1), Level(2, fails=fails)))
    line.put(ModelChange("m1", "pump", 1))
    sent(line, 0, [5.0] * 5)
    line.put(ModelChange("m2", "pump", 2))
    sent(line, 5, [5.0] * 5 + [BAD] + [5.0] * 5)
    assert score_times(by(line, "champion", 2)) == [8, 9]
    assert score_times(by(line, "champion", 1)) == [*range(8), *range(10, 16)]
    (alarm,) = line.alarms("model-previous")
    assert "model pump does not watch, version 1 does as before: it" in alarm.summary
    line.put(ModelChange("m3", "pump", 1))
    sent(line, 16, [5.0] * 2)
    assert line.steps("model-previous") == ["unacknowledged", "returned-unacknowledged"]


def test_where_the_version_before_fails_too_the_self_learning_detector_watches() -> None:
    line = Line(core(Level(1, fails="raises"), Level(2, fails="raises")))
    line.put(ModelChange("m1", "pump", 1))
    line.put(ModelChange("m2", "pump", 2))
    sent(line, 0, [5.0] * 5 + [BAD] + [5.0] * 5)
    line.reload()
    sent(line, 11, [5.0] * 5)
    assert line.scores()[-1].model == "online"
    assert line.steps("model") == ["unacknowledged"]
    assert line.steps("model-previous")[-1] == "returned-unacknowledged"


def test_a_version_that_is_not_to_be_had_any_more_gives_way_to_the_one_before() -> None:
    line = Line(core(Level(1), Level(2)))
    line.put(ModelChange("m1", "pump", 1))
    line.put(ModelChange("m2", "pump", 2))
    line.core = core(Level(1))
    sent(line, 0, [5.0] * 5)
    assert {(said.model, said.version) for said in line.scores()} == {("pump", 1)}
    assert line.alarms("model-previous")


def test_what_is_in_force_is_kept_and_that_of_an_older_tocsin_is_read() -> None:
    line = Line(core(Level(1), Level(2)))
    line.put(ModelChange("m1", "pump", 1))
    line.put(ModelChange("m2", "pump", 2))
    line.put(ModelChange("m3", "pump", 1, role="candidate"))
    line.reload()
    assert line.state.models == {"pump": Versions(2, (1,), 1)}
    old = line.core.dump(msgspec.structs.replace(line.state, models={"pump": 2}), ["models"])
    assert line.core.load(old).models == {"pump": Versions(2)}


def test_a_state_is_pinned_to_the_champions_of_now_and_to_none_that_it_already_has() -> None:
    watched = core(Level(1), Level(2))
    state, changed = watched.pinned(watched.cold())
    assert (state.models, changed) == ({"pump": Versions(2)}, ("models",))
    line = Line(watched)
    line.put(ModelChange("m1", "pump", 1))
    assert watched.pinned(line.state) == (line.state, ())


def _day(seed: int) -> list[Item]:
    """Three pumps whose rows at times are too much for version 2 or 3, while versions come and go."""
    chance = random.Random(seed)
    items: list[Item] = []
    for seq, second in enumerate(range(0, 240, 3), 1):
        frames = [
            frame(
                f"pump-{n}",
                [second, second + 1, second + 2],
                [[1.0, BAD if chance.random() < 0.01 else chance.uniform(0, 12)] for _ in range(3)],
                CHANNELS,
                own=True,
            )
            for n in range(3)
        ]
        items.append(batch(seq, second + 2, frames))
        if chance.random() < 0.15:
            role = chance.choice(["champion", "candidate"])
            version = chance.choice([1, 2, 3, 9] if role == "champion" else [0, 1, 2, 3, 9])
            role_of: Literal["champion", "candidate"] = "champion" if role == "champion" else "candidate"
            items.append(ModelChange(f"m{seq}", "pump", version, "ada", T0 + second * S, role_of))
    return items


def _detectors() -> Core:
    return core(Level(1), Level(2, limit=8.0, fails="raises"), Level(3, limit=6.0, fails="nothing"))


def _played(day: list[Item], cuts: list[int], *, restored: bool) -> list[Outcome]:
    watched = _detectors()
    state, _ = watched.pinned(watched.cold())
    outcomes: list[Outcome] = []
    for start, end in itertools.pairwise([0, *sorted(cuts), len(day)]):
        state, came = watched.step(state, list(enumerate(day[start:end], start)))
        outcomes += came.outcomes
        if restored:
            state = watched.load(watched.dump(state))
    return outcomes


SEEDS = (1, 2, 3, 4)
WHOLE = {seed: encoded(_played(_day(seed), [], restored=False)) for seed in SEEDS}


@given(seed=st.sampled_from(SEEDS), cutting=st.integers(0, 2**32), restored=st.booleans())
@settings(max_examples=25, deadline=None)
def test_swaps_trials_and_failures_give_the_same_outcomes_however_inputs_are_cut(
    seed: int, cutting: int, *, restored: bool
) -> None:
    day = _day(seed)
    chance = random.Random(cutting)
    cuts = chance.sample(range(1, len(day)), chance.randint(0, len(day) - 1))
    assert encoded(_played(day, cuts, restored=restored)) == WHOLE[seed]


def test_the_days_hold_every_role_every_version_and_every_failure() -> None:
    told = [outcome for seed in SEEDS for outcome in _played(_day(seed), [], restored=False)]
    assert {(o.role, o.version) for o in told if isinstance(o, Scores) and o.model == "pump"} == {
        (role, version) for role in ("champion", "candidate") for version in (1, 2, 3)
    }
    assert any(isinstance(o, Scores) and o.model == "online" for o in told)
    rules = {getattr(o, "rule", "") for o in told}
    assert {"model", "model-previous", "model-refused:pump", "model-refused:pump:candidate"} <= rules
