import numpy as np

from models.watching.calibration import precision, reliability


def test_chances_that_came_true_do_not_ring() -> None:
    rang = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        p = rng.beta(0.4, 3.0, size=120)
        rang += reliability(p, rng.random(120) < p, fails=0.12).stands
    assert rang <= 1


def test_chances_that_are_too_low_or_sure_of_the_wrong_units_ring() -> None:
    rng = np.random.default_rng(1)
    p = rng.beta(0.4, 3.0, size=300)
    failed = rng.random(300) < np.minimum(1.0, 3.0 * p + 0.1)
    watch = reliability(p, failed, fails=0.12)
    assert watch.stands
    assert "of 300 runs failed" in watch.findings[0].says
    sure = np.where(np.arange(100) % 8 == 0, 0.95, 0.02)
    shuffled = np.roll(np.arange(100) % 8 == 0, 3)
    (z, brier) = reliability(sure, shuffled, fails=0.125).findings
    assert not z.stands
    assert brier.stands


def test_too_few_runs_or_failures_say_nothing() -> None:
    for watch in (
        reliability(np.full(10, 0.5), np.arange(10) < 5, fails=0.1),
        reliability(np.full(100, 0.01), np.zeros(100, dtype=np.bool_), fails=0.1),
    ):
        assert not watch.findings
        assert "too few" in watch.unwatched[0]


def test_alarms_of_which_surely_most_are_false_ring() -> None:
    assert precision(1, 9).stands
    assert not precision(4, 6).stands
    assert not precision(9, 0).stands
    assert not precision(0, 3).findings
