"""ECharts options for a device: score and signals; pure data, and no text from the plant becomes HTML or code."""

from collections.abc import Mapping, Sequence

import msgspec

from dashboards.console.shapes import finite
from store.port import Series
from wire.config import Channel
from wire.messages import Alarm, Priority

Options = dict[str, object]
INK, GRID, LINE = "#828c98", "rgba(130,140,152,.22)", "#4f86b0"
SHADES = {
    Priority.CRITICAL: "rgba(200,30,40,.13)",
    Priority.HIGH: "rgba(225,110,10,.13)",
    Priority.MEDIUM: "rgba(205,160,0,.13)",
    Priority.LOW: "rgba(80,110,200,.12)",
}
LIMIT_INK = {"HH": "#c81e28", "H": "#d96a0b", "L": "#d96a0b", "LL": "#c81e28"}


class Span(msgspec.Struct, frozen=True):
    """When an alarm stood."""

    alarm: Alarm
    from_ns: int
    to_ns: int


def _pairs(series: Series, name: str) -> list[list[float | None]]:
    # Milliseconds with a fraction keep rows apart that lie within one.
    return [[t / 1e6, finite(v)] for t, v in zip(series.t_ns, series.columns.get(name, ()), strict=False)]


def _shades(spans: Sequence[Span]) -> Options:
    data = [
        [
            {"xAxis": span.from_ns / 1e6, "itemStyle": {"color": SHADES[span.alarm.priority]}},
            {"xAxis": span.to_ns / 1e6},
        ]
        for span in spans
    ]
    return {"silent": True, "animation": False, "data": data}


def _lines(levels: Mapping[str, float], ink: Mapping[str, str]) -> Options:
    data = [
        {
            "yAxis": value,
            "lineStyle": {"color": ink[name], "type": "dashed", "width": 1.5},
            "label": {"formatter": name, "color": ink[name], "position": "insideStartTop", "fontWeight": "bold"},
        }
        for name, value in levels.items()
    ]
    return {"silent": True, "symbol": "none", "animation": False, "data": data}


def _chart(
    name: str, data: list[list[float | None]], window: tuple[int, int], *, shades: Options, lines: Options, area: bool
) -> Options:
    return {
        "animation": False,
        "grid": {"left": 52, "right": 14, "top": 10, "bottom": 24},
        "tooltip": {"trigger": "axis", "renderMode": "richText", "confine": True, "axisPointer": {"type": "cross"}},
        "xAxis": {
            "type": "time",
            "min": window[0] / 1e6,
            "max": window[1] / 1e6,
            "axisLabel": {"color": INK, "hideOverlap": True},
            "axisLine": {"lineStyle": {"color": GRID}},
            "splitLine": {"show": False},
        },
        "yAxis": {
            "type": "value",
            "scale": True,
            "splitNumber": 3,
            "axisLabel": {"color": INK},
            "splitLine": {"lineStyle": {"color": GRID}},
        },
        "series": [
            {
                "name": name,
                "type": "line",
                "data": data,
                "showSymbol": len(data) < 2,  # noqa: PLR2004 -- one point alone draws no line
                "lineStyle": {"width": 1.5, "color": LINE},
                "itemStyle": {"color": LINE},
                "areaStyle": {"opacity": 0.10} if area else None,
                "markArea": shades,
                "markLine": lines,
            }
        ],
    }


def score_chart(scores: Series, spans: Sequence[Span], window: tuple[int, int]) -> Options:
    """The score against its limit of 1.0."""
    data = _pairs(scores, "score")
    top = max((v for _, v in data if v is not None), default=0.0)
    lines = _lines({"limit": 1.0}, {"limit": "#c81e28"})
    options = _chart("score", data, window, shades=_shades(spans), lines=lines, area=True)
    axis = {"type": "value", "min": 0, "max": round(max(1.25, top * 1.1), 2), "splitNumber": 3}
    return options | {
        "yAxis": axis
        | {"axisLabel": {"color": INK, "showMaxLabel": False}, "splitLine": {"lineStyle": {"color": GRID}}}
    }


def levels(known: Channel) -> dict[str, float]:
    """The static limits of a channel that are set."""
    limits = known.limits
    found = {"HH": limits.HH, "H": limits.H, "L": limits.L, "LL": limits.LL} if limits else {}
    return {name: value for name, value in found.items() if value is not None}


def signal_chart(
    name: str, readings: Series, known: Channel, spans: Sequence[Span], window: tuple[int, int]
) -> Options:
    """One channel with its limits, as far as they lie near the signal."""
    data = _pairs(readings, name)
    values = [v for _, v in data if v is not None]
    low, high = min(values, default=0.0), max(values, default=1.0)
    reach = (high - low) or abs(high) or 1.0
    near = {k: v for k, v in levels(known).items() if low - reach <= v <= high + reach}
    own = [span for span in spans if span.alarm.channel in {"", name}]
    options = _chart(name, data, window, shades=_shades(own), lines=_lines(near, LIMIT_INK), area=False)
    if near:
        pad = reach * 0.08
        axis = {"min": round(min(low, *near.values()) - pad, 6), "max": round(max(high, *near.values()) + pad, 6)}
        options["yAxis"] = {
            "type": "value",
            "splitNumber": 3,
            "axisLabel": {"color": INK, "showMinLabel": False, "showMaxLabel": False},
            "splitLine": {"lineStyle": {"color": GRID}},
        } | axis
    return options
