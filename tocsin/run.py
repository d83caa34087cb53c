"""`tocsin up`: a box from its config until somebody ends it."""

import logging
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from tocsin.box import Box, BoxError
from tocsin.check import checked
from wire.problem import SettingsError

OK, PROBLEM, USAGE = 0, 1, 2
log = logging.getLogger(__name__)


def up(path: Path, *, page: bool) -> int:
    """Run the box of a config file; returns the exit code."""
    begin_log()
    try:
        loaded = checked(path)
    except SettingsError as error:
        click.echo(str(error), err=True)
        return USAGE
    try:
        with ended() as end, Box(loaded) as box:
            if page:
                box.serve(token=os.environ.get("TOCSIN_TOKEN"))
            return wait(box, end)
    except BoxError as error:
        click.echo(f"tocsin: {error}", err=True)
        return PROBLEM


def wait(box: Box, end: threading.Event) -> int:
    """Until a signal, or until a part of the box cannot go on."""
    while not end.wait(0.2):
        if trouble := box.failure():
            click.echo(f"tocsin: {trouble}", err=True)
            return PROBLEM
    return OK


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


def begin_log(level: int = logging.INFO) -> None:
    """One line an event on stderr."""
    logging.basicConfig(stream=sys.stderr, level=level, format="%(asctime)s %(levelname)-7s %(name)s: %(message)s")
    for chatty in ("uvicorn.access", "httpx", "nicegui", "watchfiles"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
