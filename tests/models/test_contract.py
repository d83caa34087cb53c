from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.contract import F64, Detector, Job, Scored
from models.selflearning.online import Online

DETECTORS: Sequence[Detector] = [Online()]  # a new model is one row here
SECOND = 1_000_000_000

every_detector = pytest.mark.parametrize("detector", DETECTORS, ids=lambda d: d.name)
few = settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def plant(rows: int, channels: int, seed: int) -> F64:
    """Correlated noise around a load that steps, with missing values."""
    rng = np.random.default_rng(seed)
    load = np.repeat(rng.normal(size=rows // 37 + 1), 37)[:rows, None]
    values = load * rng.normal(size=channels) + 0.3 * rng.normal(size=(rows, channels)) + 10.0
    values[rng.random((rows, channels)) < 0.01] = np.nan
    return values


def job(state: F64, rows: F64, start: int = 0, *, learn: bool = True) -> Job:
    t_ns = (start + 1 + np.arange(len(rows), dtype=np.int64)) * SECOND
    return Job(state=state, t_ns=t_ns, rows=rows, running=np.ones(len(rows), dtype=np.bool_), learn=learn)


def same(one: Scored, other: Scored) -> bool:
    return (
        one.state.tobytes() == other.state.tobytes()
        and one.score.tobytes() == other.score.tobytes()
        and one.contributions.tobytes() == other.contributions.tobytes()
        and one.drift.tobytes() == other.drift.tobytes()
        and one.warm == other.warm
    )


def joined(parts: list[Scored]) -> Scored:
    return Scored(
        state=parts[-1].state,
        score=np.concatenate([p.score for p in parts]),
        contributions=np.concatenate([p.contributions for p in parts]),
        warm=parts[-1].warm,
        drift=np.concatenate([p.drift for p in parts]),
    )


@every_detector
@few
@given(
    channels=st.sampled_from([1, 2, 3, 8, 9, 17]),
    seed=st.integers(0, 99),
    cuts=st.lists(st.integers(0, 420), max_size=8),
    off=st.booleans(),
    jump=st.booleans(),
)
def test_any_split_of_the_rows_gives_the_same_bits(
    detector: Detector, channels: int, seed: int, cuts: list[int], *, off: bool, jump: bool
) -> None:
    rows = plant(420, channels, seed)
    whole = job(detector.cold(channels), rows)
    t_ns, running = whole.t_ns.copy(), whole.running.copy()
    t_ns[300:] += 500 * SECOND * jump
    running[250:270] = not off
    parts, state, begin = [], whole.state, 0
    for end in sorted({*cuts, 420}):
        piece = Job(state=state, t_ns=t_ns[begin:end], rows=rows[begin:end], running=running[begin:end])
        parts.append(detector.advance([piece])[0])
        state, begin = np.frombuffer(parts[-1].state.tobytes()), end
    (at_once,) = detector.advance([Job(state=whole.state, t_ns=t_ns, rows=rows, running=running)])
    assert same(joined(parts), at_once)


@every_detector
@few
@given(seed=st.integers(0, 99), sizes=st.lists(st.integers(0, 90), min_size=2, max_size=9), old=st.integers(0, 40))
def test_devices_together_give_the_same_bits_as_each_alone(
    detector: Detector, seed: int, sizes: list[int], old: int
) -> None:
    jobs = []
    for i, k in enumerate(sizes):
        channels = (3, 8, 1)[i % 3]
        rows = plant(200 + old * i + k, channels, seed + i)
        begin = len(rows) - k
        state = detector.advance([job(detector.cold(channels), rows[:begin])])[0].state
        jobs.append(job(state, rows[begin:], begin, learn=i % 4 != 3))
    for together, alone in zip(detector.advance(jobs), [detector.advance([j])[0] for j in jobs], strict=True):
        assert same(together, alone)


@every_detector
def test_nothing_handed_over_is_changed(detector: Detector) -> None:
    rows = plant(300, 4, 1)
    handed = job(detector.cold(4), rows)
    before = [a.tobytes() for a in (handed.state, handed.t_ns, handed.rows, handed.running)]
    detector.advance([handed])
    detector.accept(handed.state)
    assert [a.tobytes() for a in (handed.state, handed.t_ns, handed.rows, handed.running)] == before


@every_detector
def test_late_rows_are_scored_and_teach_nothing(detector: Detector) -> None:
    rows = plant(700, 5, 2)
    state = detector.advance([job(detector.cold(5), rows[:400])])[0].state
    (late,) = detector.advance([job(state, rows[400:], 400, learn=False)])
    assert late.state.tobytes() == state.tobytes()
    assert np.isfinite(late.score).all()


@every_detector
def test_it_says_nothing_until_warm_and_warm_after_200_rows(detector: Detector) -> None:
    (scored,) = detector.advance([job(detector.cold(3), plant(220, 3, 3))])
    assert np.isnan(scored.score[:150]).all()
    assert np.isfinite(scored.score[200:]).all()
    assert scored.warm == 1.0
    assert detector.advance([job(detector.cold(3), plant(96, 3, 3))])[0].warm == pytest.approx(0.5)


@every_detector
def test_an_off_machine_has_no_score(detector: Detector) -> None:
    whole = job(detector.cold(3), plant(400, 3, 4))
    running = whole.running.copy()
    running[300:350] = False
    (scored,) = detector.advance([Job(state=whole.state, t_ns=whole.t_ns, rows=whole.rows, running=running)])
    assert np.isnan(scored.score[300:350]).all()
    assert np.isfinite(scored.score[350:]).all()


@every_detector
@few
@given(channels=st.sampled_from([1, 4, 20]), seed=st.integers(0, 99))
def test_contributions_are_not_negative_and_sum_to_the_score(detector: Detector, channels: int, seed: int) -> None:
    rows = plant(500, channels, seed)
    rows[450:] += 4.0 * np.arange(channels)
    (scored,) = detector.advance([job(detector.cold(channels), rows)])
    known = np.isfinite(scored.score)
    assert known.any()
    assert (scored.contributions >= 0).all()
    np.testing.assert_allclose(scored.contributions.sum(axis=1)[known], scored.score[known], rtol=1e-5)


STRANGE = st.sampled_from([0.0, 1.0, -1.0, 1e300, -1e300, 1.7e308, 5e-324, 1e-12, float("nan"), float("inf")])


@every_detector
@few
@given(start=st.sampled_from(["flat", "plant", "strange"]), strange=st.lists(STRANGE, min_size=1, max_size=24))
def test_no_number_however_strange_breaks_it(detector: Detector, start: str, strange: list[float]) -> None:
    rows = {"flat": np.full((260, 4), 7.0), "plant": plant(260, 4, 5), "strange": np.resize(strange, (260, 4))}[start]
    later = np.concatenate([np.resize(strange, (90, 4)), rows[:60]])
    first, then = rows, later
    before = detector.advance([job(detector.cold(4), first)])[0]
    after = detector.advance([job(before.state, then, 260)])[0]
    for scored, shown in ((before, first), (after, then)):
        assert np.isfinite(scored.state[~np.isnan(scored.state)]).all() or not np.isfinite(shown).all()
        assert not np.isinf(scored.score).any()
        assert np.isfinite(scored.contributions).all()
    some = np.isfinite(then).any(axis=1)
    if before.warm == 1.0:
        assert np.isfinite(after.score[some]).all()


@every_detector
def test_the_state_is_small(detector: Detector) -> None:
    assert detector.cold(8).nbytes <= 10_000
    assert detector.cold(1000).nbytes <= 1_100_000


@every_detector
def test_a_device_of_a_thousand_channels_is_watched(detector: Detector) -> None:
    rows = np.random.default_rng(6).normal(size=(260, 1000))
    rows[240:, 77] += 30.0
    (scored,) = detector.advance([job(detector.cold(1000), rows)])
    assert np.nanmax(scored.score[:240]) < 1.0
    assert np.nanmax(scored.score[240:]) > 1.0
    assert scored.contributions[245].argmax() == 77
