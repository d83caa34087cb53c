import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.contract import F64, Job, Scored
from models.decide import DEFAULT, Deciding, decide
from models.selflearning.online import Online

SECOND = 1_000_000_000
NAMES = ("vibration", "temperature", "current", "pressure", "flow")


def pump(rows: int, seed: int = 0) -> F64:
    """A load that wanders and steps, five channels that follow it, noise that remembers."""
    rng = np.random.default_rng(seed)
    steps = np.repeat(rng.uniform(-1, 1, rows // 250 + 1), 250)[:rows]
    load = np.convolve(np.concatenate([np.full(39, steps[0]), steps]), np.full(40, 1 / 40), "valid")
    white = rng.normal(size=(rows + 8, 5))
    noise = sum(0.7 ** (8 - lag) * white[lag : lag + rows] for lag in range(9)) * 0.7
    gains = np.array([0.1, 2.0, 1.0, 0.3, 15.0])
    values: F64 = np.array([1.0, 50.0, 9.0, 4.0, 180.0]) + load[:, None] * gains + noise * gains * 0.08
    return values


def watched(rows: F64, state: F64 | None = None, start: int = 0, every: int = SECOND) -> Scored:
    detector = Online()
    t_ns = (start + 1 + np.arange(len(rows), dtype=np.int64)) * every
    given_state = detector.cold(rows.shape[1]) if state is None else state
    running = np.ones(len(rows), dtype=np.bool_)
    return detector.advance([Job(state=given_state, t_ns=t_ns, rows=rows, running=running)])[0]


def rings(scored: Scored) -> list[int]:
    return [change.index for change in decide(Deciding(), scored.score, DEFAULT).changes if change.active]


def test_a_healthy_machine_does_not_ring() -> None:
    for seed in range(2):
        assert rings(watched(pump(10_000, seed))) == []


def test_a_strong_fault_rings_within_fifty_rows_of_a_short_warm_up() -> None:
    for seed in range(4):
        rows = pump(400, seed)
        rows[220:, 0] *= 3.0
        (first, *_) = rings(watched(rows))
        assert 220 <= first <= 270


@pytest.mark.parametrize(
    ("fault", "leads"),
    [("step", "vibration"), ("hot", "temperature"), ("spikes", "current"), ("noisy", "flow")],
)
def test_each_fault_rings_and_its_channel_leads(fault: str, leads: str) -> None:
    rows, at = pump(12_000, 7), NAMES.index(leads)
    after = slice(6000, None)
    rng = np.random.default_rng(8)
    if fault == "step":
        rows[after, at] *= 2.0
    elif fault == "hot":
        rows[after, at] += np.minimum(np.arange(6000) / 100.0, 25.0)
    elif fault == "spikes":
        rows[after, at] += np.where(rng.random(6000) < 0.06, 40.0, 0.0)
    else:
        rows[after, at] += 15.0 * rng.normal(size=6000)
    scored = watched(rows)
    found = rings(scored)
    assert found
    assert found[0] >= 6000
    loud = scored.contributions[6000:][scored.score[6000:] >= 1.0].sum(axis=0)
    assert NAMES[int(loud.argmax())] == leads


def test_what_grows_slowly_is_not_swallowed() -> None:
    rows = pump(20_000, 9)
    rows[10_000:, 0] += np.linspace(0.0, 3.0, 10_000)
    found = rings(watched(rows))
    assert found
    assert found[0] >= 10_000


def test_a_spike_in_one_channel_hides_no_fault_in_another() -> None:
    rows = pump(9000, 10)
    rows[4000, 3] = 1e300
    rows[4001, 3] = -1e300
    rows[6000:, 0] *= 2.5
    scored = watched(rows)
    assert [row for row in rings(scored) if row >= 6000]
    assert scored.contributions[6010].argmax() == 0


@pytest.mark.parametrize("bad", [np.nan, 4.0])
def test_a_dead_or_stuck_channel_hides_no_fault_in_another(bad: float) -> None:
    rows = pump(5000, 11)
    rows[2000:, 3] = bad
    plain = watched(rows)
    rows[4000:, 0] *= 2.5
    scored = watched(rows)
    assert scored.score[4000:4200].max() >= 1.0
    assert scored.score[4000:4200].max() > plain.score[4000:4200].max()


def test_a_missing_channel_leaves_the_score_calibrated() -> None:
    rows = pump(6000, 12)
    rows[3000:, 4] = np.nan
    scored = watched(rows)
    assert rings(scored) == []
    assert (scored.contributions[3000:, 4] == 0).all()


def test_a_stop_that_was_announced_and_a_cold_start_do_not_ring() -> None:
    rows = pump(20_000, 13)
    running = np.ones(20_000, dtype=np.bool_)
    running[9000:10_000] = False
    rows[9000:10_000] = [0.0, 40.0, 0.0, 0.0, 0.0]
    rows[10_000:, 1] -= 25.0 * np.exp(-np.arange(10_000) / 400.0)
    detector = Online()
    t_ns = (1 + np.arange(20_000, dtype=np.int64)) * SECOND
    (scored,) = detector.advance([Job(state=detector.cold(5), t_ns=t_ns, rows=rows, running=running)])
    assert rings(scored) == []


def test_the_first_load_step_after_a_short_warm_up_is_no_fault() -> None:
    rows = pump(240, 14)
    calm = rows.mean(axis=0) + (rows - rows.mean(axis=0)) * 0.2
    step = calm + 4.0 * np.array([0.1, 2.0, 1.0, 0.3, 15.0])
    assert rings(watched(np.concatenate([calm, step]))) == []


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 50), st.floats(-6, 6), st.floats(-1e3, 1e3), st.permutations(range(5)))
def test_units_offsets_and_the_order_of_channels_do_not_matter(
    seed: int, power: float, offset: float, order: list[int]
) -> None:
    rows = pump(500, seed)
    scale = 10.0**power
    plain, other = watched(rows), watched((rows * scale + offset * scale)[:, order])
    np.testing.assert_allclose(plain.score, other.score, rtol=1e-3, atol=1e-3)


