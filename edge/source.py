"""What a source is to its supervisor: something that opens, reads and puts until told to stop."""

import threading
from collections.abc import Callable
from typing import Protocol

from wire.ports import Intake


class SourceError(Exception):
    """A source could not start or lost its line; the message says what happened and what to do, in one sentence."""


class Source(Protocol):
    """One configured input of an edge; runs in a thread of its own."""

    name: str
    acknowledged: bool  # the sender keeps what was not acknowledged, so an outage here loses nothing (MQTT)

    def run(self, intake: Intake, stop: threading.Event, connected: Callable[[str], None]) -> None:
        """Open, call `connected` with a sentence once input can flow, then put arrivals until `stop` is set.

        Returns when stopped or when there is no more input (replay). Raises SourceError when the line cannot be
        opened or was lost; the supervisor then reports, backs off and calls `run` again.
        """
