"""What stands around every page: title bar, ways to go, the alarm strip; and regions that follow the hub."""

import json
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress

from markupsafe import Markup
from nicegui import ui

from dashboards.console.desk import Desk
from dashboards.console.hub import Hub
from dashboards.console.pages.markup import icon, join, shape
from dashboards.console.snapshot import Snapshot
from store.port import StoreAwayError
from wire.messages import AlarmState, Priority

TICK_S = 0.5
_WAYS = (
    ("/", "fleet", "Fleet"),
    ("/alarms", "bell", "Alarms"),
    ("/runs", "bench", "Runs"),
    ("/models", "model", "Models"),
    ("/catalogue", "data", "Data"),
    ("/health", "pipe", "Pipeline"),
)
_HEAD = (
    '<link rel="stylesheet" href="/assets/tocsin.css"><script src="/assets/morph.js"></script>'
    '<script src="/assets/tocsin.js" defer></script>'
)
_BAR = Markup(
    '<a class="skip" href="#main">Skip to content</a><div class="bar">'
    '<a class="brand" href="/">{}<span>Tocsin</span></a><span class="site">{}</span><nav aria-label="Pages">{}</nav>'
    '<div class="tools"><button type="button" data-do="who" title="Name of who acts">{}<span data-who>Your name'
    '</span></button><button type="button" data-do="sound" aria-pressed="false" title="Sound when an alarm comes">'
    '{}<span class="wide">Sound off</span></button><button type="button" data-do="theme" title="Light or dark">{}'
    '<span class="hide">Light or dark</span></button><span class="clock" data-clock></span></div></div>'
)
_WAY = Markup('<a href="{}"{}>{}<span>{}</span>{}</a>')
_WAITING = {AlarmState.UNACKNOWLEDGED, AlarmState.RETURNED}


class Live:
    """Regions of one client's page; each is sent again only when it reads differently."""

    def __init__(self, hub: Hub) -> None:
        """Follow a hub from the next tick on."""
        self._hub = hub
        self._regions: list[tuple[ui.html, Callable[[Snapshot], Markup], list[Markup]]] = []
        self._seen: Snapshot | None = None
        ui.timer(TICK_S, self.refresh)

    def region(self, render: Callable[[Snapshot], Markup], *, tag: str = "div", classes: str = "") -> ui.html:
        """A piece of the page made from the snapshot."""
        first = render(self._hub.snapshot)
        element = ui.html(first, sanitize=False, tag=tag).classes(classes)
        self._regions.append((element, render, [first]))
        return element

    async def follow(self, ask: Callable[[], Awaitable[Markup]], *, every_s: float, classes: str = "") -> None:
        """A piece of the page that is asked for every so often; what was shown stays while the store is away."""
        shown = [await ask()]
        element = ui.html(shown[0], sanitize=False).classes(classes)

        async def again() -> None:
            with suppress(StoreAwayError):  # the strip says so
                content = await ask()
                if content != shown[0]:
                    shown[0] = content
                    element.client.run_javascript(f"tocsin.show({element.id}, {_quoted(content)})")

        ui.timer(every_s, again)

    def refresh(self, *, force: bool = False) -> None:
        """Bring the page up to the hub's latest look."""
        if self._hub.snapshot is self._seen and not force:
            return
        self._seen = self._hub.snapshot
        for element, render, shown in self._regions:
            content = render(self._seen)
            if content != shown[0]:
                shown[0] = content
                element.client.run_javascript(f"tocsin.show({element.id}, {_quoted(content)})")


def _quoted(content: str) -> str:
    # JSON is JavaScript but for these two separators and the end of a script element.
    return json.dumps(content).replace("\u2028", "\\u2028").replace("\u2029", "\\u2029").replace("</", "<\\/")


def frame(desk: Desk, hub: Hub, *, title: str, here: str) -> Live:
    """Put the bar, the strip and the notices on the page; what follows goes under them."""
    ui.page_title(f"{title} · {desk.site} · Tocsin")
    ui.add_head_html(f'<meta name="tocsin-now" content="{desk.now_ns() // 1_000_000}">{_HEAD}')
    live = Live(hub)
    live.region(lambda look: _bar(desk.site, look, here), tag="header")
    live.region(_strip, classes="strips")
    return live


def _bar(site: str, look: Snapshot, here: str) -> Markup:
    waiting = sum(alarm.state in _WAITING for alarm in look.alarms)
    badge = Markup('<b class="badge" aria-label="{} waiting">{}</b>').format(waiting, waiting) if waiting else ""
    ways = join(
        _WAY.format(
            to, Markup(' aria-current="page"') if to == here else "", icon(i), word, badge if i == "bell" else ""
        )
        for to, i, word in _WAYS
    )
    return _BAR.format(icon("bell"), site, ways, icon("person"), icon("sound"), icon("theme"))


def _strip(look: Snapshot) -> Markup:
    waiting = [alarm for alarm in look.alarms if alarm.state in _WAITING]
    ids = " ".join(f"{alarm.id}" for alarm in waiting if alarm.state is AlarmState.UNACKNOWLEDGED)
    parts = [Markup('<i hidden data-ringing="{}"></i>').format(ids)]
    if look.error:
        parts.append(
            Markup('<p class="strip fault" role="alert">{}<span>{} What you see may be old.</span></p>').format(
                icon("warn"), look.error
            )
        )
    elif look.status.stalled:
        parts.append(
            Markup('<p class="strip fault" role="alert">{}<span>{}</span></p>').format(
                icon("warn"), look.status.stalled
            )
        )
    if waiting:
        count = Counter(alarm.priority for alarm in waiting)
        each = join(Markup("<span>{}<b>{}</b> {}</span>").format(shape(p), count[p], p) for p in Priority if count[p])
        worst = next(p for p in Priority if count[p])
        parts.append(
            Markup(
                '<a class="strip {}" href="/alarms" role="status">{}<span class="go">{} to acknowledge →</span></a>'
            ).format(worst, each, "Alarm" if len(waiting) == 1 else "Alarms")
        )
    return join(parts)
