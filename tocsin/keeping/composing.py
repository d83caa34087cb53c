"""The keeper of a config, put together: where its folder is, its recipes lie, its registry is opened."""

import time
from collections.abc import Callable
from pathlib import Path

from models.registry.folder import Registry
from store.port import Reader
from tocsin.keeping.keeper import Keeper
from tocsin.keeping.trainings import Trainings
from tocsin.model_place import registry
from tocsin.places import is_fleet, log_path, models_url, store_path
from wire.ports import Inbox
from wire.settings import Loaded

FOLDER = "keeping"


def folder_of(loaded: Loaded) -> Path:
    """Beside the store of a box; of a fleet, beside the folder of its models, or where an outbox would be."""
    if not is_fleet(loaded.config):
        return store_path(loaded).parent / FOLDER
    models = loaded.config.registry.removeprefix("folder:")
    return (log_path(loaded) if "://" in models else loaded.path(models)).parent / FOLDER


def recipe_at(loaded: Loaded, written: str) -> str:
    """A file beside the config, else what is shipped under that name."""
    beside = loaded.path(written)
    return str(beside) if beside.is_file() else written


def trainings(loaded: Loaded, reader: Reader, inbox: Inbox) -> Trainings:
    """Of a config's models."""
    return Trainings(
        loaded.config,
        reader=reader,
        inbox=inbox,
        registry=lambda: registry_of(loaded),
        registry_url=models_url(loaded),
        recipe_at=lambda written: recipe_at(loaded, written),
        folder=folder_of(loaded),
    )


def keeper(loaded: Loaded, reader: Reader, inbox: Inbox, *, clock_ns: Callable[[], int] = time.time_ns) -> Keeper:
    """Of a config's models, ready to run."""
    return Keeper(
        loaded.config,
        reader=reader,
        inbox=inbox,
        registry=lambda: registry_of(loaded),
        trainings=trainings(loaded, reader, inbox),
        folder=folder_of(loaded),
        clock_ns=clock_ns,
    )


def registry_of(loaded: Loaded) -> Registry:
    """Opened anew each time: it may not be there yet. Raises RegistryError."""
    return registry(models_url(loaded))
