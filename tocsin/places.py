"""Where a config keeps its log and its store."""

from pathlib import Path

from wire.settings import Loaded


def log_path(loaded: Loaded) -> Path:
    """The file of the input log."""
    return loaded.path(loaded.config.bus.removeprefix("local:"))


def store_path(loaded: Loaded) -> Path:
    """The file of the hot store."""
    return loaded.path(loaded.config.store.removeprefix("duckdb:"))
