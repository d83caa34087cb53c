"""Runs and advice in words and signs, for the pages about test benches."""

from urllib.parse import quote

from markupsafe import Markup

from dashboards.console.moments import length
from dashboards.console.pages.markup import icon
from dashboards.console.shapes import finite
from dashboards.console.words import RUNS, WITHHELD
from models.runs.savings import Rate
from wire.messages import NS_PER_S, Advice, Run

_ICONS = {"running": "running", "pass": "ok", "fail": "warn", "aborted": "stop", "broken-off": "unknown"}
_STATE = Markup('<span class="state {}">{}{}</span>')


def path(run: Run) -> str:
    """Where the page of a run is."""
    return f"/runs/{quote(run.edge, safe='')}/{quote(run.run, safe='')}"


def state(run: Run) -> Markup:
    """How a run stands."""
    kind = "odd" if run.state in {"fail", "broken-off"} else "calm"
    words = RUNS[run.state]
    if run.state == "aborted" and run.stopped_at:
        words = "Stopped on advice"
    return _STATE.format(kind, icon(_ICONS[run.state]), words)


def chance(p_fail: float | None, low: float | None, high: float | None) -> str:
    """P(fail) with its interval.

    >>> chance(0.125, 0.05, 0.31), chance(None, None, None)
    ('12 % (5 to 31 %)', '—')
    """
    if finite(p_fail) is None or p_fail is None:
        return "—"
    around = f" ({100 * low:.0f} to {100 * high:.0f} %)" if low is not None and high is not None else ""
    return f"{100 * p_fail:.0f} %{around}"


def rate(found: Rate) -> str:
    """A share with its interval."""
    return "—" if found.value is None else f"{found.value:.1%} ({found.low:.1%} to {found.high:.1%})"


def call(advice: Advice | None) -> Markup:
    """What a bench was told, or would have been."""
    if advice is None:
        return Markup('<span class="note">no step ended yet</span>')
    if advice.stop:
        return _STATE.format("odd", icon("stop"), "Stop")
    if advice.would_stop:
        words = f"Would stop; {WITHHELD.get(advice.withheld, advice.withheld)}"
        return _STATE.format("odd", icon("stop"), words)
    if advice.withheld == "no-model":
        needed = f"no model yet: {advice.needed} failures still needed" if advice.needed else "no model yet"
        return _STATE.format("calm", icon("learning"), needed)
    return _STATE.format("calm", icon("running"), "Go on")


def span(seconds: float) -> str:
    """A stretch of testing.

    >>> span(0.0), span(5400.0)
    ('none', '1 h 30 min')
    """
    return length(seconds * NS_PER_S) if seconds else "none"
