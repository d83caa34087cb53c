"""The static limits of the channels that a sink has seen, as the config has them, so that they can be drawn."""

from collections.abc import Callable, Iterator, Sequence

from store.influx.lines import Lines, Seen
from store.influx.table import channel_field
from wire.config import Config, channel

NAMES = ("HH", "H", "L", "LL")


def limit_lines(config: Config, seen: Callable[[], Sequence[Seen]], lines: Lines, at_ns: int) -> bytes:
    """A line for each limit of each channel; a rule names a channel as its field in the readings is named."""
    return b"".join(
        lines.limit(edge, device, rule, limit, at_ns=at_ns)
        for edge, device, channels in seen()
        for rule, limit in _limits(config, device, channels)
    )


def _limits(config: Config, device: str, channels: Sequence[str]) -> Iterator[tuple[str, float]]:
    known = config.device(device)
    for name in channels:
        if limits := channel(known, name).limits:
            for which in NAMES:
                limit: float | None = getattr(limits, which)
                if limit is not None:
                    yield f"limit:{channel_field(name)}:{which}", limit
