"""Small pieces of HTML that every page uses; whatever is put into them is escaped by MarkupSafe."""

import json
from collections.abc import Iterable, Mapping
from urllib.parse import quote

from markupsafe import Markup

from dashboards.console.moments import iso
from dashboards.console.words import HEALTH, STATES
from wire.messages import Alarm, AlarmState, Health, Priority, SourceStatus

_PATHS = {
    "bell": "M6 17h12l-1.5-2.2V10a4.5 4.5 0 0 0-9 0v4.8zM10 20h4",
    "fleet": "M4 4h7v7H4zM13 4h7v7h-7zM4 13h7v7H4zM13 13h7v7h-7z",
    "pipe": "M3 12h4l2.5-6 4 12 2.5-6H21",
    "data": "M5 6a7 3 0 1 0 14 0 7 3 0 1 0-14 0M5 6v12a7 3 0 0 0 14 0V6M5 12a7 3 0 0 0 14 0",
    "model": "M4 19c4 0 4-14 8-14s4 14 8 14M3 13h18",
    "running": "M8 5.5v13l10.5-6.5z",
    "learning": "M12 4a8 8 0 1 1-8 8M12 8v4l3 2",
    "off": "M12 4v8M7.5 7a7 7 0 1 0 9 0",
    "silent": "M4 4l16 16M9 9a4 4 0 0 0 5.9 5.4M5.5 12a8 8 0 0 1 1.4-3.6M17 15.5A8 8 0 0 0 18.5 12",
    "unknown": "M9 9a3 3 0 1 1 4.5 2.600c-1 .6-1.5 1.2-1.5 2.400M12 17.500v.5",
    "ok": "M5 12.500l4.5 4.500L19 7.5",
    "warn": "M12 4l9 16H3zM12 10v5M12 17.500v.5",
    "download": "M12 4v11M7.5 11l4.5 4.5 4.5-4.500M5 20h14",
    "sound": "M4 9.500v5h3.500L12 18V6L7.5 9.500zM15.5 9a4 4 0 0 1 0 6M18 6.500a8 8 0 0 1 0 11",
    "theme": "M12 4a8 8 0 1 0 0 16zM12 4a8 8 0 0 1 0 16",
    "person": "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4.5 20c1-4 4-5.5 7.5-5.500s6.5 1.5 7.5 5.5",
    "retry": "M5 12a7 7 0 0 1 12-5l2 2M19 4v5h-5M19 12a7 7 0 0 1-12 5l-2-2M5 20v-5h5",
    "stop": "M6 6h12v12H6z",
    "bench": "M3 9h18M5 9v10M19 9v10M8 9V5h8v4M9 14h6",
}
# ISA-101: each priority has its own shape, so that no one needs to see its colour.
_SHAPES = {
    Priority.CRITICAL: "M8 2h8l6 6v8l-6 6H8l-6-6V8z",
    Priority.HIGH: "M12 2l11 20H1z",
    Priority.MEDIUM: "M12 1l11 11-11 11L1 12z",
    Priority.LOW: "M12 2a10 10 0 1 0 0 20 10 10 0 0 0 0-20z",
}
_SHAPE_MARK = {Priority.CRITICAL: "1", Priority.HIGH: "2", Priority.MEDIUM: "3", Priority.LOW: "4"}
_SOURCES = {
    SourceStatus.CONNECTED: "ok",
    SourceStatus.STARTING: "learning",
    SourceStatus.RETRYING: "retry",
    SourceStatus.FAILED: "warn",
    SourceStatus.ENDED: "stop",
    SourceStatus.STOPPED: "stop",
}
_ICON = Markup('<svg class="icon" viewBox="0 0 24 24" aria-hidden="true"><path d="{}"/></svg>')
_SHAPE = Markup(
    '<svg class="shape {} {}" viewBox="0 0 24 24" role="img" aria-label="{} priority">'
    '<path d="{}"/><text x="12" y="17">{}</text></svg>'
)
_TIME = Markup('<time datetime="{}" data-ms="{}" data-as="{}"></time>')

