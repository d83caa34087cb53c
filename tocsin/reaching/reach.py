"""Reaching a box from a command: its store while it is stopped, its API while it runs; and a fleet by its bus."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bus.address import parse
from store.box.box import DuckStore
from store.errors import StoreError, StoreLockedError
from store.influx.reading.book import Book
from store.port import StoreFullError
from tocsin.options import PROBLEM, USAGE
from tocsin.places import is_fleet, store_path
from tocsin.reaching.client import BoxError, Client
from tocsin.roles.inbox import CONFIRM_S, BusInbox
from wire.messages import Action, Alarm
from wire.ports import BusError
from wire.problem import SettingsError
from wire.settings import Loaded, load
from wire.topics import ALARMS


class ReachError(Exception):
    """The box cannot be asked; the message says why and what to do."""

    code = PROBLEM


class WrongConfigError(ReachError):
    """The config does not say which box."""

    code = USAGE


def configured(config: Path) -> Loaded:
    """The config of the box. Raises WrongConfigError with all that is wrong with it."""
    try:
        return load(config)
    except SettingsError as error:
        raise WrongConfigError(str(error)) from error


@contextmanager
def reached(loaded: Loaded) -> Iterator[DuckStore | Client]:
    """The store of a stopped box, or the API of a running one. Raises ReachError, also for what either says inside."""
    if is_fleet(loaded.config):
        msg = f'bus = "{loaded.config.bus}" is a fleet\'s, and this asks a box: see the page of its tocsin serve'
        raise WrongConfigError(msg)
    try:
        with ExitStack() as stack:
            yield _opened(loaded, stack)
    except (StoreError, StoreFullError, BoxError) as error:
        raise ReachError(str(error)) from error


def _opened(loaded: Loaded, stack: ExitStack) -> DuckStore | Client:
    try:
        return stack.enter_context(DuckStore(path=store_path(loaded), read_only=True))
    except StoreLockedError as error:
        return running(loaded, error)


def running(loaded: Loaded, error: StoreLockedError) -> Client:
    """The API of the box that holds its store locked. Raises ReachError where none answers."""
    client = Client.of(loaded.config.console.listen)
    if not client.alive():
        msg = f"{error}; but none answers at {client.base}. Does it run with --no-page? Then stop it first"
        raise ReachError(msg) from error
    return client


def on_bus(loaded: Loaded, *, active: bool) -> list[Alarm]:
    """The newest state of each alarm that the bus of a fleet tells of, newest change first. Raises ReachError."""
    from bus.history import history  # noqa: PLC0415 -- Kafka's client is loaded for a fleet alone

    try:
        book = Book(history(parse(loaded.config.bus, os.environ), ALARMS))
    except BusError as error:
        raise ReachError(str(error)) from error
    return book.standing() if active else book.alarms()


def give_in(loaded: Loaded, action: Action) -> None:
    """Put what a person does on the bus of a fleet; it is there when this returns. Raises ReachError."""
    from bus.publisher import KafkaPublisher  # noqa: PLC0415 -- see above

    try:
        address = parse(loaded.config.bus, os.environ)
        with KafkaPublisher(address, client_id="tocsin-alarms", give_up_s=CONFIRM_S) as publisher:
            BusInbox(publisher).append(action)
    except BusError as error:
        raise ReachError(str(error)) from error
