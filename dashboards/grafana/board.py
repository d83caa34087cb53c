"""A dashboard as JSON: variables, links, annotations and panels."""

from collections.abc import Sequence

import msgspec

from dashboards.grafana.panel import Panel, laid_out
from dashboards.grafana.query import picked
from dashboards.grafana.shapes import TAG, Object, data_source
from store.influx.table import Measurement

SCHEMA = 37  # Grafana 9.3; later ones take older schemas to their own
HIDDEN = 2


class Variable(msgspec.Struct, frozen=True, kw_only=True):
    """What the reader picks; `several`: also more than one, or all."""

    name: str
    label: str
    query: str
    several: bool = True
    every: str | None = ".*"  # what stands for all; None: each by itself, as a repeated panel needs it
    pattern: str = ""  # takes a part of each value
    hidden: bool = False

    def as_json(self) -> Object:
        """The variable as Grafana takes it."""
        every = {"text": "All", "value": "$__all"}
        told: Object = {
            "type": "query",
            "name": self.name,
            "label": self.label,
            "datasource": data_source(),
            "query": self.query,
            "definition": self.query,
            "regex": self.pattern,
            "refresh": 2,  # when the time range changes
            "sort": 1,
            "hide": HIDDEN if self.hidden else 0,
            "multi": self.several,
            "includeAll": self.several,
            "current": every if self.several else {},
            "options": [],
        }
        return told | ({"allValue": self.every} if self.several and self.every else {})


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """Marks on the time axis: `text` and `tags` are columns of the query, none of which is ever without a value."""

    name: str
    query: str
    text: str
    tags: str
    colour: str

    def as_json(self) -> Object:
        """The annotation as Grafana takes it; old versions read the outer fields, new ones the target.

        From Grafana 10 on its InfluxDB gives each mark its time in milliseconds for a title and an end: not to be read.
        """
        asked: Object = {"query": self.query, "textColumn": self.text, "tagsColumn": self.tags}
        target = asked | {"refId": "Anno", "rawQuery": True, "fromAnnotations": True, "resultFormat": "table"}
        outer: Object = {"name": self.name, "enable": True, "iconColor": self.colour, "datasource": data_source()}
        unread: Object = {name: {"source": "skip"} for name in ("title", "timeEnd")}
        return outer | asked | {"target": target, "mappings": unread}


class Board(msgspec.Struct, frozen=True, kw_only=True):
    """One dashboard. The UID stays for ever; the title is never that of its folder, which Grafana refuses."""

    uid: str
    title: str
    about: str
    panels: tuple[Panel, ...]
    variables: tuple[Variable, ...] = ()
    notes: tuple[Note, ...] = ()
    page: str = ""  # a path on Tocsin's own page
    span: str = "6h"

    def as_json(self, page: str) -> Object:
        """The dashboard's model; `page` is where Tocsin's own page is."""
        return {
            "uid": self.uid,
            "title": self.title,
            "description": self.about,
            "tags": [TAG],
            "schemaVersion": SCHEMA,
            "editable": True,
            "graphTooltip": 1,
            "refresh": "30s",
            "time": {"from": f"now-{self.span}", "to": "now"},
            "timezone": "browser",
            "links": _links(self.page),
            "annotations": {"list": [note.as_json() for note in self.notes]},
            "templating": {"list": [constant("page", page), *(each.as_json() for each in self.variables)]},
            "panels": laid_out(self.panels),
        }


def constant(name: str, value: str) -> Object:
    """A variable that nobody sees."""
    only = {"text": value, "value": value, "selected": True}
    return {
        "type": "constant",
        "name": name,
        "label": name,
        "query": value,
        "hide": HIDDEN,
        "skipUrlSync": True,
        "current": only,
        "options": [only],
    }


def tag_values(tag: str, measurement: Measurement, *, given: Sequence[str] = ()) -> str:
    """The query for the values of a tag, of what was picked in other variables.

    >>> from store.influx.table import LIVENESS
    >>> tag_values("device", LIVENESS, given=["edge"])
    'SHOW TAG VALUES FROM "liveness" WITH KEY = "device" WHERE "edge" =~ /^${edge:regex}$/'
    """
    where = " AND ".join(picked(*given))
    return f'SHOW TAG VALUES FROM "{measurement.name}" WITH KEY = "{tag}"' + f" WHERE {where}" * bool(where)


def _links(path: str) -> list[object]:
    shared: Object = {"keepTime": True, "includeVars": True, "targetBlank": False, "tags": [], "url": "", "tooltip": ""}
    others = shared | {"type": "dashboards", "title": "Tocsin dashboards", "tags": [TAG], "asDropdown": False}
    own = shared | {"type": "link", "title": "Tocsin's page", "icon": "external link", "url": "${page}" + path}
    return [others, own | {"keepTime": False, "includeVars": False, "targetBlank": True, "tooltip": "Answer alarms"}]
