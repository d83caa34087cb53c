"""The fleet at a glance: how many, how they are, the loudest first."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

import msgspec
from markupsafe import Markup
from nicegui import ui

from dashboards.console.desk import Desk
from dashboards.console.hub import Hub
from dashboards.console.pages.frame import frame
from dashboards.console.pages.markup import icon, join, shape
from dashboards.console.pages.spark import Sparks
from dashboards.console.pages.tile import tile
from dashboards.console.shapes import finite
from dashboards.console.snapshot import Snapshot, loudness
from dashboards.console.words import HEALTH
from store.port import Device
from wire.messages import Alarm, Health, Priority

A_PAGE = 48
FEW = 4  # so few machines get larger tiles
_SHOWN = (Health.RUNNING, Health.LEARNING, Health.OFF, Health.SILENT)
_EMPTY = Markup(
    '<div class="blank">{}<h2>No device yet</h2><p>Tocsin listens, but no reading has come. Name a serial port or an '
    "MQTT broker under <code>[[edge.sources]]</code> in <code>tocsin.toml</code>, or run <code>tocsin demo</code> to "
    'watch simulated machines.</p><p><a href="/health">See what the sources are doing →</a></p></div>'
)


class View(msgspec.Struct):
    """What one person has chosen to see."""

    find: str = ""
    show: str = ""  # a health, "alarm", or everything
    page: int = 1

    def link(self, **change: object) -> str:
        """Where the same view with a change is."""
        said = {"find": self.find, "show": self.show, "page": self.page} | change
        query = urlencode({k: v for k, v in said.items() if v and (k, v) != ("page", 1)})
        return f"/?{query}" if query else "/"


Ringing = Mapping[str, Sequence[Alarm]]


def ringing(look: Snapshot) -> Ringing:
    """The alarms that stand, by device, loudest first."""
    found = defaultdict[str, list[Alarm]](list)
    for alarm in look.alarms:
        found[alarm.device].append(alarm)
    return found


def chosen(look: Snapshot, by_device: Ringing, view: View) -> list[Device]:
    """The devices of a view, the loudest first."""

    def wanted(device: Device) -> bool:
        if view.find.casefold() not in device.device.casefold():
            return False
        if view.show == "alarm":
            return bool(by_device.get(device.device))
        return not view.show or device.health == view.show

    def rank(device: Device) -> tuple[object, ...]:
        alarms = by_device.get(device.device)
        loud = loudness(alarms[0]) if alarms else (9, 9, 0)
        return loud, device.health is not Health.SILENT, -round(finite(device.score) or 0.0), device.device

    return sorted(filter(wanted, look.devices), key=rank)


def _counts(look: Snapshot, view: View) -> Markup:
    if not look.devices:
        return Markup("")
    count = Counter(device.health for device in look.devices)
    chips = [_chip(view, "", "fleet", "Machines", len(look.devices))]
    chips += [_chip(view, h.value, h.value, HEALTH[h], count[h]) for h in _SHOWN if count[h] or h is Health.RUNNING]
    ring = Counter(alarm.priority for alarm in look.alarms)
    shapes = join(Markup("<span>{}{} {}</span>").format(shape(p), ring[p], p) for p in Priority if ring[p])
    chips.append(
        Markup('<a class="chip alarms{}" href="{}"{}>{}</a>').format(
            "" if shapes else " calm",
            view.link(show="alarm", page=1),
            Markup(' aria-current="true"') if view.show == "alarm" else "",
            shapes or icon("ok") + Markup("<span>All calm</span>"),
        )
    )
    return join(chips)


def _chip(view: View, show: str, name: str, word: str, count: int) -> Markup:
    here = Markup(' aria-current="true"') if view.show == show else ""
    kind = "odd" if show == Health.SILENT and count else ""
    return Markup('<a class="chip {}" href="{}"{}>{}<b>{}</b><span>{}</span></a>').format(
        kind, view.link(show=show, page=1), here, icon(name), count, word
    )


def _pages(view: View, count: int) -> Markup:
    last = max(1, -(-count // A_PAGE))
    if last == 1:
        return Markup("")
    view.page = min(view.page, last)
    back = Markup('<a href="{}" rel="prev">← Louder</a>').format(view.link(page=view.page - 1)) if view.page > 1 else ""
    on = (
        Markup('<a href="{}" rel="next">Calmer →</a>').format(view.link(page=view.page + 1)) if view.page < last else ""
    )
    return Markup(
        '<nav class="pages" aria-label="More machines">{}<span>page {} of {} · {} machines</span>{}</nav>'
    ).format(back, view.page, last, count, on)


def register(desk: Desk, hub: Hub) -> None:
    """Serve the page at /."""
    sparks = Sparks(desk)

    @ui.page("/")
    def fleet(find: str = "", show: str = "", page: int = 1) -> None:
        view = View(find=find, show=show, page=max(1, page))
        live = frame(desk, hub, title="Fleet", here="/")
        seen: list[Device] = []

        def tiles(look: Snapshot) -> Markup:
            if not look.devices:
                return _EMPTY.format(icon("bell")) if not (look.error or look.status.stalled) else Markup("")
            by_device = ringing(look)
            found = chosen(look, by_device, view)
            pages = _pages(view, len(found))
            seen[:] = found[(view.page - 1) * A_PAGE : view.page * A_PAGE]
            now_ns = desk.now_ns()
            each = join(tile(d, by_device.get(d.device, ()), sparks.get(d.device), now_ns) for d in seen)
            none = Markup('<p class="empty">No machine fits. <a href="/">Show all of them.</a></p>')
            few = " few" if len(seen) <= FEW else ""
            return Markup('<div class="tiles{}">{}</div>{}').format(few, each, pages) if seen else none

        with ui.element("div").props('id="main"').classes("page"):
            ui.html("Fleet", sanitize=False, tag="h1").classes("hide")
            with ui.element("div").classes("chips"):
                live.region(lambda look: _counts(look, view), tag="nav", classes="chip-row")
                box = ui.input(placeholder="Find a machine", value=view.find).props("dense outlined clearable")
                box.props('aria-label="Find a machine"').classes("find")
                box.on_value_change(lambda event: _find(event.value))
            live.region(tiles)

        def _find(text: str | None) -> None:
            view.find, view.page = text or "", 1
            live.refresh(force=True)

        ui.timer(2.0, lambda: sparks.refresh(list(seen)))
