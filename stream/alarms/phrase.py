"""Numbers, times and spans as an operator reads them."""

from datetime import UTC, datetime

from wire.messages import NS_PER_S

_LONG, _LONGEST = 1e4, 1e9  # numbers that are read best without a fraction and an exponent
_MINUTE_S = 60
_HOUR_S = 3600
_SPANS = ((24 * _HOUR_S, "d"), (_HOUR_S, "h"), (_MINUTE_S, "min"), (1, "s"))


def quantity(value: float, uom: str = "") -> str:
    """Write a value with its unit.

    >>> quantity(86.2000001, "°C"), quantity(float("inf")), quantity(1.0), quantity(123456.7, "Pa")
    ('86.2 °C', 'inf', '1', '123457 Pa')
    """
    text = f"{value:.0f}" if _LONG <= abs(value) < _LONGEST else f"{value:.4g}"
    return f"{text} {uom}" if uom else text


def span(ns: int) -> str:
    """Write how long something lasts, in its largest fitting unit.

    >>> span(10_000_000_000), span(90_000_000_000), span(250_000_000)
    ('10 s', '1.5 min', '0.25 s')
    """
    seconds = ns / NS_PER_S
    for size, name in _SPANS:
        if seconds >= size:
            return f"{seconds / size:.3g} {name}"
    return f"{seconds:.3g} s"


def moment(t_ns: int) -> str:
    """Write a time in UTC, to the second.

    >>> moment(1_700_000_000_000_000_000)
    '2023-11-14 22:13:20 UTC'
    """
    try:
        return f"{datetime.fromtimestamp(t_ns // NS_PER_S, UTC):%Y-%m-%d %H:%M:%S} UTC"
    except (OverflowError, ValueError, OSError):
        return f"{t_ns} ns since 1970"
