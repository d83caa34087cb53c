"""The keeper of a config, put together: where its folder is, its recipes lie, its registry is opened."""

import time
from collections.abc import Callable

from models.registry.folder import Registry
from store.port import Reader
from tocsin.keeping.keeper import Keeper
from tocsin.keeping.trainings import Trainings
from tocsin.modelling.place import registry
from tocsin.places import keeping_folder, models_url
from wire.ports import Inbox
from wire.settings import Loaded


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
        folder=keeping_folder(loaded),
    )


def keeper(loaded: Loaded, reader: Reader, inbox: Inbox, *, clock_ns: Callable[[], int] = time.time_ns) -> Keeper:
    """Of a config's models, ready to run."""
    return Keeper(
        loaded.config,
        reader=reader,
        inbox=inbox,
        registry=lambda: registry_of(loaded),
        trainings=trainings(loaded, reader, inbox),
        folder=keeping_folder(loaded),
        clock_ns=clock_ns,
    )


def registry_of(loaded: Loaded) -> Registry:
    """Opened anew each time: it may not be there yet. Raises RegistryError."""
    return registry(models_url(loaded))
