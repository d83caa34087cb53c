"""ECharts options for a run: P(fails) after each step with its interval, and where costs and limits said stop."""

from collections.abc import Sequence

from dashboards.console.pages.charts import GRID, INK, LINE, Options
from dashboards.console.shapes import finite
from wire.messages import Advice


def run_chart(advice: Sequence[Advice]) -> Options:
    """Steps from left to right; a square marks where costs and limits said stop."""
    steps = [one.step for one in advice]
    middle = [_percent(one.p_fail) for one in advice]
    low = [_percent(one.low) for one in advice]
    reach = [
        None if a is None or b is None else b - a for a, b in zip(low, [_percent(x.high) for x in advice], strict=True)
    ]
    stops = [
        {"coord": [place, middle[place]], "symbol": "rect", "symbolSize": 12, "itemStyle": {"color": "#c81e28"}}
        for place, one in enumerate(advice)
        if one.would_stop and middle[place] is not None
    ]
    band = {"type": "line", "stack": "interval", "symbol": "none", "lineStyle": {"opacity": 0}, "silent": True}
    return {
        "animation": False,
        "grid": {"left": 52, "right": 14, "top": 14, "bottom": 46},
        "tooltip": {"trigger": "axis", "renderMode": "richText", "confine": True},
        "xAxis": {
            "type": "category",
            "data": steps,
            "axisLabel": {"color": INK, "hideOverlap": True, "rotate": 30},
            "axisLine": {"lineStyle": {"color": GRID}},
        },
        "yAxis": {
            "type": "value",
            "min": 0,
            "max": 100,
            "axisLabel": {"color": INK, "formatter": "{value} %"},
            "splitLine": {"lineStyle": {"color": GRID}},
        },
        "series": [
            {**band, "name": "from", "data": low},
            {**band, "name": "width", "data": reach, "areaStyle": {"color": LINE, "opacity": 0.18}},
            {
                "name": "P(fails) %",
                "type": "line",
                "data": middle,
                "symbolSize": 5,
                "lineStyle": {"width": 2, "color": LINE},
                "itemStyle": {"color": LINE},
                "markPoint": {"silent": True, "animation": False, "data": stops, "label": {"show": False}},
            },
        ],
    }


def _percent(share: float | None) -> float | None:
    known = finite(share)
    return None if known is None else round(100 * known, 1)
