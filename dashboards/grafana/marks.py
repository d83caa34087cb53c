"""What tells a model as it was pushed from one that a person has changed since; no server in here.

The mark is two digests in the thing itself: of the model that was sent, and of what Grafana made of it (later
versions rewrite what they are given). What reads neither way any more was changed by somebody.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Protocol

import msgspec

from dashboards.grafana.board import constant
from dashboards.grafana.shapes import Object

VARIABLE = "tocsin_pushed"  # of a dashboard: hidden, and kept by every version
ANNOTATION = "__tocsin__"  # of a rule: such names are left out of what people are sent
SETTING = "tocsinPushed"  # of a data source
DIGITS = 16
_OF_VIEWERS = ("current", "options")  # of a variable: what was picked last


class Mark(msgspec.Struct, frozen=True):
    """Digests of what was sent and of what was kept of it; both "" where nothing was pushed."""

    sent: str = ""
    kept: str = ""

    def __str__(self) -> str:
        """As it is written."""
        return f"{self.sent} {self.kept}"


def mark_of(text: object) -> Mark:
    """Read a mark; one that nobody can read is none.

    >>> mark_of("a b"), mark_of(None)
    (Mark(sent='a', kept='b'), Mark(sent='', kept=''))
    """
    parts = str(text or "").split()
    return Mark(*parts) if len(parts) == 2 else Mark()  # noqa: PLR2004 -- the two digests


def digest(told: Object) -> str:
    """A short digest of a model, whatever the order of its keys."""
    text = json.dumps(told, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:DIGITS]


class Form(Protocol):
    """How a kind of thing carries its mark."""

    def own(self, model: Object) -> Object:
        """What a person or we decide of it, without the mark and what Grafana counts."""

    def mark(self, model: Object) -> Mark:
        """The mark on it."""

    def marked(self, model: Object, mark: Mark) -> Object:
        """The model with another mark."""


class BoardForm:
    """Of dashboards."""

    def own(self, model: Object) -> Object:
        """All but counters and what viewers picked."""
        kept = {name: value for name, value in model.items() if name not in {"id", "version", "iteration"}}
        variables = [_stripped(each) for each in _variables(model) if each.get("name") != VARIABLE]
        return kept | {"templating": {"list": variables}}

    def mark(self, model: Object) -> Mark:
        """From a hidden variable."""
        return next((mark_of(each.get("query")) for each in _variables(model) if each.get("name") == VARIABLE), Mark())

    def marked(self, model: Object, mark: Mark) -> Object:
        """With a hidden variable."""
        others = [each for each in _variables(model) if each.get("name") != VARIABLE]
        return model | {"templating": {"list": [*others, constant(VARIABLE, str(mark))]}}


class RuleForm:
    """Of alert rules."""

    _OWN = (
        "uid",
        "title",
        "condition",
        "data",
        "noDataState",
        "execErrState",
        "for",
        "labels",
        "folderUID",
        "ruleGroup",
    )

    def own(self, model: Object) -> Object:
        """What is sent; and whether somebody paused it."""
        notes = {name: value for name, value in _object(model, "annotations").items() if name != ANNOTATION}
        own = {name: model.get(name) for name in self._OWN}
        return own | {"annotations": notes, "isPaused": bool(model.get("isPaused", False))}

    def mark(self, model: Object) -> Mark:
        """From an annotation."""
        return mark_of(_object(model, "annotations").get(ANNOTATION))

    def marked(self, model: Object, mark: Mark) -> Object:
        """With an annotation."""
        return model | {"annotations": dict(_object(model, "annotations")) | {ANNOTATION: str(mark)}}


class SourceForm:
    """Of data sources; secrets cannot be read back and do not count."""

    _OWN = ("uid", "name", "type", "access", "url", "database", "user", "isDefault")

    def own(self, model: Object) -> Object:
        """Where it points and how it asks."""
        settings = {name: value for name, value in _object(model, "jsonData").items() if name != SETTING}
        return {name: model.get(name) or None for name in self._OWN} | {"jsonData": settings}

    def mark(self, model: Object) -> Mark:
        """From a setting."""
        return mark_of(_object(model, "jsonData").get(SETTING))

    def marked(self, model: Object, mark: Mark) -> Object:
        """With a setting."""
        return model | {"jsonData": dict(_object(model, "jsonData")) | {SETTING: str(mark)}}


def _object(model: Object, name: str) -> Mapping[str, object]:
    found = model.get(name)
    return found if isinstance(found, dict) else {}


def _variables(model: Object) -> list[Object]:
    found = _object(model, "templating").get("list")
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def _stripped(variable: Object) -> Object:
    if variable.get("type") == "constant":
        return {name: value for name, value in variable.items() if name in {"type", "name", "query"}}
    return {name: value for name, value in variable.items() if name not in _OF_VIEWERS}
