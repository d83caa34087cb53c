from math import isnan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.sources.numbers import number, numbers


@pytest.mark.parametrize("text", ["1_000", "inf", "-Infinity", "1e999", "٣", "0x10", "1,5", "1.2.3", "--1", "e5", "."])
def test_what_only_python_takes_for_a_number_is_none(text: str) -> None:
    assert number(text) is None
    assert numbers([text]) is None


@pytest.mark.parametrize("text", ["", " ", "nan", "NaN", "NA", "null"])
def test_an_empty_cell_or_a_word_for_none_is_missing(text: str) -> None:
    value = number(text)
    assert value is not None
    assert isnan(value)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_finite_number_is_read_as_written(value: float) -> None:
    assert number(repr(value)) == value
    assert numbers([repr(value)]) == (value,) or abs(value) > 1e300


@given(st.text(max_size=12))
def test_the_fast_way_never_takes_what_the_slow_way_refuses(text: str) -> None:
    fast = numbers([text])
    assert fast is None or fast == (number(text),)
