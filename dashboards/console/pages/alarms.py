"""The alarm list: what needs a person first, with what to do about it in plain sight."""

from collections.abc import Iterable, Mapping

from markupsafe import Markup
from nicegui import ui

from dashboards.console.desk import Desk
from dashboards.console.hub import Hub
from dashboards.console.pages.bars import bars
from dashboards.console.pages.frame import frame
from dashboards.console.pages.markup import icon, join, moment, number, place, shape, state, table
from dashboards.console.pages.verdicts import buttons, judged
from dashboards.console.pages.verdicts import found as verdict
from dashboards.console.snapshot import Snapshot
from dashboards.console.words import rule
from wire.config import channel
from wire.messages import Alarm, AlarmState, Label

SHOWN = 200
PAST = 300
LABELS = 2000  # among which the verdicts on alarms that are shown are looked for
_LEARNT = {"anomaly", "drift"}  # rules of what was learnt: a person may say that this is normal now
_OPEN = {AlarmState.UNACKNOWLEDGED, AlarmState.RETURNED}
_CALM = Markup(
    '<div class="blank calm">{}<h2>No alarm</h2><p>Nothing needs you just now. A new alarm appears here by itself.</p>'
    '<p><a href="/alarms?tab=history">See what happened before →</a></p></div>'
)
_ALARM = Markup(
    '<article class="alarm {} {}" data-key="{}" data-alarm="{}" data-open="{}" tabindex="0" aria-label="{}">'
    '<div class="alarm-head">{}<b class="alarm-rule">{}</b>{}{}'
    '<span class="alarm-since">{}<small>{}</small></span>{}</div>'
    '<div class="alarm-body"><p class="summary">{}</p>{}{}{}</div></article>'
)
_KEYS = Markup('<p class="keys" aria-hidden="true"><kbd>↑</kbd><kbd>↓</kbd> choose <kbd>a</kbd> acknowledge</p>')
_BUTTON = Markup(
    '<button type="button" class="act" data-do="acknowledge" title="Key: a">{}<span>Acknowledge</span></button>'
)
_FORM = Markup('<p class="why"><label>Comment, if you like <input type="text" maxlength="2000" data-why></label>{}</p>')
_NORMAL = Markup('<button type="button" class="act quiet" data-do="accept-normal">Accept as the new normal</button>')


def card(desk: Desk, alarm: Alarm) -> Markup:
    """An alarm that stands, with its cause, consequence and response."""
    waits = alarm.state in _OPEN
    filled = alarm.state is not AlarmState.ACKNOWLEDGED
    words = rule(alarm.rule)
    return _ALARM.format(
        alarm.priority,
        "waiting" if waits else "seen",
        alarm.id,
        alarm.id,
        "1" if waits else "",
        f"{alarm.priority} priority: {words} on {alarm.device or alarm.edge}",
        shape(alarm.priority, filled=filled),
        words,
        place(alarm),
        state(alarm),
        moment(alarm.onset_ns),
        moment(alarm.onset_ns, as_="clock"),
        _BUTTON.format(icon("person")) if waits else Markup("<span></span>"),
        alarm.summary,
        _facts(desk, alarm),
        _FORM.format(_NORMAL if alarm.rule in _LEARNT else "") if waits else Markup(""),
        buttons(alarm),
    )


def _facts(desk: Desk, alarm: Alarm) -> Markup:
    uom = channel(desk.rule_of(alarm.device), alarm.channel).uom or "" if alarm.channel else ""
    value = (
        f"{alarm.channel or 'score'} {number(alarm.value, uom)} against a limit of {number(alarm.limit, uom)}"
        if alarm.value is not None
        else ""
    )
    by = f"{alarm.who}{': ' + alarm.why if alarm.why else ''}" if alarm.who else ""
    pairs = (
        ("Do", alarm.response),
        ("Cause", alarm.cause),
        ("If nothing is done", alarm.consequence),
        ("Value", value),
        ("Model", f"{alarm.model} version {alarm.model_version}" if alarm.model else ""),
        ("Taken by", by),
    )
    said = join(Markup("<dt>{}</dt><dd>{}</dd>").format(k, v) for k, v in pairs if v)
    shares = Markup("<dt>Because of</dt><dd>{}</dd>").format(bars(alarm.contributions)) if alarm.contributions else ""
    return Markup('<dl class="facts-list">{}{}</dl>').format(said, shares)


def standing(desk: Desk, alarms: Iterable[Alarm]) -> Markup:
    """Alarms that stand, or calm."""
    cards = [card(desk, alarm) for alarm in alarms]
    if not cards:
        return _CALM.format(icon("ok"))
    rest = len(cards) - SHOWN
    more = Markup('<p class="empty">and {} more; acknowledge some to see them</p>').format(rest) if rest > 0 else ""
    return Markup('<div class="alarm-list" data-alarms>{}</div>{}').format(join(cards[:SHOWN]), more)


def _past_row(alarm: Alarm, verdicts: Mapping[str, Label]) -> tuple[object, ...]:
    filled = alarm.state in _OPEN
    by = f"{alarm.who}{': ' + alarm.why if alarm.why else ''}"
    words = Markup('<span class="happened"><b>{}</b><br>{}</span>').format(rule(alarm.rule), alarm.summary)
    onset, changed = moment(alarm.onset_ns, as_="clock"), moment(alarm.changed_ns, as_="clock")
    mark = shape(alarm.priority, filled=filled)
    return mark, words, place(alarm), state(alarm), onset, changed, by, verdict(alarm, verdicts)


def past(alarms: Iterable[Alarm], labels: Iterable[Label]) -> Markup:
    """What happened, newest change first, and what was found behind it."""
    head, verdicts = ("", "Alarm", "Device", "State", "Began", "Last change", "Taken by", "Found"), judged(labels)
    return table(head, (_past_row(alarm, verdicts) for alarm in alarms), "No alarm has ever rung here.")


def history(desk: Desk, device: str = "", limit: int = PAST) -> Markup:
    """The same, asked of the store; blocking."""
    return past(desk.reader.alarms(device=device, limit=limit), desk.reader.labels(device=device, limit=LABELS))


def register(desk: Desk, hub: Hub) -> None:
    """Serve the page at /alarms."""

    @ui.page("/alarms")
    async def alarms(tab: str = "") -> None:
        is_history = tab == "history"
        live = frame(desk, hub, title="Alarms", here="/alarms")
        before = await desk.ask(lambda: history(desk)) if is_history else Markup("")
        with ui.element("div").props('id="main"').classes("page"):
            ui.html(_tabs(history=is_history), sanitize=False).classes("title-row")
            if is_history:
                with ui.element("section").classes("panel"):
                    ui.html(before, sanitize=False)
            else:
                live.region(lambda look: _now(desk, look))


def _tabs(*, history: bool) -> Markup:
    here = Markup(' aria-current="page"')
    return Markup(
        '<h1>Alarms</h1><nav class="tabs" aria-label="Alarms"><a href="/alarms"{}>Now</a>'
        '<a href="/alarms?tab=history"{}>History</a></nav>{}'
    ).format("" if history else here, here if history else "", "" if history else _KEYS)


def _now(desk: Desk, look: Snapshot) -> Markup:
    return standing(desk, look.alarms)
