"""Reaching a box from a command: its store while it is stopped, its API while it runs."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from store.box import DuckStore
from store.errors import StoreError, StoreLockedError
from tocsin.client import BoxError, Client
from tocsin.places import store_path
from wire.problem import SettingsError
from wire.settings import Loaded, load


class ReachError(Exception):
    """The box cannot be asked; the message says why and what to do."""


def configured(config: Path) -> Loaded:
    """The config of the box. Raises ReachError with all that is wrong with it."""
    try:
        return load(config)
    except SettingsError as error:
        raise ReachError(str(error)) from error


@contextmanager
def reached(loaded: Loaded) -> Iterator[DuckStore | Client]:
    """The store of a stopped box, or the API of a running one. Raises ReachError."""
    try:
        with DuckStore(path=store_path(loaded), read_only=True) as store:
            yield store
    except StoreLockedError as error:
        yield _running(loaded, error)
    except (StoreError, BoxError) as error:
        raise ReachError(str(error)) from error


def _running(loaded: Loaded, error: StoreLockedError) -> Client:
    client = Client.of(loaded.config.console.listen)
    if not client.alive():
        msg = f"{error}; but none answers at {client.base}. Does it run with --no-page? Then stop it first"
        raise ReachError(msg) from error
    return client
