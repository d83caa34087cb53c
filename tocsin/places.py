"""Where a config keeps its log and its store, and whether it is a box or a role of a fleet."""

import os
from pathlib import Path

import msgspec

from wire.config import Config, MqttSource, ReplaySource, SerialSource, Source
from wire.settings import Loaded

KEEPING = "keeping"
REGISTRY = "TOCSIN_REGISTRY"  # the variable that names the registry


def is_fleet(config: Config) -> bool:
    """Whether inputs travel over Kafka."""
    return config.bus.startswith("kafka:")


def log_path(loaded: Loaded) -> Path:
    """The file of the input log of a box, or of the outbox of an edge of a fleet."""
    return loaded.path(
        loaded.config.edge.outbox if is_fleet(loaded.config) else loaded.config.bus.removeprefix("local:")
    )


def store_path(loaded: Loaded) -> Path:
    """The file of the hot store of a box."""
    return loaded.path(loaded.config.store.removeprefix("duckdb:"))


def models_url(loaded: Loaded) -> str:
    """The folder of trained models, or where else they lie; TOCSIN_REGISTRY goes first, as where they are trained."""
    if told := os.environ.get(REGISTRY):
        return told
    place = loaded.config.registry.removeprefix("folder:")
    return place if "://" in place else str(loaded.path(place))


def keeping_folder(loaded: Loaded) -> Path:
    """Where the diary of kept models is: beside the store of a box, beside the models of a fleet or their outbox.

    Whoever reads it elsewhere needs that folder, too.
    """
    if not is_fleet(loaded.config):
        return store_path(loaded).parent / KEEPING
    models = loaded.config.registry.removeprefix("folder:")
    return (log_path(loaded) if "://" in models else loaded.path(models)).parent / KEEPING


def at_home(loaded: Loaded) -> Config:
    """The config with every relative path made absolute, as relative to its file."""

    def path(written: str) -> str:
        return str(loaded.path(written)) if written and not written.startswith("usb:") else written

    def settled(source: Source) -> Source:
        match source:
            case SerialSource():
                return msgspec.structs.replace(source, port=path(source.port))
            case ReplaySource():
                return msgspec.structs.replace(source, path=path(source.path))
            case MqttSource():
                files = {name: path(getattr(source, name)) for name in ("ca_file", "cert_file", "key_file")}
                return msgspec.structs.replace(source, **files)
        return source

    edge = loaded.config.edge
    return msgspec.structs.replace(
        loaded.config, edge=msgspec.structs.replace(edge, sources=tuple(map(settled, edge.sources)))
    )


def archive_root(loaded: Loaded) -> str:
    """Where a config keeps its archive: a URL, or the absolute path of a folder."""
    written = loaded.config.archive
    return written if "://" in written else str(loaded.path(written))
