"""What data and models there are, and what was made from what; read only, for people who have to answer for it."""

from collections.abc import Iterable
from urllib.parse import quote

from markupsafe import Markup
from nicegui import ui

from dashboards.console.desk import Desk
from dashboards.console.hub import Hub
from dashboards.console.moments import length
from dashboards.console.pages.frame import frame
from dashboards.console.pages.markup import icon, join, moment, number, table
from models.catalogue.entries import Catalogue, ChannelEntry, DataSet, Link, ModelEntry, Node, Quality
from models.catalogue.lineage import UnknownThingError

HERE = "/catalogue"
SHOWN = 200  # rows of a table; the API gives all
_FORM = Markup(
    '<form class="follow" action="{}" method="get" role="search"><label for="of">What was it made from?</label>'
    '<input id="of" name="of" value="{}" placeholder="an alarm, pump@2, a device, a run, a file or a digest">'
    '<button type="submit">Follow</button></form>'
)
_BLANK = Markup('<div class="blank">{}<h2>{}</h2><p>{}</p></div>')
_NODE = Markup('<li class="node"><b>{}</b> {} {}<br><small>{}</small></li>')


def followed(id_: str, words: str = "") -> Markup:
    """A link to what a thing was made from."""
    return Markup('<a href="{}?of={}">{}</a>').format(HERE, quote(id_, safe=""), words or _short(id_))


def _short(name: str) -> str:
    kind, _, rest = name.partition(":")
    return f"{kind} {rest[:12]}" if kind in {"data", "recipe", "alarm", "label"} else f"{kind} {rest}"


def sets(found: Catalogue) -> Markup:
    """Data sets, a row each."""
    head = ("Data set", "Owner", "From", "Time", "Rows", "Digest", "Quality")
    return _listed(head, map(_set_row, found.sets), len(found.sets), "Nothing is stored yet.")


def _set_row(of: DataSet) -> tuple[object, ...]:
    span = ""
    if of.from_ns is not None and of.to_ns is not None:
        span = Markup("{} for {}").format(moment(of.from_ns, as_="clock"), length(of.to_ns - of.from_ns))
    digest = Markup('<code title="{} of {}">{}</code>').format(of.digest, of.digest_of, of.digest[:9])
    rows = "not counted" if of.rows is None else f"{of.rows:,}"
    return (
        followed(of.id, f"{of.kind} {of.name}"),
        of.owner or "nobody",
        of.source,
        span,
        rows,
        digest if of.digest else "",
        _quality(of.quality, of.says),
    )


def _quality(of: Quality | None, says: str) -> Markup:
    if of is None:
        return Markup("{}").format(says)
    odd = [f"{len(of.stuck)} stuck"] * bool(of.stuck) + [f"{len(of.gaps)} gaps"] * bool(of.gaps)
    odd += [f"{of.lost} known losses"] * bool(of.lost)
    told = f"{of.missing_share:.2%} missing" + "".join(f", {words}" for words in odd)
    kind = "odd" if odd else "calm"
    return Markup('<span class="state {}">{}{}</span>').format(kind, icon("warn" if odd else "ok"), told)


def models(found: Catalogue) -> Markup:
    """Versions of models with what they were made from."""
    head = ("Model", "Used as", "Owner", "Trained", "Recipe", "Training data", "Labels")
    newest = sorted(found.models, key=lambda each: -each.made_ns)
    return _listed(head, map(_model_row, newest), len(newest), "No model yet.")


def _model_row(of: ModelEntry) -> tuple[object, ...]:
    recipe = Markup('{} <code title="{}">{}</code>').format(of.recipe, of.recipe_digest, of.recipe_digest[:12])
    data = followed(f"data:{of.data_digest}") if of.data_digest else "not told"
    return (
        followed(of.id, f"{of.name}@{of.version}"),
        ", ".join(of.aliases) or "not used",
        of.owner or "nobody",
        moment(of.made_ns),
        recipe,
        Markup("{}, {} rows").format(data, f"{of.rows:,}"),
        f"{of.labels:,}",
    )


def channels(found: Catalogue) -> Markup:
    """Channels of all devices."""
    head = ("Device", "Channel", "Unit", "Limits", "Owner", "Missing")
    return _listed(head, map(_channel_row, found.channels), len(found.channels), "No channel yet.")


def _channel_row(of: ChannelEntry) -> tuple[object, ...]:
    limits = ", ".join(f"{level} {number(limit)}" for level, limit in of.limits.items()) or "none"
    missing = "not looked at" if of.missing is None else f"{of.missing:.2%}"
    return followed(f"device:{of.device}", of.device), of.name, of.uom or "—", limits, of.owner or "nobody", missing


