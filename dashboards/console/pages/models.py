"""Stored models and their cards; read only, for they are made and promoted by commands."""

import re
from collections.abc import Mapping
from urllib.parse import quote

import markdown2  # type: ignore[import-untyped]  # ships none
from markupsafe import Markup
from nicegui import ui

from dashboards.console.desk import Desk
from dashboards.console.hub import Hub
from dashboards.console.pages.frame import frame
from dashboards.console.pages.markup import icon, join, moment, number, table
from dashboards.console.shelf import Standing, standing, standings
from models.registry.errors import RegistryError
from models.registry.folder import CARD, Entry, Registry
from store.port import StoreAwayError

MOST_CARD = 200_000  # characters; a longer one is only linked to
FIGURES = 3
TASKS = {"anomaly": "Is it unlike normal?", "life": "How long will it last?", "outcome": "Will it fail its test?"}
_PICTURE = re.compile(r"\]\(([\w-][\w.-]*\.png)\)")
_FOREIGN = re.compile(r"!\[(?![^\]\n]*\]\([\w-][\w.-]*\.png\))")  # a picture that is not of the registry stays text
_HEADING = re.compile(r"\A# [^\n]*\n")
_NONE = Markup(
    '<div class="blank">{}<h2>No model yet</h2><p>Machines are watched by the self-learning detector until one is'
    " trained: <code>tocsin train RECIPE --data FILES --name NAME</code></p></div>"
)
_BESIDE = Markup('<br><a href="/runs?procedure={}">what both would have stopped →</a>')
_KEPT = Markup('<section class="panel"><h2>Kept good by [[models]]</h2><ul class="notes">{}</ul></section>')
_LOST = Markup('<div class="blank">{}<h2>{}</h2><p><a href="/models">See all models →</a></p></div>')


def path(name: str, version: int | str) -> str:
    """Where the page of a version is."""
    return f"/models/{quote(name, safe='')}/{version}"


def listed(found: list[Standing], called: Mapping[str, str]) -> Markup:
    """All models, a row each; `called`: procedures whose runs a candidate is asked about live, by model."""
    if not found:
        return _NONE.format(icon("model"))
    head = ("Model", "Question", "In use", "Candidate", "Trained", "Rows", "Figures", "")
    return table(head, [_row(each, called.get(each.name, "")) for each in found], "")


def kept(said: Mapping[str, str]) -> Markup:
    """What is done to keep models good, a line each: who lets a candidate in, what drifts, what is waited for."""
    if not said:
        return Markup("")
    lines = join(Markup("<li><b>{}</b>: {}</li>").format(name, words) for name, words in sorted(said.items()))
    return _KEPT.format(lines)


def _row(of: Standing, procedure: str) -> tuple[object, ...]:
    if of.entry is None:
        odd = Markup('<span class="state odd">{}cannot be read</span><br>{}').format(icon("warn"), of.trouble)
        return of.name, "", of.champion or "", of.candidate or "", "", "", "", odd
    manifest, facts = of.entry.manifest, of.entry.manifest.facts
    name = Markup('<a href="{}"><b>{}</b></a>').format(path(manifest.name, manifest.version), manifest.name)
    figures = [f"{key.rpartition('.')[2]} {number(value)}" for key, value in facts.metrics.items() if value is not None]
    odd = Markup('<span class="state odd">{}{}</span>').format(icon("warn"), _count(len(facts.warnings), "warning"))
    return (
        name,
        TASKS.get(manifest.task.value, manifest.task.value),
        _linked(manifest.name, of.champion),
        _linked(manifest.name, of.candidate) + (_BESIDE.format(quote(procedure, safe="")) if procedure else ""),
        moment(facts.made_at_ns),
        f"{facts.data.rows:,}",
        ", ".join(figures[:FIGURES]),
        _not_at_work(of.trouble) if of.trouble else odd if facts.warnings else "",
    )


