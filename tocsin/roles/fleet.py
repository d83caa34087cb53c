"""What the roles of a fleet share: reading the config, the bus, vitals, and working until somebody ends it."""

import logging
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import click

from bus.address import Address, parse
from tocsin.ending import ended
from tocsin.examining.check import checked
from tocsin.options import OK, PROBLEM, USAGE
from tocsin.places import is_fleet
from tocsin.roles.journal import begin_log
from tocsin.roles.vitals import Probe, Vitals, VitalsError
from wire.ports import BusError
from wire.problem import SettingsError
from wire.settings import Loaded

log = logging.getLogger(__name__)

POLL_S = 0.2
Work = Callable[[threading.Event], None]


class RoleError(Exception):
    """The role cannot run; the message says why and what to do."""


def run(path: Path, role: Callable[[Loaded, Address, ExitStack], tuple[Work, Probe]], *, name: str, vitals: str) -> int:
    """Run a role of a config file until a signal or until it cannot go on; the exit code.

    `role` opens what it needs on the stack and gives its work, which runs in a thread of its own, and its probe.
    """
    begin_log()
    try:
        loaded = checked(path)
        address = address_of(loaded)
    except (SettingsError, BusError) as error:
        click.echo(f"tocsin: {error}" if isinstance(error, BusError) else str(error), err=True)
        return USAGE
    try:
        with ended() as end, ExitStack() as stack:
            work, probe = role(loaded, address, stack)
            if vitals:
                log.info("%s: /metrics on %s", name, stack.enter_context(Vitals(vitals, role=name, probe=probe)).url)
            trouble = _watch(work, probe, name, end)
    except (RoleError, BusError, VitalsError) as error:
        trouble = str(error)
    if trouble:
        click.echo(f"tocsin: {trouble}", err=True)
    return PROBLEM if trouble else OK


def address_of(loaded: Loaded) -> Address:
    """The bus of a fleet's config. Raises BusError for a box's."""
    if not is_fleet(loaded.config):
        msg = f'bus = "{loaded.config.bus}" is a box\'s: a role of a fleet needs bus = "kafka://HOST:9092"'
        raise BusError(msg)
    return parse(loaded.config.bus, os.environ)


def _watch(work: Work, probe: Probe, name: str, end: threading.Event) -> str:
    """Let a role work until it is told to end; why it cannot go on, if so."""
    with _working(work, name) as (done, failures):
        while not (end.wait(POLL_S) or done.is_set()):
            if dead := probe().dead:
                return dead
    return failures[0] if failures else ""


@contextmanager
def _working(work: Work, name: str) -> Iterator[tuple[threading.Event, list[str]]]:
    stop, done, failures = threading.Event(), threading.Event(), list[str]()

    def run_it() -> None:
        try:
            work(stop)
        except Exception as error:
            log.exception("%s cannot go on", name)
            failures.append(str(error) or type(error).__name__)
        finally:
            done.set()

    thread = threading.Thread(target=run_it, name=name)
    thread.start()
    try:
        yield done, failures
    finally:
        stop.set()
        thread.join()
