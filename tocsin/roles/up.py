"""`tocsin up`: a box from its config until somebody ends it."""

import gc
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from tocsin.ending import ended
from tocsin.examining.check import TOKEN, checked
from tocsin.options import OK, PROBLEM, USAGE
from tocsin.places import is_fleet
from tocsin.roles.box import Box, BoxError
from tocsin.roles.journal import begin_log
from wire.problem import SettingsError


def up(path: Path, *, page: bool) -> int:
    """Run the box of a config file; returns the exit code."""
    begin_log()
    try:
        loaded = checked(path)
    except SettingsError as error:
        click.echo(str(error), err=True)
        return USAGE
    if is_fleet(loaded.config):
        said = f'bus = "{loaded.config.bus}" is a fleet\'s: run its roles with tocsin edge, stream, sink and serve'
        click.echo(f"tocsin: {said}", err=True)
        return USAGE
    try:
        with ended() as end, Box(loaded) as box:
            if page and not end.is_set():
                box.serve(token=os.environ.get(TOKEN) or None)
            with settled():
                return wait(box, end)
    except BoxError as error:
        click.echo(f"tocsin: {error}", err=True)
        return PROBLEM


@contextmanager
def settled() -> Iterator[None]:
    """Look no more for garbage among what lives as long as the box: each look held everything up for 0.1 s."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()  # else some libraries take what they own for lost when the program ends


def wait(box: Box, end: threading.Event) -> int:
    """Until a signal, or until a part of the box cannot go on."""
    while not end.wait(0.2):
        if trouble := box.failure():
            click.echo(f"tocsin: {trouble}", err=True)
            return PROBLEM
    return OK
