from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.sources.times import nanoseconds

NOON = 1_700_000_000_123_456_789


@pytest.mark.parametrize(
    ("claim", "ns"),
    [
        (1_700_000_000, 1_700_000_000_000_000_000),
        (1_700_000_000_123, 1_700_000_000_123_000_000),
        (1_700_000_000_123_456, 1_700_000_000_123_456_000),
        (NOON, NOON),
        (str(NOON), NOON),
        (1_700_000_000.25, 1_700_000_000_250_000_000),
        ("1700000000.123456789", NOON),
        ("2023-11-14T22:13:20.123456789Z", NOON),
        ("2023-11-14 22:13:20,123456789", NOON),
        ("2023-11-14T23:13:20.123456789+01:00", NOON),
        ("2023-11-14T17:13:20.123456789-0500", NOON),
        ("2023-11-15T03:43:20.123456789 +0530", NOON),
        ("2023-11-14", 1_699_920_000_000_000_000),
        ("1969-12-31T23:59:59.5Z", -500_000_000),
    ],
)
def test_a_time_is_read_in_every_form_devices_write(claim: object, ns: int) -> None:
    assert nanoseconds(claim) == ns


@pytest.mark.parametrize(
    "claim",
    [
        None,
        True,
        "",
        "now",
        "12:30",
        "2023-02-30",
        "2023-11-14T25:00Z",
        float("nan"),
        float("inf"),
        10**30,
        [],
        "1_0",
        "1e99",
        "9999-12-31T23:59:59Z",
        "٢٠٢٣-11-14",
    ],
)
def test_what_is_no_time_is_none(claim: object) -> None:
    assert nanoseconds(claim) is None


@given(st.datetimes(min_value=datetime(1973, 4, 1), max_value=datetime(2200, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001  hypothesis wants naive bounds
def test_iso_and_nanoseconds_say_the_same(moment: datetime) -> None:
    us = (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    assert nanoseconds(moment.isoformat()) == us * 1000
    assert nanoseconds(us * 1000) == us * 1000


@given(st.one_of(st.text(), st.integers(), st.floats(), st.booleans()))
def test_no_claim_whatsoever_raises(claim: object) -> None:
    ns = nanoseconds(claim)
    assert ns is None or -(2**63) <= ns < 2**63
