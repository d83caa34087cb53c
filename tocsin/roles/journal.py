"""What a program writes about itself: one line an event on stderr."""

import logging
import sys


def begin_log(level: int = logging.INFO) -> None:
    """One line an event on stderr."""
    logging.basicConfig(stream=sys.stderr, level=level, format="%(asctime)s %(levelname)-7s %(name)s: %(message)s")
    for chatty in ("uvicorn.access", "httpx", "nicegui", "watchfiles"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
