"""Durations and sizes as people write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire.units import duration_ns, duration_text, size_bytes, size_text


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("100ms", 10**8),
        ("10s", 10**10),
        ("2h", 72 * 10**11),
        ("7d", 6048 * 10**11),
        ("1.5min", 9 * 10**10),
        ("3 µs", 3000),
    ],
)
def test_a_duration_is_read(text: str, ns: int) -> None:
    assert duration_ns(text) == ns


@pytest.mark.parametrize(("text", "size"), [("2GB", 2 * 10**9), ("512MB", 512 * 10**6), ("64KiB", 65536), ("9 B", 9)])
def test_a_size_is_read(text: str, size: int) -> None:
    assert size_bytes(text) == size


@pytest.mark.parametrize(
    "text",
    [
        "",
        "10",
        "s",
        "-1s",
        "1e3s",
        "10 parsecs",
        "0.5ns",
        "1h30m",
        "nans",
        "\N{ARABIC-INDIC DIGIT ONE}s",
        "9" * 30 + "s",
    ],
)
def test_what_is_no_duration_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match='such as "100ms"'):
        duration_ns(text)


@pytest.mark.parametrize("text", ["", "10", "MB", "-1MB", "1.5B", "2 gigs", "2gb"])
def test_what_is_no_size_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match='such as "64KiB"'):
        size_bytes(text)


@given(st.integers(0, 2**62))
def test_what_is_written_reads_the_same(amount: int) -> None:
    assert duration_ns(duration_text(amount)) == amount
    assert size_bytes(size_text(amount)) == amount


@given(st.text(max_size=12))
def test_any_text_is_a_duration_or_a_refusal(text: str) -> None:
    try:
        amount = duration_ns(text)
    except ValueError:
        return
    assert amount >= 0
