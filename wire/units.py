"""Durations and sizes as people write them, "100ms" or "2GB", to whole nanoseconds and bytes and back."""

import re
from collections.abc import Mapping
from decimal import Decimal

NANOSECONDS: Mapping[str, int] = {
    "ns": 1,
    "us": 10**3,
    "ms": 10**6,
    "s": 10**9,
    "min": 60 * 10**9,
    "h": 3600 * 10**9,
    "d": 24 * 3600 * 10**9,
}
BYTES: Mapping[str, int] = {
    "B": 1,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
    "TiB": 2**40,
}
_ALSO: Mapping[str, str] = {"µs": "us", "μs": "us", "m": "min", "kB": "KB"}  # both signs of micro
_WRITTEN = re.compile(r"([0-9]{1,19}(?:\.[0-9]{1,9})?) ?([A-Za-zµμ]{1,3})", re.ASCII)


def duration_ns(text: str) -> int:
    """Read a duration such as "100ms"; raises ValueError that says what is allowed.

    >>> duration_ns("100ms"), duration_ns("1.5h"), duration_ns("7d")
    (100000000, 5400000000000, 604800000000000)
    """
    return _whole(text, NANOSECONDS, 'a duration such as "100ms", "10s", "15m", "2h" or "7d"')


def size_bytes(text: str) -> int:
    """Read a size such as "512MB"; raises ValueError that says what is allowed.

    >>> size_bytes("2GB"), size_bytes("64KiB")
    (2000000000, 65536)
    """
    return _whole(text, BYTES, 'a size such as "64KiB", "512MB" or "2GB"')


def duration_text(ns: int) -> str:
    """Write nanoseconds in the largest unit that holds them whole.

    >>> duration_text(90 * 10**9), duration_text(7 * 24 * 3600 * 10**9), duration_text(0)
    ('90s', '7d', '0s')
    """
    return _text(ns, NANOSECONDS, zero="0s")


def size_text(size: int) -> str:
    """Write bytes in the largest unit that holds them whole.

    >>> size_text(65536), size_text(2_000_000_000), size_text(0)
    ('64KiB', '2GB', '0B')
    """
    return _text(size, BYTES, zero="0B")


def _whole(text: str, units: Mapping[str, int], wanted: str) -> int:
    written = _WRITTEN.fullmatch(text.strip())
    factor = units.get(_ALSO.get(written[2], written[2])) if written else None
    if written is None or factor is None:
        msg = f'expected {wanted}, got "{text[:40]}"'
        raise ValueError(msg)
    exact = Decimal(written[1]) * factor
    if exact != int(exact):
        msg = f'expected {wanted}, got "{text[:40]}", which is no whole number of {next(iter(units))}'
        raise ValueError(msg)
    return int(exact)


def _text(amount: int, units: Mapping[str, int], *, zero: str) -> str:
    fitting = [(factor, unit) for unit, factor in units.items() if amount and amount % factor == 0]
    if not fitting:
        return zero
    factor, unit = max(fitting)
    return f"{amount // factor}{unit}"
