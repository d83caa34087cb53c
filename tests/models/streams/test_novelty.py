import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.contract import F64, Job, Scored
from models.streams.novelty import Habits, Streams

SECOND = 1_000_000_000
DAY = 288


def job(rows: F64, state: F64 | None = None, *, learn: bool = True) -> Job:
    rows = rows if rows.ndim == 2 else rows[:, None]
    t_ns = (1 + np.arange(len(rows), dtype=np.int64)) * SECOND
    cold = Streams().cold(rows.shape[1]) if state is None else state
    return Job(state=cold, t_ns=t_ns, rows=rows, running=np.ones(len(rows), dtype=np.bool_), learn=learn)


def watched(rows: F64, detector: Streams | None = None) -> Scored:
    return (detector or Streams()).advance([job(rows)])[0]


def rings(rows: F64) -> list[int]:
    """Rows that ring once a whole day is known."""
    return [int(row) for row in np.flatnonzero(watched(rows).score >= 1.0) if row >= DAY]


def daily(days: int, seed: int = 0) -> F64:
    """A load that comes and goes every day, with noise that stays within bounds."""
    rng = np.random.default_rng(seed)
    load = 50.0 + 30.0 * np.sin(np.arange(days * DAY) * 2.0 * np.pi / DAY)
    return np.asarray(load + rng.uniform(-1.0, 1.0, days * DAY))


def plant(rows: int, channels: int, seed: int) -> F64:
    rng = np.random.default_rng(seed)
    load = np.repeat(rng.normal(size=rows // 37 + 1), 37)[:rows, None]
    values = load * rng.normal(size=channels) + 0.3 * rng.normal(size=(rows, channels)) + 10.0
    values[rng.random((rows, channels)) < 0.05] = np.nan
    return np.asarray(values)


def same(one: Scored, other: Scored) -> bool:
    parts = ("state", "score", "contributions", "drift")
    return all(getattr(one, part).tobytes() == getattr(other, part).tobytes() for part in parts)


def test_a_daily_load_does_not_ring_from_its_second_day_on() -> None:
    assert rings(daily(14)) == []


def test_a_value_beyond_all_others_rings_once() -> None:
    rows = daily(10)
    rows[2000:2020] += 60.0
    assert rings(rows) == [2000]


def test_a_value_that_was_always_passed_over_rings() -> None:
    rows = np.where(np.arange(3000) % 100 < 50, 20.0, 80.0)
    rows[2000:2010] = 50.0
    assert rings(rows) == [2000]


def test_a_spike_that_comes_back_is_known() -> None:
    rows = daily(12)
    rows[600::150] = 140.0
    assert rings(rows) == [600]


def test_what_did_not_come_back_for_so_long_is_forgotten() -> None:
    rows = daily(40)
    rows[[1000, 3000, 9000]] = 140.0
    assert rings(rows) == [1000, 9000]


def test_a_higher_step_soon_after_is_another_change_and_a_lower_one_is_not() -> None:
    rows = daily(10)
    rows[2000:2010] += 60.0
    rows[2010:2020] += 300.0
    rows[2020:2030] -= 100.0
    assert rings(rows) == [2000, 2010]


def test_a_flat_line_has_score_zero_and_its_first_step_rings() -> None:
    rows = np.full(1000, 45.0)
    rows[700:] = 45.001
    scored = watched(rows)
    assert (scored.score[192:700] == 0.0).all()
    assert rings(rows) == [700]


def test_nothing_is_said_until_warm() -> None:
    scored = watched(daily(1)[:192])
    assert np.isnan(scored.score).all()
    assert scored.warm == 1.0


def test_rows_that_are_missing_or_off_have_no_score_and_teach_nothing() -> None:
    rows = daily(3)
    gaps = rows.copy()
    gaps[400:430] = np.nan
    whole = job(np.concatenate([rows[:400], rows[430:]]))
    (plain,) = Streams().advance([whole])
    scored = watched(gaps)
    assert np.isnan(scored.score[400:430]).all()
    assert scored.state.tobytes() == plain.state.tobytes()
    off = job(rows)
    off.running[400:430] = False
    assert same(Streams().advance([off])[0], scored)


@settings(max_examples=10, deadline=None)
@given(
    channels=st.sampled_from([1, 3, 9]),
    seed=st.integers(0, 99),
    cuts=st.lists(st.integers(0, 700), max_size=8),
    memory=st.sampled_from([100, 4000]),
)
def test_any_split_of_the_rows_gives_the_same_bits(channels: int, seed: int, cuts: list[int], memory: int) -> None:
    detector = Streams(Habits(memory=memory, places=16))
    rows = plant(700, channels, seed)
    state, begin, parts = detector.cold(channels), 0, []
    for end in sorted({*cuts, 700}):
        parts.append(detector.advance([job(rows[begin:end], state)])[0])
        state, begin = parts[-1].state, end
    (at_once,) = detector.advance([job(rows, detector.cold(channels))])
    assert np.concatenate([part.score for part in parts]).tobytes() == at_once.score.tobytes()
    assert np.concatenate([part.contributions for part in parts]).tobytes() == at_once.contributions.tobytes()
    assert state.tobytes() == at_once.state.tobytes()


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 99), sizes=st.lists(st.integers(0, 300), min_size=2, max_size=6))
def test_devices_together_give_the_same_bits_as_each_alone(seed: int, sizes: list[int]) -> None:
    detector = Streams()
    jobs = [job(plant(k, (3, 8, 1)[i % 3], seed + i), learn=i % 3 != 2) for i, k in enumerate(sizes)]
    for together, alone in zip(detector.advance(jobs), [detector.advance([one])[0] for one in jobs], strict=True):
        assert same(together, alone)