def compared_live(desk: Desk) -> Mapping[str, str]:
    """Procedures whose runs a candidate is asked about beside the champion, by model; blocking."""
    try:
        return {of.comparison.model: of.name for of in desk.procedures.all() if of.comparison is not None}
    except StoreAwayError:
        return {}


def _not_at_work(why: str) -> Markup:
    return Markup('<span class="state odd">{}not put to work</span><br>{}').format(icon("warn"), why)


def _linked(name: str, version: int | None) -> Markup:
    return Markup('<a href="{}">{}</a>').format(path(name, version), version) if version else Markup("none")


def _count(number_of: int, noun: str) -> str:
    return f"{number_of} {noun}{'' if number_of == 1 else 's'}"


def head(entry: Entry, of: Standing) -> Markup:
    """Which version it is, what points at it, and the others."""
    here = Markup(' aria-current="true"')
    each = join(
        Markup('<a href="{}"{}>{}{}</a>').format(
            path(entry.name, version), here if version == entry.version else "", version, _pointing(of, version)
        )
        for version in of.versions[-12:]
    )
    return Markup('<h1>{}</h1><nav class="tabs" aria-label="Versions">{}</nav>').format(entry.name, each)


def _pointing(of: Standing, version: int) -> str:
    names = [alias for alias, number in of.aliases.items() if number == version]
    return f" ({', '.join(names)})" if names else ""


def card(registry: Registry, entry: Entry) -> str:
    """The card as HTML: markup in it is shown, not done, and pictures come from the registry alone."""
    if CARD not in entry.manifest.files:
        return Markup("<p>This version has no card; it was stored without one.</p>")
    text = registry.file(entry, CARD).decode(errors="replace")
    files = f"/api/v1{path(entry.name, entry.version)}/files"
    if len(text) > MOST_CARD:
        return Markup('<p>Its card is too long for a page: <a href="{}/{}">{}</a></p>').format(files, CARD, CARD)
    own = _PICTURE.sub(rf"]({files}/\1)", _FOREIGN.sub(r"!\\[", _HEADING.sub("", text)))
    html: str = markdown2.markdown(own, extras=["tables", "fenced-code-blocks"], safe_mode="escape")
    return html


def register(desk: Desk, hub: Hub) -> None:
    """Serve the pages at /models and /models/NAME/VERSION."""

    @ui.page("/models")
    async def models() -> None:
        frame(desk, hub, title="Models", here="/models")
        with ui.element("div").props('id="main"').classes("page"):
            ui.html("Models", sanitize=False, tag="h1")
            try:
                status = await desk.ask(desk.status)
                found = await desk.ask(lambda: standings(desk.models, status.models) if desk.models else [])
                tried = any(each.candidate not in {None, each.champion} for each in found)
                called = await desk.ask(lambda: compared_live(desk)) if tried else {}
            except RegistryError as error:
                ui.html(_LOST.format(icon("warn"), str(error)), sanitize=False)
                return
            with ui.element("section").classes("panel"):
                ui.html(listed(found, called), sanitize=False)
            ui.html(kept(status.kept), sanitize=False)

    @ui.page("/models/{name}/{version}")
    async def one(name: str, version: str) -> None:
        frame(desk, hub, title=name, here="/models")
        with ui.element("div").props('id="main"').classes("page"):
            try:
                title, content = await desk.ask(lambda: _shown(desk.models, name, version))
            except RegistryError as error:
                ui.html(_LOST.format(icon("unknown"), str(error)), sanitize=False)
                return
            ui.html(title, sanitize=False).classes("title-row")
            with ui.element("section").classes("panel card"):
                ui.html(content)  # cleaned once more by the browser


def _shown(registry: Registry | None, name: str, version: str) -> tuple[Markup, str]:
    if registry is None:
        msg = "This console has no registry: name one with `registry` in tocsin.toml"
        raise RegistryError(msg)
    entry = registry.entry(name, version)
    return head(entry, standing(registry, name)), card(registry, entry)
