import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.anomaly.peak import Peak
from models.contract import F64


def lifted(peak: Peak, *levels: tuple[float, int]) -> F64:
    """Scores of so many rows at each level, as heard after the peaks before them."""
    scores = np.concatenate([np.full(rows, level) for level, rows in levels])
    return peak.quieten(np.zeros(peak.memory), scores)[0]


def test_without_a_share_scores_stay_what_they_are_and_need_no_memory() -> None:
    peak, scores = Peak(0.0, 1000.0, 20.0), np.array([0.5, 7.0, 2.0])
    assert peak.memory == 0
    assert peak.quieten(np.zeros(0), scores)[0] is scores


def test_a_fault_rings_all_through_and_what_is_left_of_it_afterwards_does_not() -> None:
    found = lifted(Peak(0.3, 1000.0, 20.0), (0.6, 100), (6.0, 400), (1.5, 150))
    assert (found[100:500] > 1.0).all()
    assert (found[500:] < 1.0).all()


def test_a_fault_that_abates_by_half_still_rings() -> None:
    assert (lifted(Peak(0.3, 1000.0, 20.0), (6.0, 200), (3.0, 400)) > 1.0).all()


def test_a_lone_wild_value_does_not_deafen() -> None:
    found = lifted(Peak(0.3, 1000.0, 20.0), (0.6, 100), (20.0, 1), (0.6, 20), (1.2, 300))
    assert (found[121:] > 1.0).all()


def test_a_peak_is_forgotten_in_time() -> None:
    found = lifted(Peak(0.3, 1000.0, 20.0), (6.0, 400), (0.5, 1000), (1.2, 100))
    assert (found[1400:] > 1.0).all()


def test_scores_below_every_limit_leave_the_limit_where_it_is() -> None:
    found = lifted(Peak(0.9, 1000.0, 20.0), (0.9, 500))
    assert found == pytest.approx(0.9)


@settings(max_examples=20, deadline=None)
@given(cuts=st.lists(st.integers(0, 400), max_size=8))
def test_any_split_of_the_rows_gives_the_same_bits(cuts: list[int]) -> None:
    peak, scores = Peak(0.3, 200.0, 20.0), np.exp(np.random.default_rng(1).normal(size=400))
    memory, parts, begin = np.zeros(peak.memory), [], 0
    for end in sorted({*cuts, 400}):
        part, memory = peak.quieten(memory, scores[begin:end])
        parts.append(part)
        begin = end
    assert np.concatenate(parts).tobytes() == peak.quieten(np.zeros(peak.memory), scores)[0].tobytes()
