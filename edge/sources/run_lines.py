"""Lines of which some are run events of a test bench, whatever the format of the others."""

from edge.sources.parsed import Outcome, Parser
from edge.sources.run_events import RunEvents


class RunLines:
    """Reads JSON objects with an "event" and a "run", and leaves all other lines to another parser."""

    def __init__(self, inner: Parser, events: RunEvents, *, station: str) -> None:
        self._inner = inner
        self._events = events
        self._station = station
        self.starts_are_certain = inner.starts_are_certain

    def parse(self, line: bytes) -> Outcome:
        """Read one line."""
        told = self._events.read(line, station=self._station)
        return self._inner.parse(line) if told is None else told
