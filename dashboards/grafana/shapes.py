"""The shape of what Grafana takes: names that stay for ever, and the type of its JSON."""

from typing import TypeAlias

import msgspec

Object: TypeAlias = dict[str, object]

DATA_SOURCE = "tocsin-influxdb"  # UIDs: links and bookmarks of people hang on them
FOLDER, FOLDER_TITLE = "tocsin", "Tocsin"
RULES, RULES_TITLE = "tocsin-rules", "Tocsin rules"  # files name the folder of rules by title alone: it must be another
TAG = "tocsin"
EXPRESSION = "__expr__"
PAGE = "http://localhost:8765"


class Site(msgspec.Struct, frozen=True, kw_only=True):
    """Where the parts of one installation are, as Grafana and its readers reach them."""

    page: str = PAGE  # Tocsin's own page, without a slash at the end
    influx: str = "http://influxdb:8086"
    database: str = "tocsin"


def data_source() -> Object:
    """How panels and rules name the data source: by UID, which is all that Grafana 13 understands."""
    return {"type": "influxdb", "uid": DATA_SOURCE}