@settings(max_examples=10, deadline=None)
@given(power=st.floats(-6, 6), offset=st.floats(-1e3, 1e3), mirrored=st.booleans())
def test_units_and_offsets_do_not_matter(power: float, offset: float, *, mirrored: bool) -> None:
    rows = daily(6)
    rows[1000:1010] += 60.0
    scale = 10.0**power * (-1.0 if mirrored else 1.0)
    np.testing.assert_allclose(watched(rows).score, watched(rows * scale + offset * scale).score, atol=1e-3)


def test_late_rows_are_scored_and_teach_nothing() -> None:
    rows = daily(4)
    before = watched(rows[:800])
    (late,) = Streams().advance([job(rows[800:] + 200.0, before.state, learn=False)])
    assert late.state.tobytes() == before.state.tobytes()
    assert late.score[0] >= 1.0


def test_the_worst_channel_is_the_score_and_it_alone_is_to_blame() -> None:
    rows = np.stack([daily(6, seed) for seed in range(4)], axis=1)
    rows[1200, 2] += 90.0
    scored = watched(rows)
    assert scored.score[1200] >= 1.0
    assert scored.contributions[1200].argmax() == 2
    np.testing.assert_allclose(scored.contributions[192:].sum(axis=1), scored.score[192:], rtol=1e-5)


def test_noise_of_a_thousand_channels_keeps_the_state_small_and_finite() -> None:
    detector = Streams()
    scored = watched(np.random.default_rng(6).normal(size=(260, 1000)))
    assert np.isfinite(scored.state).all()
    assert detector.cold(8).nbytes <= 10_000
    assert scored.state.nbytes <= 1_100_000


STRANGE = st.sampled_from([0.0, 1.0, -1.0, 1e300, -1e300, 1.7e308, 5e-324, 1e-12, float("nan"), float("inf")])


@settings(max_examples=20, deadline=None)
@given(strange=st.lists(STRANGE, min_size=1, max_size=24))
def test_no_number_however_strange_breaks_it(strange: list[float]) -> None:
    for rows in (np.resize(strange, 400), np.concatenate([daily(2)[:300], np.resize(strange, 100), daily(1)])):
        scored = watched(rows)
        assert np.isfinite(scored.state).all()
        assert not np.isinf(scored.score).any()
        assert np.isfinite(scored.contributions).all()
        shown = np.isfinite(rows)
        assert np.isfinite(scored.score[shown & (np.cumsum(shown) > 192)]).all()


def test_no_rows_and_no_jobs_are_fine() -> None:
    assert Streams().advance([]) == []
    scored = watched(np.zeros((0, 2)))
    assert len(scored.score) == 0
    assert scored.warm == 0.0


def test_a_state_of_other_places_is_refused() -> None:
    with pytest.raises(ValueError, match="channels"):
        Streams(Habits(places=32)).advance([job(daily(1))])
