"""One device as a tile: grey while all is well, unmistakable when not."""

from collections.abc import Sequence

from markupsafe import Markup

from dashboards.console.pages.markup import health, join, moment, path, shape
from dashboards.console.pages.spark import Spark, draw
from dashboards.console.shapes import finite
from dashboards.console.words import PRIORITY_RANK, rule
from store.port import Device
from wire.messages import NS_PER_S, Alarm, AlarmState, Health

LIVE_NS = 5 * NS_PER_S  # seen so lately, a device is simply live
SCALE = 2.0  # score at the right end of the bar
_TILE = Markup(
    '<a class="tile {}" data-key="{}" href="{}"><span class="tile-head"><b class="name" title="{}">{}</b>{}</span>'
    '{}<span class="tile-score">{}</span><span class="tile-alarms">{}</span><span class="tile-foot">{}</span></a>'
)
_SCORE = Markup(
    '<span class="meter {}" role="meter" aria-label="Score" aria-valuemin="0" aria-valuemax="2" aria-valuenow="{:.2f}">'
    '<i style="width:{:.0f}%"></i></span><span class="figure">score {:.2f}</span>'
)


def tile(device: Device, alarms: Sequence[Alarm], spark: Spark | None, now_ns: int) -> Markup:
    """A link to the device that says how it is."""
    loudest = min((a.priority for a in alarms), key=PRIORITY_RANK.__getitem__, default=None)
    quiet = all(a.state is AlarmState.ACKNOWLEDGED for a in alarms)
    kind = f"{loudest}{' seen' if quiet else ''}" if loudest else (device.health or "unknown")
    return _TILE.format(
        kind,
        device.device,
        path(device.device),
        device.device,
        device.device,
        health(device.health, device.warm),
        draw(spark),
        _score(device),
        join(_line(alarm) for alarm in alarms[:2]) + _more(len(alarms) - 2),
        _seen(device, now_ns),
    )


def _score(device: Device) -> Markup:
    if device.score is not None and finite(device.score) is not None:
        over = "over" if device.score >= 1 else ""
        return _SCORE.format(over, device.score, min(device.score / SCALE, 1) * 100, device.score)
    if device.health is Health.LEARNING:
        share = min(max(device.warm, 0.0), 1.0) * 100
        return Markup(
            '<span class="meter warm"><i style="width:{:.0f}%"></i></span><span class="figure">no score yet</span>'
        ).format(share)
    return Markup('<span class="meter none"></span><span class="figure">no score</span>')


def _line(alarm: Alarm) -> Markup:
    filled = alarm.state is not AlarmState.ACKNOWLEDGED
    words = rule(alarm.rule)
    return Markup('<span class="line">{}<span>{}</span>{}</span>').format(
        shape(alarm.priority, filled=filled), words, moment(alarm.onset_ns, as_="span")
    )


def _more(count: int) -> Markup:
    return Markup('<span class="line more">and {} more</span>').format(count) if count > 0 else Markup("")


def _seen(device: Device, now_ns: int) -> Markup:
    if now_ns - device.last_ns < LIVE_NS:
        return Markup("live")
    return Markup("last seen {}").format(moment(device.last_ns))
