"""One device: score, what made it, every signal with its limits, and its alarms."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from urllib.parse import quote

from markupsafe import Markup
from nicegui import ui

from dashboards.console.desk import Desk
from dashboards.console.hub import Hub
from dashboards.console.moments import length
from dashboards.console.pages import charts, window
from dashboards.console.pages.alarms import history, standing
from dashboards.console.pages.bars import bars
from dashboards.console.pages.frame import frame
from dashboards.console.pages.markup import health, icon, join, moment, number, path
from dashboards.console.shapes import finite
from dashboards.console.snapshot import Snapshot
from store.port import Device, StoreAwayError
from wire.config import channel

CHANNELS = 16  # charts on one page; more are a click away
_HEAD = Markup(
    '<h1>{}</h1>{}<dl class="inline"><div><dt>Score</dt><dd>{}</dd></div><div><dt>Last row</dt><dd>{}</dd></div>'
    "<div><dt>Rows</dt><dd>{}</dd></div><div><dt>Edge</dt><dd>{}</dd></div>{}</dl>"
)
_LOST = Markup(
    '<div class="blank">{}<h1>There is no device “{}”</h1><p>It may be spelt otherwise, or it has not sent a reading '
    'yet.</p><p><a href="/">See all machines →</a></p></div>'
)
_NEAR = "No score came near the limit in this stretch, so no channel stands out."


def _find(look: Snapshot, name: str) -> Device | None:
    return next((device for device in look.devices if device.device == name), None)


def _head(desk: Desk, look: Snapshot, name: str) -> Markup:
    device = _find(look, name)
    if device is None:
        return Markup("<h1>{}</h1>").format(name)
    owner = desk.rule_of(name).owner
    whose = Markup("<div><dt>Owner</dt><dd>{}</dd></div>").format(owner) if owner else ""
    score = "none yet" if finite(device.score) is None else f"{device.score:.2f} of 1.00"
    state = health(device.health, device.warm)
    rows = "not counted" if device.rows is None else f"{device.rows:,}"
    return _HEAD.format(name, state, score, moment(device.last_ns), rows, device.edge, whose)


def _ways(name: str, choice: window.Range, page: int) -> Markup:
    here = Markup(' aria-current="true"')
    each = join(
        Markup('<a href="{}?range={}&page={}"{}>{}</a>').format(
            path(name), r.key, page, here if r is choice else "", r.word
        )
        for r in window.RANGES
    )
    file = f"/api/v1/devices/{quote(name, safe='')}/export?format=csv"
    return Markup(
        '<nav class="tabs" aria-label="How much to show">{}</nav><a class="act quiet" href="{}" download data-span>{}'
        "<span>Download CSV</span></a>"
    ).format(each, file, icon("download"))


def _stretch(shown: window.Shown) -> Markup:
    ends = moment(shown.start_ns, as_="clock"), moment(shown.end_ns, as_="clock")
    span = length(shown.end_ns - shown.start_ns)
    return Markup('<span data-from="{}" data-to="{}">{} to {} ({})</span>').format(
        shown.start_ns, shown.end_ns, *ends, span
    )


def _why(shown: window.Shown) -> Markup:
    if shown.peak_score is None:
        return Markup('<p class="empty">{}</p>').format(_NEAR)
    return Markup('<p class="note">Where the score was highest: {} at {}</p>{}').format(
        number(shown.peak_score), moment(shown.peak_ns, as_="clock"), bars(shown.peak)
    )


class Charts:
    """The drawings of one client's page; made once, then only their data changes."""

    def __init__(self, desk: Desk, name: str, channels: list[str]) -> None:
        """Place them."""
        self._rule = desk.rule_of(name)
        with ui.element("div").classes("score-row"):
            with ui.element("section").classes("panel"):
                ui.html("Score", sanitize=False, tag="h2")
                self._score = self._canvas("chart tall", "Score against its limit of 1.0")
            with ui.element("section").classes("panel"):
                ui.html("What made it", sanitize=False, tag="h2")
                self._why = ui.html("", sanitize=False)
        self._signals: dict[str, ui.echart] = {}
        with ui.element("div").classes("signals"):
            for each in channels:
                with ui.element("section").classes("panel"):
                    ui.html(self._title(each), sanitize=False, tag="h2")
                    self._signals[each] = self._canvas("chart", f"Signal {each}")

    @staticmethod
    def _canvas(classes: str, label: str) -> ui.echart:
        chart = ui.echart({}).classes(classes)
        chart.props["role"], chart.props["aria-label"] = "img", label
        return chart

    def _title(self, name: str) -> Markup:
        known = channel(self._rule, name)
        limits = " · ".join(f"{k} {v:g}" for k, v in charts.levels(known).items())
        return Markup("{} <small>{}</small> <small>{}</small>").format(name, known.uom or "", limits)

    def draw(self, shown: window.Shown) -> None:
        """Show this stretch."""
        span = shown.start_ns, shown.end_ns
        _set(self._score, charts.score_chart(shown.scores, shown.spans, span))
        for name, chart in self._signals.items():
            _set(chart, charts.signal_chart(name, shown.readings, channel(self._rule, name), shown.spans, span))
        self._why.set_content(_why(shown))


