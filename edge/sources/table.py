"""Which module builds which kind of source; modules load only when configured, so an edge stays small."""

from collections.abc import Mapping
from importlib import import_module

from edge.source import Source
from wire.config import Config
from wire.config import Source as SourceSettings

MODULES: Mapping[str, str] = {
    "serial": "edge.sources.serial_port",
    "mqtt": "edge.sources.mqtt",
    "host": "edge.sources.host",
    "replay": "edge.sources.replay",
}


def build(settings: SourceSettings, *, name: str, config: Config) -> Source:
    """Make the source that the settings describe; every module of the table has a `build` like this one."""
    kind = str(settings.__struct_config__.tag)
    source: Source = import_module(MODULES[kind]).build(settings, name=name, config=config)
    return source
