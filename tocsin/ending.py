"""How a command that runs for long is told to end: Ctrl-C and SIGTERM set an event."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def ended() -> Iterator[threading.Event]:
    """An event that SIGINT and SIGTERM set; the handlers that were there come back afterwards."""
    event = threading.Event()
    kept = {number: signal.signal(number, lambda *_: event.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield event
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)
