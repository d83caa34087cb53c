"""Sparklines: a device's last half hour, asked of the store only for tiles that somebody sees."""

import time
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from functools import partial

import msgspec
from markupsafe import Markup

from dashboards.console.desk import Desk
from dashboards.console.shapes import finite
from store.port import Device, StoreAwayError
from wire.messages import NS_PER_S

SPAN_NS = 1800 * NS_PER_S
FRESH_S = 10.0
POINTS = 60
KEPT = 600  # devices whose line is kept; the one longest unseen goes first
WIDTH, HEIGHT = 120.0, 30.0


class Spark(msgspec.Struct, frozen=True):
    """A line and what it is of; `limit` where it has one."""

    of: str
    t_ns: Sequence[int]
    values: Sequence[float | None]
    limit: float | None = None


class Sparks:
    """Lines shared by all clients."""

    def __init__(self, desk: Desk) -> None:
        """None yet."""
        self._desk = desk
        self._kept: OrderedDict[str, tuple[float, Spark]] = OrderedDict()
        self._asked: set[str] = set()

    def get(self, device: str) -> Spark | None:
        """The line of a device, if it is known yet."""
        kept = self._kept.get(device)
        return kept[1] if kept else None

    async def refresh(self, devices: Iterable[Device]) -> None:
        """Ask for the lines that are missing or old, one after another."""
        for device in devices:
            name, now_s = device.device, time.monotonic()
            if name in self._asked or now_s - self._kept.get(name, (-FRESH_S,))[0] < FRESH_S:
                continue
            self._asked.add(name)
            try:
                spark = await self._desk.ask(partial(self._line, device))
            except StoreAwayError:
                return  # the strip says so, and older lines stay
            finally:
                self._asked.discard(name)
            self._kept.pop(name, None)
            self._kept[name] = time.monotonic(), spark
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)

    def _line(self, device: Device) -> Spark:
        start_ns, end_ns = device.last_ns - SPAN_NS, device.last_ns + 1
        reader = self._desk.reader
        if device.score is not None:
            found = reader.scores(device.device, start_ns=start_ns, end_ns=end_ns, points=POINTS)
            return Spark(of="score", t_ns=found.t_ns, values=found.columns.get("score", []), limit=1.0)
        if not device.channels:
            return Spark(of="", t_ns=[], values=[])
        lead = device.channels[0]
        found = reader.readings(device.device, start_ns=start_ns, end_ns=end_ns, channels=[lead], points=POINTS)
        return Spark(of=lead, t_ns=found.t_ns, values=found.columns.get(lead, []))


def draw(spark: Spark | None) -> Markup:
    """The line as SVG; an empty frame until there is one."""
    empty = Markup('<svg class="spark" viewBox="0 0 {:g} {:g}" aria-hidden="true"></svg>').format(WIDTH, HEIGHT)
    if spark is None:
        return empty
    points = [(t, v) for t, v in zip(spark.t_ns, map(finite, spark.values), strict=True) if v is not None]
    if len(points) < 2:  # noqa: PLR2004 -- a line has two ends
        return empty
    low, high = min(v for _, v in points), max(v for _, v in points)
    if spark.limit is not None:
        low, high = 0.0, max(high, spark.limit * 1.15)
    t0, span = points[0][0], max(1, points[-1][0] - points[0][0])
    scale = (HEIGHT - 3) / ((high - low) or 1.0)

    def y(value: float) -> float:
        return HEIGHT - 1.5 - (value - low) * scale

    line = " ".join(f"{(t - t0) / span * WIDTH:.1f},{y(v):.1f}" for t, v in points)
    limit = (
        Markup('<line class="limit" x1="0" x2="{:g}" y1="{:.1f}" y2="{:.1f}"/>').format(
            WIDTH, y(spark.limit), y(spark.limit)
        )
        if spark.limit is not None
        else ""
    )
    return Markup(
        '<svg class="spark" viewBox="0 0 {:g} {:g}" preserveAspectRatio="none" role="img" '
        'aria-label="{}, last half hour">'
        '{}<polyline points="{}"/></svg>'
    ).format(WIDTH, HEIGHT, spark.of, limit, line)
