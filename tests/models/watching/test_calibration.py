import numpy as np

from benchmarks.stopped import FAIL, SHARE, Hall, hall
from models.watching.calibration import precision, reliability
from models.watching.finding import Watch

LOOKED_AT = 1_800  # runs that were tested to the end


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


def looked(of: Hall, told: float = 1.0, *, weighed: bool = True) -> Watch:
    """At what a champion left that stops by its early words; its last ones know something else, and are so much off."""
    known = np.flatnonzero(of.known)[:LOOKED_AT]
    p = 1.0 / (1.0 + np.exp(-of.candidate[known] - np.log(told)))
    return reliability(p, of.failed[known], fails=FAIL, weight=of.weight[known] if weighed else None)


def test_a_model_that_stops_well_does_not_ring_because_what_it_stopped_has_no_end() -> None:
    halls = [hall(seed, 2_000) for seed in range(60)]
    assert sum(looked(of).stands for of in halls) <= 2
    assert sum(looked(of, weighed=False).stands for of in halls) >= 50


def test_a_model_whose_chances_are_off_rings_also_while_its_stops_are_obeyed() -> None:
    halls = [hall(seed, 2_000) for seed in range(30)]
    for told in (6.0, 0.1):
        assert sum(looked(of, told).stands for of in halls) >= 26
    assert sum(looked(of, 0.2, weighed=False).stands for of in halls) <= 2, "what is left hides it"


def test_a_model_that_is_sure_of_the_wrong_units_rings_by_its_control_runs() -> None:
    rng = np.random.default_rng(2)
    p = np.concatenate([rng.beta(0.3, 8.0, size=400), np.full(12, 0.97)])
    weight = np.where(np.arange(412) < 400, 1.0, 1.0 / SHARE)
    came = rng.random(412) < p
    came[400:] = True
    assert not reliability(p, came, fails=FAIL, weight=weight).stands
    one = np.where(np.arange(412) == 411, ~came, came)
    assert not reliability(p, one, fails=FAIL, weight=weight).stands, "one may be chance"
    turned = np.where(np.arange(412) >= 400, np.arange(412) % 4 == 0, came)
    watch = reliability(p, turned, fails=FAIL, weight=weight)
    assert all(each.stands for each in watch.findings)
    assert "for which the 412 stand that were tested to the end" in watch.findings[0].says


def test_where_all_runs_weigh_the_same_the_finding_is_to_the_bit_as_without_weights() -> None:
    rng = np.random.default_rng(4)
    p = rng.beta(0.4, 3.0, size=300)
    failed = rng.random(300) < p
    assert reliability(p, failed, fails=FAIL, weight=np.ones(300)) == reliability(p, failed, fails=FAIL)
