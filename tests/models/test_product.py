import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from models.product import product


@settings(max_examples=40, deadline=None)
@given(width=st.integers(1, 70), out=st.integers(1, 40), seed=st.integers(0, 99), cut=st.integers(0, 400))
def test_a_row_gives_the_same_bits_whatever_comes_with_it(width: int, out: int, seed: int, cut: int) -> None:
    rng = np.random.default_rng(seed)
    x, matrix = rng.normal(size=(400, width)), rng.normal(size=(width, out))
    whole = product(x, matrix)
    np.testing.assert_allclose(whole, x @ matrix, rtol=1e-10, atol=1e-10)
    parts = np.concatenate([product(x[:cut], matrix), product(x[cut:], matrix)])
    assert parts.tobytes() == whole.tobytes()
    assert product(x[200:201], matrix).tobytes() == whole[200:201].tobytes()
    assert product(x, np.asfortranarray(matrix)).shape == (400, out)
