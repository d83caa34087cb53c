"""What is known of the channels that a sink has seen: their names, and their limits as the config has them."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence

from store.influx.lines import Lines, Seen
from store.influx.protocol import TEXT_LENGTH
from store.influx.table import channel_field
from wire.config import Config, channel

LIMITS = ("HH", "H", "L", "LL")


def channel_lines(config: Config, seen: Callable[[], Sequence[Seen]], lines: Lines, at_ns: int) -> bytes:
    """A line with the channels of each device, and one for each of their limits.

    Channels are named as their fields in the readings are.
    """
    known: dict[tuple[str, str], set[str]] = {}
    for edge, device, channels in seen():
        known.setdefault((edge, device), set()).update(channels)
    parts: list[bytes] = []
    for (edge, device), names in known.items():
        parts.append(lines.channels(edge, device, pattern(map(channel_field, names)), at_ns=at_ns))
        parts += [lines.limit(edge, device, *said, at_ns=at_ns) for said in _limits(config, device, sorted(names))]
    return b"".join(parts)


def pattern(names: Iterable[str]) -> str:
    r"""The names as alternatives of a regular expression, as many as a text field holds.

    >>> pattern(["flow", "a/b", "p.1"])
    'a\\/b|flow|p\\.1'
    """
    said = ""
    for name in sorted(names):
        more = f"{said}|{_escaped(name)}".removeprefix("|")
        if len(more) > TEXT_LENGTH:
            break
        said = more
    return said


def _escaped(name: str) -> str:
    return re.escape(name).replace("/", r"\/")


def _limits(config: Config, device: str, channels: Sequence[str]) -> Iterator[tuple[str, float]]:
    rule = config.device(device)
    for name in channels:
        if limits := channel(rule, name).limits:
            for which in LIMITS:
                limit: float | None = getattr(limits, which)
                if limit is not None:
                    yield f"limit:{channel_field(name)}:{which}", limit
