"""Times as people and programs write them: ISO 8601 or integer nanoseconds since 1970 UTC."""

import re
from datetime import UTC, datetime, timedelta

from wire.messages import NS_PER_S

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LOST_PLUS = re.compile(r" (?=\d\d:?\d\d$)")  # a "+" that nobody escaped arrives as a space
_LATEST = 2**63 - 1


def parse_ns(text: str) -> int:
    """Nanoseconds of a moment; a time without a zone is UTC. Raises ValueError.

    >>> parse_ns("1970-01-01T00:00:01Z"), parse_ns("1500")
    (1000000000, 1500)
    """
    word = text.strip()
    if re.fullmatch(r"-?\d+", word):
        return max(-_LATEST, min(int(word), _LATEST))
    moment = datetime.fromisoformat(_LOST_PLUS.sub("+", word))
    since = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - _EPOCH
    return (since // timedelta(microseconds=1)) * 1000


def iso(t_ns: int) -> str:
    """A moment as ISO 8601 UTC with nanoseconds, as far as the calendar reaches.

    >>> iso(1_500_000_000)
    '1970-01-01T00:00:01.500000000Z'
    """
    seconds, rest = divmod(t_ns, NS_PER_S)
    try:
        return f"{_EPOCH + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"
    except OverflowError:
        return f"{t_ns} ns"


def length(ns: float) -> str:
    """A stretch of time in the two units a person would say.

    >>> length(90 * NS_PER_S), length(26 * 3600 * NS_PER_S)
    ('1 min 30 s', '1 d 2 h')
    """
    seconds = max(0, round(ns / NS_PER_S))
    for big, small, one, of in (("d", "h", 86400, 3600), ("h", "min", 3600, 60), ("min", "s", 60, 1)):
        if seconds >= one:
            rest = seconds % one // of
            return f"{seconds // one} {big}" + (f" {rest} {small}" if rest else "")
    return f"{seconds} s"
