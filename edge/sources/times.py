"""Times as devices and files claim them, turned into nanoseconds since 1970 UTC; judges none of them."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from wire.messages import NS_PER_S

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NUMBER = re.compile(r"[+-]?[0-9]{1,20}(?:\.[0-9]{0,20})?(?:[eE]\+?[0-9]{1,2})?")
_ISO = re.compile(
    r"(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})(?:[T ](?P<clock>[0-9]{2}:[0-9]{2}(?::[0-9]{2})?)"
    r"(?:[.,](?P<fraction>[0-9]{1,12}))? ?(?P<zone>[Zz]|[+-][0-9]{2}(?::?[0-9]{2})?)?)?"
)
# A number is taken as s, ms, µs or ns by its size: each step covers the years 1973 to 5138.
_STEPS = ((10**11, NS_PER_S), (10**14, 10**6), (10**17, 10**3))
_LIMIT = 2**63


def nanoseconds(claim: object) -> int | None:
    """What a time says, None if it is none; numbers are s, ms, µs or ns by size, ISO 8601 without a zone is UTC.

    >>> nanoseconds(1_700_000_000), nanoseconds("1700000000123"), nanoseconds("2023-11-14T22:13:20.5Z")
    (1700000000000000000, 1700000000123000000, 1700000000500000000)
    """
    if isinstance(claim, bool):
        return None
    if isinstance(claim, int):
        return _by_size(Decimal(claim)) if abs(claim) < _LIMIT else None
    if isinstance(claim, float):
        return _by_size(Decimal(repr(claim))) if abs(claim) < _LIMIT else None
    if not isinstance(claim, str):
        return None
    text = claim.strip(" \t")
    if _NUMBER.fullmatch(text):
        return _by_size(Decimal(text))
    iso = _ISO.fullmatch(text)
    return _from_iso(iso) if iso else None


def _by_size(value: Decimal) -> int | None:
    size = abs(value)
    factor = next((factor for below, factor in _STEPS if size < below), 1)
    ns = int(value * factor)
    return ns if -_LIMIT <= ns < _LIMIT else None


def _from_iso(iso: re.Match[str]) -> int | None:
    zone = iso["zone"] or "Z"
    try:
        moment = datetime.fromisoformat(f"{iso['day']}T{iso['clock'] or '00:00'}{zone.upper()}")
        since = moment - _EPOCH
    except (ValueError, OverflowError):
        return None
    fraction = int((iso["fraction"] or "0").ljust(9, "0")[:9])
    ns = since // timedelta(seconds=1) * NS_PER_S + fraction
    return ns if -_LIMIT <= ns < _LIMIT else None
