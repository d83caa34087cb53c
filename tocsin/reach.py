"""Reaching a box from a command: its store while it is stopped, its API while it runs."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from store.box import DuckStore
from store.errors import StoreError, StoreLockedError
from store.port import StoreFullError
from tocsin.client import BoxError, Client
from tocsin.options import PROBLEM, USAGE
from tocsin.places import store_path
from wire.problem import SettingsError
from wire.settings import Loaded, load


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
    try:
        with ExitStack() as stack:
            yield _opened(loaded, stack)
    except (StoreError, StoreFullError, BoxError) as error:
        raise ReachError(str(error)) from error


def _opened(loaded: Loaded, stack: ExitStack) -> DuckStore | Client:
    try:
        return stack.enter_context(DuckStore(path=store_path(loaded), read_only=True))
    except StoreLockedError as error:
        return _running(loaded, error)


def _running(loaded: Loaded, error: StoreLockedError) -> Client:
    client = Client.of(loaded.config.console.listen)
    if not client.alive():
        msg = f"{error}; but none answers at {client.base}. Does it run with --no-page? Then stop it first"
        raise ReachError(msg) from error
    return client