_POST = Markup(
    '<button type="button" class="act quiet" data-do="post" data-to="{}" data-body="{}" data-said="{}" data-ask="{}" '
    'data-field="{}">{}</button>'
)


def icon(name: str) -> Markup:
    """A line icon, always beside a word."""
    return _ICON.format(_PATHS[name])


def shape(priority: Priority, *, filled: bool = True) -> Markup:
    """A priority's shape and number; an outline once somebody has taken note."""
    mark = _SHAPE_MARK[priority]
    fill = "filled" if filled else "outlined"
    return _SHAPE.format(priority, fill, priority.capitalize(), _SHAPES[priority], mark)


def moment(t_ns: int, *, as_: str = "age") -> Markup:
    """A time that the browser shows as an age that ticks ("span": without "ago"), or in local time ("clock")."""
    return _TIME.format(iso(t_ns), t_ns // 1_000_000, as_)


def health(state: Health | None, warm: float) -> Markup:
    """Icon and word; learning says how far it is."""
    word = HEALTH[state] + (f" {warm:.0%}" if state is Health.LEARNING else "")
    return Markup('<span class="health {}">{}{}</span>').format(state or "unknown", icon(state or "unknown"), word)


def source(state: SourceStatus) -> Markup:
    """Icon and word of what a source is doing."""
    kind = "calm" if state in {SourceStatus.CONNECTED, SourceStatus.ENDED, SourceStatus.STOPPED} else "odd"
    return Markup('<span class="state {}">{}{}</span>').format(kind, icon(_SOURCES[state]), state.capitalize())


def place(alarm: Alarm) -> Markup:
    """Where an alarm rings: a link to the device, or the edge's name when it is of a whole edge."""
    if alarm.device in {"", "*"}:
        return Markup('<span class="alarm-device">edge {}</span>').format(alarm.edge)
    return Markup('<a class="alarm-device" href="{}">{}</a>').format(path(alarm.device), alarm.device)


def state(alarm: Alarm) -> Markup:
    """What an alarm waits for, in words."""
    words = STATES[alarm.state]
    if alarm.state is AlarmState.ACKNOWLEDGED and alarm.who:
        words = f"Acknowledged by {alarm.who}, still there"
    name = {AlarmState.ACKNOWLEDGED: "person", AlarmState.NORMAL: "ok"}.get(alarm.state, "bell")
    return Markup('<span class="alarm-state">{}{}</span>').format(icon(name), words)


def path(device: str) -> str:
    """Where a device's page is, whatever it is called."""
    return f"/device/{quote(device, safe='')}"


def number(value: float | None, uom: str = "") -> str:
    """A reading as a person would write it down.

    >>> number(0.123456), number(None), number(1234567.0, "Pa")
    ('0.1235', '—', '1.235e+06 Pa')
    """
    return "—" if value is None else f"{value:.4g} {uom}".strip()


def button(words: str, *, to: str, body: Mapping[str, object], said: str, ask: str = "", field: str = "") -> Markup:
    """A button that posts in the name of who presses it; `ask` is asked first, and the answer sent as `field`."""
    return _POST.format(to, json.dumps(body), said, ask, field, words)


def join(parts: Iterable[Markup]) -> Markup:
    """Pieces one after another."""
    return Markup("").join(parts)


def table(head: Iterable[str], rows: Iterable[Iterable[object]], empty: str) -> Markup:
    """A plain table that a phone may scroll, or a sentence when there is nothing in it."""
    lines = [join(Markup("<td>{}</td>").format(cell) for cell in row) for row in rows]
    if not lines:
        return Markup('<p class="empty">{}</p>').format(empty)
    names = join(Markup('<th scope="col">{}</th>').format(name) for name in head)
    body = join(Markup("<tr>{}</tr>").format(line) for line in lines)
    return Markup(
        '<div class="scroll" tabindex="0"><table><thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>'
    ).format(names, body)
