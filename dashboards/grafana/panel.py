"""A panel as a row of data, and the JSON that Grafana 9.3 to 13 makes of it."""

from collections.abc import Mapping, Sequence

import msgspec

from dashboards.grafana.query import Target
from dashboards.grafana.shapes import Object, data_source

BASE = "green"
TIME = "Time"
HOLE_MS = 300_000  # a line goes on over less


class Threshold(msgspec.Struct, frozen=True):
    """From this value on, this colour."""

    value: float
    colour: str


class Word(msgspec.Struct, frozen=True):
    """What a value reads as, so that colour is never the only sign; `value` is the value as text."""

    value: str
    text: str
    colour: str


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """How a field is shown that is not shown like the others."""

    name: str
    shown: str = ""
    unit: str = ""
    words: tuple[Word, ...] = ()
    link: str = ""
    link_title: str = ""
    width: int = 0
    style: Mapping[str, object] = {}


class Panel(msgspec.Struct, frozen=True, kw_only=True):
    """One panel; its id stays for ever, as alerts and bookmarks name it. `back`: its own stretch of time, "5m"."""

    id: int
    kind: str  # timeseries | table | stat | state-timeline | histogram
    title: str
    about: str
    targets: tuple[Target, ...]
    unit: str
    empty: str  # what stands there without data
    width: int = 12  # of 24
    height: int = 8
    thresholds: tuple[Threshold, ...] = ()
    words: tuple[Word, ...] = ()
    columns: tuple[Column, ...] = ()
    steps: tuple[Object, ...] = ()  # Grafana's transformations
    style: Mapping[str, object] = {}
    options: Mapping[str, object] = {}
    back: str = ""
    repeat: str = ""  # a variable: the panel is there once for each of its values
    points: int = 0  # at most so many stretches of time
    least: str = ""  # no stretch is shorter, "30s": else what is told every 10 s seems full of holes

    def as_json(self, *, x: int, y: int) -> Object:
        """The panel at a place of the grid."""
        told: Object = {
            "id": self.id,
            "type": self.kind,
            "title": self.title,
            "description": self.about,
            "datasource": data_source(),
            "gridPos": {"x": x, "y": y, "w": self.width, "h": self.height},
            "targets": [_target(target, place) for place, target in enumerate(self.targets)],
            "fieldConfig": {"defaults": self._defaults(), "overrides": self._overrides()},
            "options": _options(self.kind) | dict(self.options),
            "transformations": [*self.steps, *([_arranged(self.columns)] if self.kind == "table" else [])],
        }
        told |= {"timeFrom": self.back, "hideTimeOverride": self.kind == "stat"} if self.back else {}
        told |= {"repeat": self.repeat, "repeatDirection": "h", "maxPerRow": 2} if self.repeat else {}
        told |= {"interval": self.least} if self.least else {}
        return told | ({"maxDataPoints": self.points} if self.points else {})

    def _defaults(self) -> Object:
        steps: list[Object] = [{"color": BASE, "value": None}]
        steps += [{"color": each.colour, "value": each.value} for each in self.thresholds]
        color = {"mode": "thresholds" if self.kind == "stat" else "palette-classic"}
        return {
            "unit": self.unit,
            "noValue": self.empty,
            "color": color,
            "thresholds": {"mode": "absolute", "steps": steps},
            "mappings": _mappings(self.words),
            "custom": _custom(self.kind) | dict(self.style),
        }

    def _overrides(self) -> list[object]:
        """In a table `empty` is for the whole of it, and not for a cell."""
        cells: Object = {
            "matcher": {"id": "byRegexp", "options": "/.*/"},
            "properties": [{"id": "noValue", "value": ""}],
        }
        return [*([cells] if self.kind == "table" else []), *map(_override, self.columns)]


def laid_out(panels: Sequence[Panel]) -> list[object]:
    """Panels from left to right, and below when a line is full."""
    told: list[object] = []
    x = y = line = 0
    for panel in panels:
        if x + panel.width > 24:  # noqa: PLR2004 -- columns of Grafana's grid
            x, y, line = 0, y + line, 0
        told.append(panel.as_json(x=x, y=y))
        x, line = x + panel.width, max(line, panel.height)
    return told


def renamed(pattern: str, name: str) -> Object:
    """The step that renames series."""
    return {"id": "renameByRegex", "options": {"regex": pattern, "renamePattern": name}}


def merged() -> Object:
    """The step that makes one table of several queries."""
    return {"id": "merge", "options": {}}


def counted(*, by: Sequence[str], of: Mapping[str, Sequence[str]]) -> Object:
    """The step that groups rows by fields, which InfluxQL cannot: `of` are the calculations a column."""
    fields: Object = {name: {"operation": "groupby", "aggregations": []} for name in by}
    fields |= {name: {"operation": "aggregate", "aggregations": list(each)} for name, each in of.items()}
    return {"id": "groupBy", "options": {"fields": fields}}


def _arranged(columns: Sequence[Column]) -> Object:
    """The step that puts columns in their order; time is shown where it is one of them."""
    order = {column.name: place for place, column in enumerate(columns)}
    hidden = {} if TIME in order else {TIME: True}
    return {"id": "organize", "options": {"excludeByName": hidden, "indexByName": order}}


def _target(target: Target, place: int) -> Object:
    return {
        "refId": chr(ord("A") + place),
        "datasource": data_source(),
        "query": target.text,
        "rawQuery": True,
        "resultFormat": "table" if target.table else "time_series",
        "alias": target.alias,
    }


def _override(column: Column) -> Object:
    told: Object = {}
    if column.shown:
        told["displayName"] = column.shown
    if column.unit:
        told["unit"] = column.unit
    if column.words:
        told["mappings"] = _mappings(column.words)
        told["custom.cellOptions"] = {"type": "color-text"}
        told["custom.displayMode"] = "color-text"  # the same before Grafana 10
    if column.link:
        told["links"] = [{"title": column.link_title, "url": column.link}]
    if column.width:
        told["custom.width"] = column.width
    told |= dict(column.style)
    properties = [{"id": name, "value": value} for name, value in told.items()]
    return {"matcher": {"id": "byName", "options": column.name}, "properties": properties}


def _mappings(words: Sequence[Word]) -> list[object]:
    if not words:
        return []
    options = {
        word.value: {"index": place, "text": word.text, "color": word.colour} for place, word in enumerate(words)
    }
    return [{"type": "value", "options": options}]


def _custom(kind: str) -> Object:
    match kind:
        case "timeseries":
            return {"drawStyle": "line", "lineWidth": 1, "showPoints": "auto", "spanNulls": HOLE_MS, "fillOpacity": 0}
        case "table":
            return {"align": "auto", "filterable": True, "inspect": True, "minWidth": 60}
        case "state-timeline":
            return {"fillOpacity": 70, "lineWidth": 0}
        case _:
            return {}


def _options(kind: str) -> Object:
    match kind:
        case "timeseries":
            legend = {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []}
            return {"legend": legend, "tooltip": {"mode": "multi", "sort": "desc"}}
        case "table":
            return {"showHeader": True, "cellHeight": "sm"}
        case "stat":
            calc = {"calcs": ["lastNotNull"], "fields": "", "values": False}
            return {"reduceOptions": calc, "colorMode": "value", "graphMode": "none", "textMode": "auto"}
        case "state-timeline":
            return {"showValue": "auto", "mergeValues": True, "rowHeight": 0.9, "legend": {"showLegend": False}}
        case _:  # histogram
            return {"legend": {"showLegend": False}}
