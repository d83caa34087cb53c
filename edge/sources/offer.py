"""Offering an arrival to an outbox that may be full and refuse."""

import threading

from wire.ports import Arrival, FullError, Intake


def offer(intake: Intake, arrival: Arrival, stop: threading.Event) -> bool:
    """Put an arrival, waiting while the outbox has no room; False if told to stop before there was any."""
    while True:
        try:
            intake.put(arrival)
        except FullError as full:
            if stop.wait(full.retry_after_s):
                return False
        else:
            return True
