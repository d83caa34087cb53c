import numpy as np
import pytest

from models.contract import F64
from models.features.bank import Bank
from models.features.filters import Departure


def departures(rows: F64, span: float = 5.0) -> F64:
    bank = Bank((Departure(span=span),), rows.shape[1])
    return bank.run([bank.cold()], [rows])[0][0]


def test_a_channel_that_stands_still_never_departs() -> None:
    assert departures(np.full((30, 2), 7.0)) == pytest.approx(0.0, abs=1e-12)


def test_a_jump_is_seen_at_once_and_forgotten_within_a_few_spans() -> None:
    rows = np.zeros((60, 1))
    rows[20:] = 1.0
    found = departures(rows)[:, 0]
    assert found[20] == pytest.approx(0.8)
    assert abs(found[45]) < 0.01


def test_slow_change_departs_by_what_happens_in_a_span() -> None:
    found = departures(0.1 * np.arange(200.0)[:, None])
    assert found[-1] == pytest.approx(0.1 * (5 - 1))


def test_row_by_row_gives_the_same_bits() -> None:
    rows = np.random.default_rng(1).normal(size=(40, 3))
    bank = Bank((Departure(span=3),), 3)
    memory, parts = bank.cold(), []
    for row in rows:
        made, memory = bank.run([memory], [row[None]])[0]
        parts.append(made)
    assert np.concatenate(parts).tobytes() == departures(rows, 3.0).tobytes()
