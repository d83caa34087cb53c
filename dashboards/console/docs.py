"""The API's own page, made from its schema; loads nothing from anywhere."""

import html
import json
import re
from collections.abc import Mapping, Sequence

from fastapi import APIRouter, FastAPI
from starlette.responses import HTMLResponse, JSONResponse

Node = Mapping[str, object]
_METHODS = ("get", "post")


def _node(value: object) -> Node:
    return value if isinstance(value, Mapping) else {}


def _list(value: object) -> Sequence[object]:
    return value if isinstance(value, list) else []


def type_name(schema: Node) -> str:
    """A schema's type as a reader would say it.

    >>> type_name({"type": "array", "items": {"$ref": "#/components/schemas/AlarmOut"}})
    'list of AlarmOut'
    """
    if "$ref" in schema:
        return str(schema["$ref"]).rsplit("/", 1)[-1]
    if options := _list(schema.get("anyOf")):
        return " or ".join(type_name(_node(option)) for option in options)
    if schema.get("type") == "array":
        return f"list of {type_name(_node(schema.get('items')))}"
    if choices := _list(schema.get("enum")):
        return " | ".join(json.dumps(choice) for choice in choices)
    if extra := _node(schema.get("additionalProperties")):
        return f"map of {type_name(extra)}"
    return str(schema.get("type", "anything"))


def _prose(text: object) -> str:
    return re.sub(r"`([^`]*)`", r"<code>\1</code>", html.escape(str(text or "")))


def _row(name: str, kind: str, note: str, *, anchor: bool = False) -> str:
    link = (
        f'<a href="#{html.escape(kind.rsplit(maxsplit=1)[-1])}">{html.escape(kind)}</a>'
        if anchor
        else html.escape(kind)
    )
    return f"<tr><td><code>{html.escape(name)}</code></td><td>{link}</td><td>{html.escape(note)}</td></tr>"


def _parameters(operation: Node) -> str:
    rows = []
    for each in map(_node, _list(operation.get("parameters"))):
        schema = _node(each.get("schema"))
        default = f"; default {json.dumps(schema['default'])}" if schema.get("default") not in (None, "") else ""
        note = f"{each.get('description', '')}{default}".removeprefix("; ")
        rows.append(_row(f"{each.get('name')}", f"{type_name(schema)}, {each.get('in')}", note))
    return f"<table>{''.join(rows)}</table>" if rows else ""


def _bodies(operation: Node) -> str:
    lines = []
    asked = _node(_node(_node(operation.get("requestBody")).get("content")).get("application/json"))
    if asked:
        lines.append(f"Takes {_linked(type_name(_node(asked.get('schema'))))} as JSON.")
    for status, answer in _node(operation.get("responses")).items():
        kinds = _node(_node(answer).get("content"))
        shapes = [_shape(kind, _node(_node(of).get("schema"))) for kind, of in kinds.items()]
        if shapes and status != "422":
            lines.append(f"Answers {html.escape(status)}: {', or '.join(shapes)}.")
    return "".join(f"<p>{line}</p>" for line in lines)


def _shape(kind: str, schema: Node) -> str:
    code = f"<code>{html.escape(kind)}</code>"
    return f"{_linked(type_name(schema))} as {code}" if schema else code


def _linked(kind: str) -> str:
    name = kind.rsplit(maxsplit=1)[-1]
    return f'<a href="#{html.escape(name)}">{html.escape(kind)}</a>' if name[:1].isupper() else html.escape(kind)


def _operation(path: str, method: str, operation: Node) -> str:
    curl = "curl -X POST -H 'Content-Type: application/json' -d '{\"who\": \"…\"}'" if method == "post" else "curl"
    return (
        f'<section><h3><span class="verb">{method.upper()}</span> <code>{html.escape(path)}</code></h3>'
        f"<p>{_prose(operation.get('description'))}</p>{_parameters(operation)}{_bodies(operation)}"
        f'<pre data-path="{html.escape(path)}">{html.escape(curl)} <span></span>{html.escape(path)}</pre></section>'
    )


def _schema(name: str, schema: Node) -> str:
    rows = "".join(
        _row(field, type_name(_node(of)), str(_node(of).get("description", "")))
        for field, of in _node(schema.get("properties")).items()
    )
    note = _prose(schema.get("description"))
    return f'<section id="{html.escape(name)}"><h3>{html.escape(name)}</h3><p>{note}</p><table>{rows}</table></section>'


def render(schema: Node) -> str:
    """The whole page."""
    by_tag: dict[str, list[str]] = {}
    for path, methods in _node(schema.get("paths")).items():
        for method in _METHODS:
            if operation := _node(_node(methods).get(method)):
                tag = str((_list(operation.get("tags")) or ["other"])[0])
                by_tag.setdefault(tag, []).append(_operation(path, method, operation))
    parts = "".join(f"<h2>{html.escape(tag.capitalize())}</h2>{''.join(ops)}" for tag, ops in by_tag.items())
    shapes = _node(_node(schema.get("components")).get("schemas"))
    types = "".join(_schema(name, _node(of)) for name, of in shapes.items() if "Validation" not in name)
    info = _node(schema.get("info"))
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Tocsin API</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<link rel="stylesheet" href="/assets/tocsin.css"><link rel="icon" href="/assets/bell.svg"></head>'
        f'<body class="docs"><main><p><a href="/">Back to the fleet</a></p><h1>{html.escape(str(info.get("title")))} '
        f"{html.escape(str(info.get('version')))}</h1><p>{html.escape(str(info.get('description', '')))}</p>"
        '<p>The schema for programs: <a href="/api/openapi.json">/api/openapi.json</a>.</p>'
        f"{parts}<h2>Types</h2>{types}</main><script>document.querySelectorAll('pre span').forEach("
        "s => s.textContent = location.origin)</script></body></html>"
    )


def router(app: FastAPI) -> APIRouter:
    """Routes to the schema and its page."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/api/openapi.json")
    async def schema() -> JSONResponse:
        return JSONResponse(app.openapi())

    @routes.get("/api/docs")
    async def page() -> HTMLResponse:
        return HTMLResponse(render(app.openapi()))

    return routes