def features(found: Catalogue) -> Markup:
    """What models make of their channels."""
    rows = [
        (
            each.model,
            each.kind,
            ", ".join(f"{key} = {value}" for key, value in each.settings.items()) or "as it is",
            f"{each.channels:,}",
        )
        for each in found.features
    ]
    return _listed(("Model", "Feature", "With", "Channels"), rows, len(rows), "No model yet.")


def labels(found: Catalogue) -> Markup:
    """Labels by meaning and author."""
    rows = [(each.meaning, each.author, f"{each.count:,}", f"{each.withdrawn:,}") for each in found.labels]
    head = ("Meaning", "Author", "Labels", "Withdrawn")
    return table(head, rows, "Nobody has labelled anything yet: answer an alarm, or `tocsin data label`.")


def made(found: Catalogue) -> Markup:
    """What was made from what, a line a link."""
    head = ("From", "", "Made")
    return _listed(head, map(_link_row, found.links), len(found.links), "Nothing was made of anything yet.")


def _link_row(of: Link) -> tuple[object, ...]:
    return followed(of.source), f"{of.how} →", followed(of.made)


def _listed(head: Iterable[str], rows: Iterable[Iterable[object]], count: int, empty: str) -> Markup:
    kept = [row for row, _ in zip(rows, range(SHOWN), strict=False)]
    more = Markup('<p>{} more: <a href="/api/v1/catalogue">all as JSON</a></p>').format(f"{count - SHOWN:,}")
    return join([table(head, kept, empty), *([more] if count > SHOWN else [])])


def trace(title: str, nodes: Iterable[Node], empty: str) -> Markup:
    """One side of a lineage."""
    kept = list(nodes)
    items = join(_node(each) for each in kept[:SHOWN])
    more = Markup("<p>and {} more</p>").format(len(kept) - SHOWN) if len(kept) > SHOWN else ""
    inner = Markup('<ul class="trace">{}</ul>{}').format(items, more) if kept else Markup("<p>{}</p>").format(empty)
    return Markup("<h3>{}</h3>{}").format(title, inner)


def _node(of: Node) -> Markup:
    digest = Markup('<code title="{}">{}</code>').format(of.digest, of.digest[:10]) if of.digest else ""
    where = "" if of.kind in {"rows", "recipe", "rule"} else followed(of.id)
    return _NODE.format(of.kind, where, digest, of.says)


def register(desk: Desk, hub: Hub) -> None:
    """Serve the page at /catalogue."""

    @ui.page(HERE)
    async def catalogue(of: str = "") -> None:
        frame(desk, hub, title="Data", here=HERE)
        with ui.element("div").props('id="main"').classes("page"):
            ui.html("Data", sanitize=False, tag="h1")
            if desk.catalogue is None:
                ui.html(
                    _BLANK.format(icon("unknown"), "No catalogue here", "This console was given none."), sanitize=False
                )
                return
            with ui.element("section").classes("panel"):
                ui.html(_FORM.format(HERE, of), sanitize=False)
                if of:
                    ui.html(await desk.ask(lambda: _traced(desk, of)), sanitize=False)
            if of:
                return
            found = await desk.ask(desk.catalogue.catalogue)
            parts = (
                ("Data sets", sets),
                ("Models", models),
                ("Channels", channels),
                ("Features", features),
                ("Labels", labels),
                ("Made from what", made),
            )
            for title, render in parts:
                with ui.element("section").classes("panel"):
                    ui.html(title, sanitize=False, tag="h2")
                    ui.html(render(found), sanitize=False)
            notes = join(Markup("<li>{}</li>").format(note) for note in found.notes)
            ui.html(Markup('<ul class="notes">{}</ul>').format(notes) if notes else Markup(""), sanitize=False)


def _traced(desk: Desk, of: str) -> Markup:
    assert desk.catalogue is not None
    try:
        found = desk.catalogue.lineage(of)
    except UnknownThingError as error:
        return _BLANK.format(icon("unknown"), "Nothing is called so", str(error))
    notes = join(Markup("<li>{}</li>").format(note) for note in found.notes)
    return join(
        [
            Markup("<h2>{}</h2><p>{}</p>").format(found.of.id, found.of.says),
            trace("Made from", found.made_from, "From nothing that is kept here."),
            trace("Made from it", found.made, "Nothing yet."),
            Markup('<ul class="notes">{}</ul>').format(notes) if notes else Markup(""),
        ]
    )
