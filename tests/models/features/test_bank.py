"""Features side by side: which number belongs to which channel, what is missing, and many devices at once."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from models.contract import F64
from models.features import bank as bank_module
from models.features.bank import LARGEST, Bank
from models.features.filters import Change, Deviation, Mean, Smooth, Value

FEATURES = (Value(), Mean(rows=6), Deviation(rows=5), Smooth(span=9.0), Change(rows=2))
BANK = Bank(FEATURES, 3)
some = settings(max_examples=15, deadline=None)


def rows(count: int, seed: int, missing: float = 0.2) -> F64:
    rng = np.random.default_rng(seed)
    values: F64 = rng.normal(size=(count, 3))
    values[rng.random(values.shape) < missing] = np.nan
    return values


def run(bank: Bank, shown: F64, memory: F64 | None = None) -> tuple[F64, F64]:
    return bank.run([bank.cold() if memory is None else memory], [shown])[0]


def test_number_j_belongs_to_channel_j_modulo_the_channels() -> None:
    shown = rows(40, 1)
    together, _ = run(BANK, shown)
    assert together.shape == (40, BANK.width)
    for channel in range(3):
        alone, _ = run(Bank(FEATURES, 1), shown[:, [channel]])
        assert together[:, channel::3].tobytes() == alone.tobytes()


def test_a_missing_value_is_the_last_one_and_nothing_before_the_first() -> None:
    shown = np.array([[np.nan], [2.0], [np.nan], [np.inf], [5.0]])
    out, _ = run(Bank((Value(),), 1), shown)
    assert out.ravel().tolist() == [0.0, 2.0, 2.0, 2.0, 5.0]


def test_the_last_value_outlives_the_call() -> None:
    bank = Bank((Value(),), 2)
    _, memory = run(bank, np.array([[1.0, np.nan]]))
    out, memory = run(bank, np.array([[np.nan, np.nan], [np.nan, 4.0]]), memory)
    assert out.tolist() == [[1.0, 0.0], [1.0, 4.0]]
    assert run(bank, np.full((1, 2), np.nan), memory)[0].tolist() == [[1.0, 4.0]]


def test_what_is_too_large_for_its_square_counts_as_the_largest() -> None:
    out, memory = run(BANK, np.array([[1e300, -1e300, 0.0]] * 3))
    assert np.isfinite(out).all()
    assert np.isfinite(memory).all()
    assert out[0, :2].tolist() == [LARGEST, -LARGEST]


@some
@given(seed=st.integers(0, 99), cuts=st.lists(st.integers(0, 90), max_size=9))
def test_any_split_gives_the_same_bits(seed: int, cuts: list[int]) -> None:
    shown = rows(90, seed)
    parts, memory, begin = [], BANK.cold(), 0
    for end in (*sorted(cuts), 90):
        out, memory = run(BANK, shown[begin:end], np.frombuffer(memory.tobytes()))
        parts.append(out)
        begin = end
    whole, last = run(BANK, shown)
    assert np.concatenate(parts).tobytes() == whole.tobytes()
    assert memory.tobytes() == last.tobytes()


@some
@given(seed=st.integers(0, 99), sizes=st.lists(st.integers(0, 30), max_size=8))
def test_many_devices_of_any_age_give_the_same_bits_as_each_alone(seed: int, sizes: list[int]) -> None:
    shown = [rows(count, seed + at) for at, count in enumerate(sizes)]
    memories = [run(BANK, rows(at, seed))[1] if at % 2 else BANK.cold() for at in range(len(sizes))]
    together = BANK.run(memories, shown)
    for (out, after), mine, memory in zip(together, shown, memories, strict=True):
        alone, last = run(BANK, mine, memory)
        assert out.tobytes() == alone.tobytes()
        assert after.tobytes() == last.tobytes()


def test_a_long_recording_gives_the_same_bits_as_its_blocks() -> None:
    step = bank_module.BLOCK // BANK.channels
    shown = rows(2 * step + 5, 3)
    whole, last = run(BANK, shown)
    first, memory = run(BANK, shown[: step - 7])
    second, after = run(BANK, shown[step - 7 :], memory)
    assert np.concatenate([first, second]).tobytes() == whole.tobytes()
    assert last.tobytes() == after.tobytes()


def test_sizes_are_what_they_are_said_to_be() -> None:
    out, memory = run(BANK, rows(7, 2))
    assert (out.shape, memory.size, BANK.warm) == ((7, BANK.width), BANK.memory, 9)
    assert BANK.cold().size == BANK.memory