def test_a_constant_channel_may_move_by_its_smallest_step() -> None:
    rows = np.concatenate([pump(6000, 15), np.full((6000, 1), 5.0)], axis=1)
    rows[4000:, 5] = np.where(np.random.default_rng(16).random(2000) < 0.5, 5.0, 5.1)
    assert rings(watched(rows)) == []


def test_the_normal_drifts_only_so_far_from_its_anchor_until_a_person_accepts() -> None:
    minute = 60 * SECOND
    rows = pump(56_000, 17)
    rows[28_000:, 1] += np.minimum(np.arange(28_000) / 800.0, 40.0)
    far = watched(rows, every=minute)
    assert not far.drift[:28_000].any()
    hot = pump(3000, 18)
    hot[:, 1] += 35.0
    held = watched(hot, far.state, 56_000, every=minute)
    assert held.drift.all()
    accepted = watched(hot, Online().accept(far.state), 56_000, every=minute)
    assert not accepted.drift.any()


def test_what_creeps_in_before_the_normal_is_mature_rings_until_a_person_accepts_it() -> None:
    rows = pump(6000, 17)
    rows[3000:, 1] += np.minimum(np.arange(3000) / 50.0, 40.0)
    crept = watched(rows)
    assert rings(crept)
    hot = pump(6000, 18)
    hot[:, 1] += 40.0
    assert (watched(hot, crept.state, 6000).score[-1000:] >= 1).all()
    accepted = watched(hot, Online().accept(crept.state), 6000)
    assert not (accepted.score[-1000:] >= 1).any()


def test_a_fault_that_grows_just_after_the_start_is_not_taken_for_normal() -> None:
    rows = pump(1200, 20)
    rows[350:, 0] *= 1.0 + 3.0 * np.clip(np.arange(850) / 160.0, 0.0, 1.0)
    scored = watched(rows, every=SECOND // 10)
    assert rings(scored)
    assert rings(scored)[0] < 350 + 80


def test_a_machine_that_is_stopped_unannounced_is_neither_scored_nor_forgotten() -> None:
    rows = pump(9000, 21)
    rng = np.random.default_rng(22)
    rows[6000:7500] = np.array([0.0, 30.0, 0.0, 1.0, 0.0]) + 0.001 * rng.normal(size=(1500, 5))
    scored = watched(rows)
    assert np.isnan(scored.score[6200:7500]).all()
    assert rings(scored) == []
    worn = rows.copy()
    worn[8500:, 0] *= 4.0
    assert [row for row in rings(watched(worn)) if row >= 8500]


def test_a_state_of_another_length_is_refused() -> None:
    rows = pump(10)
    with pytest.raises(ValueError, match="no state of the online detector"):
        Online().accept(np.zeros(7))
    with pytest.raises(ValueError, match="at least one channel"):
        Online().cold(0)
    assert len(rows) == 10