def _set(chart: ui.echart, options: charts.Options) -> None:
    chart.options.clear()
    chart.options.update(options)
    chart.update()


def _pages(name: str, choice: window.Range, page: int, count: int) -> Markup:
    last = -(-count // CHANNELS)
    each = join(
        Markup('<a href="{}?range={}&page={}"{}>{} to {}</a>').format(
            path(name),
            choice.key,
            n,
            Markup(' aria-current="true"') if n == page else "",
            (n - 1) * CHANNELS + 1,
            min(n * CHANNELS, count),
        )
        for n in range(1, last + 1)
    )
    return Markup('<nav class="tabs" aria-label="Channels">Channels {}</nav>').format(each)


def _drawing(
    desk: Desk, hub: Hub, name: str, ask: tuple[window.Range, list[str]], draw: Callable[[window.Shown], None]
) -> Callable[[], Awaitable[None]]:
    busy = asyncio.Lock()

    async def drawing() -> None:
        device = _find(hub.snapshot, name)
        if device is None or busy.locked():
            return
        async with busy:
            with suppress(StoreAwayError):  # the strip says so, and what is drawn stays
                draw(await desk.ask(lambda: window.look(desk, device, *ask)))

    return drawing


def register(desk: Desk, hub: Hub) -> None:
    """Serve the page at /device/NAME, whatever the name holds."""

    @ui.page("/device/{name:path}")
    async def device(name: str, range: str = "", page: int = 1) -> None:  # noqa: A002 -- the word of the address bar
        live = frame(desk, hub, title=name, here="")
        known, choice = _find(hub.snapshot, name), window.choose(range)
        with ui.element("div").props('id="main"').classes("page"):
            if known is None:
                ui.html(_LOST.format(icon("unknown"), name), sanitize=False)
                return
            channels = list(known.channels)
            page = min(max(1, page), max(1, -(-len(channels) // CHANNELS)))
            part = channels[(page - 1) * CHANNELS : page * CHANNELS]
            live.region(lambda look: _head(desk, look, name), classes="title-row device-head")
            live.region(lambda look: _own(desk, look, name))
            with ui.element("div").classes("ways"):
                ui.html(_ways(name, choice, page), sanitize=False).classes("title-row")
                stretch = ui.html("", sanitize=False).classes("note")
            if len(channels) > CHANNELS:
                ui.html(_pages(name, choice, page, len(channels)), sanitize=False)
            drawn = Charts(desk, name, part)
            with ui.element("section").classes("panel"):
                ui.html("Alarms of this device", sanitize=False, tag="h2")
                before = await desk.ask(lambda: history(desk, name, 50))
                ui.html(before, sanitize=False)

        def draw(shown: window.Shown) -> None:
            stretch.set_content(_stretch(shown))
            drawn.draw(shown)

        ui.timer(choice.every_s, _drawing(desk, hub, name, (choice, part), draw))


def _own(desk: Desk, look: Snapshot, name: str) -> Markup:
    alarms = [alarm for alarm in look.alarms if alarm.device == name]
    return standing(desk, alarms) if alarms else Markup("")
