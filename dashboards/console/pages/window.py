"""What a device's page shows of it: the stretch of time, the series of it, and when alarms stood."""

from collections.abc import Sequence

import msgspec

from dashboards.console.desk import Desk
from dashboards.console.pages.charts import Span
from store.port import Device, Series
from wire.messages import NS_PER_S, Alarm

POINTS = 500
SPANS = 40


class Range(msgspec.Struct, frozen=True):
    """A choice of how much to see, and how often it is drawn anew."""

    key: str
    word: str
    span_ns: int
    every_s: float


RANGES = (
    Range("live", "Live", 60 * NS_PER_S, 1.0),
    Range("5m", "5 min", 300 * NS_PER_S, 2.0),
    Range("1h", "1 h", 3600 * NS_PER_S, 10.0),
    Range("8h", "8 h", 8 * 3600 * NS_PER_S, 30.0),
    Range("1d", "1 d", 86400 * NS_PER_S, 60.0),
    Range("7d", "7 d", 7 * 86400 * NS_PER_S, 60.0),
)


class Shown(msgspec.Struct, frozen=True):
    """Everything a device's page draws."""

    device: Device
    start_ns: int
    end_ns: int
    readings: Series
    scores: Series
    spans: Sequence[Span]
    peak: dict[str, float]  # contributions where the score was highest
    peak_score: float | None
    peak_ns: int


def choose(key: str) -> Range:
    """The range of that name; 5 minutes for any other."""
    return next((choice for choice in RANGES if choice.key == key), RANGES[1])


def stretch(device: Device, choice: Range, now_ns: int) -> tuple[int, int]:
    """Up to now, recorded data up to its newest row; a young device from its first row on."""
    live = 0 <= now_ns - device.last_ns < choice.span_ns
    end_ns = now_ns if live else device.last_ns + 1
    return min(max(end_ns - choice.span_ns, device.first_ns), end_ns - NS_PER_S), end_ns


def look(desk: Desk, device: Device, choice: Range, channels: Sequence[str]) -> Shown:
    """Ask the store for all that the page shows; blocking."""
    start_ns, end_ns = stretch(device, choice, desk.now_ns())
    reader, name = desk.reader, device.device
    empty = Series(t_ns=[], columns={})
    readings = (
        reader.readings(name, start_ns=start_ns, end_ns=end_ns, channels=channels, points=POINTS) if channels else empty
    )
    scores = reader.scores(name, start_ns=start_ns, end_ns=end_ns, points=POINTS)
    alarms = [a for a in reader.alarms(device=name, since_ns=start_ns, limit=SPANS) if a.onset_ns < end_ns]
    spans = [_span(desk, alarm, end_ns) for alarm in alarms]
    peak, peak_score, peak_ns = _peak(scores)
    return Shown(
        device=device,
        start_ns=start_ns,
        end_ns=end_ns,
        readings=readings,
        scores=scores,
        spans=[span for span in spans if span.to_ns > start_ns],
        peak=peak,
        peak_score=peak_score,
        peak_ns=peak_ns,
    )


def _span(desk: Desk, alarm: Alarm, end_ns: int) -> Span:
    if alarm.active:
        return Span(alarm=alarm, from_ns=alarm.onset_ns, to_ns=end_ns)
    # The acknowledgement of what is gone comes later than its end: look for the change that ended it.
    ended = (s.changed_ns for s in desk.reader.history(alarm.id) if not s.active and s.onset_ns == alarm.onset_ns)
    return Span(alarm=alarm, from_ns=alarm.onset_ns, to_ns=next(ended, alarm.changed_ns))


def _peak(scores: Series) -> tuple[dict[str, float], float | None, int]:
    column = scores.columns.get("score", [])
    names = [name for name in scores.columns if name != "score"]
    best, at = None, -1
    for i, value in enumerate(column):
        known = any(scores.columns[name][i] is not None for name in names)
        if value is not None and known and (best is None or value > best):
            best, at = value, i
    if at < 0:
        return {}, None, 0
    parts = {name: v for name in names if (v := scores.columns[name][at]) is not None}
    return parts, best, scores.t_ns[at]
