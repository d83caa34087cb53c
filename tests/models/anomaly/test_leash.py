import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.anomaly.leash import Leash
from models.contract import F64


def seen(leash: Leash, looks: F64) -> F64:
    return leash.follow(np.zeros(leash.memory(looks.shape[1])), looks, np.arange(len(looks)))[0]


def test_a_normal_that_stands_still_needs_no_memory_and_changes_nothing() -> None:
    leash, looks = Leash(0.0, 3.0, 2), np.ones((100, 2))
    assert leash.memory(2) == 0
    assert seen(leash, looks) is looks


def test_what_stays_near_becomes_normal() -> None:
    found = seen(Leash(300.0, 3.0, 2), np.full((3000, 2), 2.0))
    assert found[:60] == pytest.approx(2.0)
    assert found[-1] == pytest.approx(0.0, abs=0.01)


def test_what_is_further_than_the_leash_is_long_stays_abnormal_for_ever() -> None:
    found = seen(Leash(300.0, 3.0, 2), np.full((30_000, 2), 8.0))
    assert found[-1] == pytest.approx(5.0)


@settings(max_examples=20, deadline=None)
@given(cuts=st.lists(st.integers(0, 400), max_size=8))
def test_any_split_of_the_rows_gives_the_same_bits(cuts: list[int]) -> None:
    leash, looks = Leash(100.0, 0.5, 2), 1.0 + np.random.default_rng(1).normal(size=(400, 3))
    memory, parts, begin = np.zeros(leash.memory(3)), [], 0
    for end in sorted({*cuts, 400}):
        part, memory = leash.follow(memory, looks[begin:end], np.arange(begin, end))
        parts.append(part)
        begin = end
    assert np.concatenate(parts).tobytes() == seen(leash, looks).tobytes()
