"""What is drawn of a run: P(fails) after each step with its interval, where costs and limits said stop; or why not."""

from collections.abc import Sequence

from dashboards.console.pages.charts import GRID, INK, LINE, Options
from dashboards.console.shapes import finite
from wire.config import Procedure
from wire.messages import Advice, Run


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


def silence(run: Run, advice: Sequence[Advice], rule: Procedure) -> str:
    """Why there is nothing to draw, and what to do about it; "" where a model called the run."""
    if any(finite(one.p_fail) is not None for one in advice):
        return ""
    withheld, needed = {one.withheld for one in advice}, advice[-1].needed if advice else 0
    reasons = (
        (not advice, "No step has ended yet: a model is asked after each."),
        (not run.procedure, "No start of this run was heard, so nobody knows which procedure's model to ask."),
        (
            "off" in withheld,
            f'Advice on {run.procedure} is off: no model is asked. Set advice = "shadow" in [[procedures]].',
        ),
        ("no-model" not in withheld, "No step ended while this run went on: what comes after its end is not called."),
        (
            needed > 0,
            f"No model yet: {_failures(needed)} still needed before one is worth training; until then runs are kept.",
        ),
        (
            not rule.model,
            f"No model is named for {run.procedure}: tocsin train bench makes one, model in [[procedures]] names it.",
        ),
    )
    failed = f"Model {rule.model} did not call this run: the alarms of edge {run.edge} and the page of models say why."
    return next((why for holds, why in reasons if holds), failed)


def _failures(count: int) -> str:
    return f"{count} failure is" if count == 1 else f"{count} failures are"


def _percent(share: float | None) -> float | None:
    known = finite(share)
    return None if known is None else round(100 * known, 1)
