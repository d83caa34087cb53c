"""When lines without acknowledgement were down, told as gaps; pure, and what it knows is kept with every commit."""

from collections.abc import Iterable, Mapping

from wire.messages import Gap, SourceState, SourceStatus

# What a device said this long before a commit may still have been on its way through the kernel and a thread.
SLACK_NS = 15_000_000
NOT_RUNNING = "edge was not running"
LOST = "line was lost"

_DOWN = {SourceStatus.RETRYING, SourceStatus.FAILED}


class LineWatch:
    """Follows the states of `lines`: sources whose sender keeps nothing, so that what an outage took is gone.

    The edge itself being down counts as an outage of every line it ever was connected to, from its last commit on.
    """

    def __init__(self, lines: Iterable[str], *, known: Iterable[str], down: Mapping[str, int], last_ns: int) -> None:
        self._lines = frozenset(lines)
        self._known = frozenset(known) & self._lines
        self._restarted = self._known
        self._heard: dict[str, int] = {}
        start_ns = last_ns - SLACK_NS
        self._down = {name: min(down.get(name, start_ns), start_ns) for name in self._known}

    @property
    def known(self) -> list[str]:
        """The lines that were ever connected and are still in use."""
        return sorted(self._known)

    @property
    def down(self) -> dict[str, int]:
        """Since when each line is down."""
        return dict(self._down)

    def hear(self, source: str, at_ns: int) -> None:
        """Rows of a source came."""
        if source in self._lines:
            self._heard[source] = at_ns

    def follow(self, event: SourceState, at_ns: int) -> Gap | None:
        """A source changed its state: the gap that this ended, if it did."""
        source = event.source
        if source not in self._lines:
            return None
        if event.state in _DOWN and source in self._heard:
            self._down.setdefault(source, self._heard[source])
        if event.state is not SourceStatus.CONNECTED:
            return None
        self._heard[source] = at_ns
        self._known |= {source}
        since_ns = self._down.pop(source, None)
        if since_ns is None:
            return None
        reason = NOT_RUNNING if source in self._restarted else LOST
        self._restarted -= {source}
        return Gap(device="*", from_ns=min(since_ns, at_ns), to_ns=at_ns, rows=-1, reason=reason, source=source)
