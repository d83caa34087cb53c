"""One run: its steps with values against limits, what was thought after each, remarks, and labels."""

from collections.abc import Sequence
from urllib.parse import quote

import msgspec
from markupsafe import Markup, escape
from nicegui import ui

from dashboards.console.desk import Desk
from dashboards.console.hub import Hub
from dashboards.console.measurements import Measurement, measurements
from dashboards.console.pages import bench_words as words
from dashboards.console.pages.bars import bars
from dashboards.console.pages.charts import Options
from dashboards.console.pages.frame import frame
from dashboards.console.pages.markup import button, icon, join, moment, number, table
from dashboards.console.pages.run_chart import run_chart, silence
from dashboards.console.runs import ROLES
from dashboards.console.shapes import finite
from dashboards.console.words import MEANINGS
from wire.config import Procedure
from wire.messages import Advice, Label, Run, Step

EVERY_S = 2.0
_HEAD = Markup('<h1>{}</h1>{}<dl class="inline">{}</dl>')
_FACT = Markup("<div><dt>{}</dt><dd>{}</dd></div>")
_LOST = Markup('<div class="blank">{}<h2>There is no run “{}”</h2><p><a href="/runs">See all runs →</a></p></div>')
_PANEL = Markup('<section class="panel"><h2>{}</h2>{}</section>')
_VALUE = Markup('<span class="measured {}"><b>{}</b> {} <span class="note">{}</span>{}</span>')
_ROOMS = Markup(
    '<p class="note">A bar is the room to the nearer limit: empty at the limit, full in the middle of both.</p>'
)
_TRIED = Markup("{}<br>{}")
_VERSION = Markup('<br><span class="note">version {}</span>')
_ROOM = Markup('<span class="meter room" title="{}"><i style="width:{:.0f}%"></i></span>')


class Whole(msgspec.Struct, frozen=True):
    """A run with all that is known of it, and what the config says of its procedure."""

    run: Run
    advice: Sequence[Advice]
    tried: Sequence[Advice]  # what a candidate thought
    labels: Sequence[Label]
    measured: Sequence[Measurement]
    rule: Procedure


def whole(desk: Desk, edge: str, name: str) -> Whole | None:
    """Ask the store for all of it; blocking."""
    run = desk.reader.run(edge, name)
    if run is None:
        return None
    labels = [label for label in desk.reader.labels(run=name, withdrawn=True) if label.edge == run.edge]
    measured = measurements(run, desk.reader.measured(run.edge, name))
    champion, candidate = (desk.reader.advice(run.edge, name, role) for role in ROLES)
    return Whole(run, champion, candidate, labels, measured, desk.procedure_of(run.procedure))


def head(of: Whole) -> Markup:
    """What it is and how it stands."""
    run = of.run
    pairs: tuple[tuple[str, object], ...] = (
        ("Unit", run.unit),
        ("Procedure", f"{run.procedure} {run.version}".strip()),
        ("Station", run.station),
        ("Operator", run.operator),
        ("Retest of", run.retest_of),
        ("Began", moment(run.started_ns, as_="clock")),
        ("Ended", moment(run.ended_ns, as_="clock") if run.ended_ns else ""),
        ("Model", f"{run.model} version {run.model_version}" if run.model else ""),
        ("Control run", "always tested to the end" if run.control else ""),
        ("Edge", run.edge),
    )
    return _HEAD.format(run.run, words.state(run), join(_FACT.format(*pair) for pair in pairs if pair[1]))


def body(of: Whole) -> Markup:
    """Everything under the chart."""
    last = of.advice[-1] if of.advice else None
    because = bars(last.because) if last is not None and last.because else Markup("")
    said = Markup('<p class="call">{}</p><p class="note">{}</p>{}').format(words.call(last), _worth(of), because)
    parts = [_PANEL.format("Newest call", said)]
    if of.run.remarks:
        lines = join(Markup("<li>{}</li>").format(remark) for remark in of.run.remarks)
        parts.append(_PANEL.format("Out of the ordinary", Markup('<ul class="notes">{}</ul>').format(lines)))
    parts.append(_PANEL.format("Steps", steps(of)))
    parts.append(_PANEL.format("Labels", labels(of)))
    return join(parts)


def _worth(of: Whole) -> str:
    run = of.run
    if run.stopped_at:
        told = f"The bench was told to stop after {run.stopped_at}, which saves {words.span(run.saved_s or 0.0)}."
        return told + _tried(run)
    if run.would_stop_at:
        saved = words.span(run.saved_s or 0.0)
        said = f"Costs and limits said stop after {run.would_stop_at}, which would have saved {saved}; it was not told."
        return said + _tried(run)
    return _tried(run).lstrip()


def _tried(run: Run) -> str:
    """What a candidate would have done."""
    if run.candidate is None:
        return ""
    stop, saved = run.candidate.would_stop_at, words.span(run.candidate.saved_s or 0.0)
    would = (
        f"would have stopped it after {stop}, which would have saved {saved}" if stop else "would not have stopped it"
    )
    return f" Candidate version {run.candidate.version} {would}; nobody was told."


def steps(of: Whole) -> Markup:
    """A row a step: how long, what was measured against its limits, and what was thought then."""
    said = {advice.step: advice for advice in of.advice}
    values: dict[str, list[Markup]] = {}
    for one in of.measured:
        values.setdefault(one.step, []).append(_measured(one))
    rows = [_step_row(step, values.get(step.name, []), said.get(step.name)) for step in of.run.steps]
    head: tuple[str, ...] = ("Step", "Took", "Measured", "P(fails)", "Advice")
    if of.tried:
        tried, versions = {advice.step: advice for advice in of.tried}, {each.model_version for each in of.tried}
        cells = [_tried_cell(tried.get(step.name), several=len(versions) > 1) for step in of.run.steps]
        rows = [(*row, cell) for row, cell in zip(rows, cells, strict=True)]
        head = (*head, "Candidate says" if len(versions) > 1 else f"Candidate {versions.pop()} says")
    listed = table(head, rows, "No step has ended yet.")
    return (_ROOMS if values else Markup("")) + listed


def _step_row(step: Step, values: Sequence[Markup], advice: Advice | None) -> tuple[object, ...]:
    took = "" if step.ended_ns else "not ended"
    if step.duration_s is not None:
        took = f"{step.duration_s:.1f}\N{NO-BREAK SPACE}s"
    measured: object = join(values) if values else f"{step.measured} values" if step.measured else ""
    p_fail = words.chance(advice.p_fail, advice.low, advice.high) if advice is not None else ""
    return step.name, took, measured, p_fail, words.call(advice) if advice is not None else ""


def _tried_cell(advice: Advice | None, *, several: bool) -> Markup:
    """What a candidate said, which nobody was told; which one, where there were several."""
    if advice is None:
        return Markup("")
    p_fail = words.chance(advice.p_fail, advice.low, advice.high)
    said = _TRIED.format(p_fail, words.call(advice))
    return said + (_VERSION.format(advice.model_version) if several else "")


def _measured(one: Measurement) -> Markup:
    """A value with its unit, its limits, and its room to the nearer of them: none at it, half in the middle."""
    value, limits = _shown(one.value, one.uom), _limits(one)
    if finite(one.room) is None or one.room is None:
        return _VALUE.format("", one.name, value, limits or "no limits", "")
    if one.room < 0:
        return _VALUE.format("odd", one.name, value, limits, Markup("{}out of limits").format(icon("warn")))
    title = f"{100 * one.room:.0f} % of the width between its limits away from the nearer"
    return _VALUE.format("", one.name, value, limits, _ROOM.format(title, min(100.0, 200 * one.room)))


def _shown(value: float | str | bool, uom: str) -> str:  # noqa: FBT001 -- one of the kinds of a value
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value if isinstance(value, str) else number(finite(value), uom)


def _limits(one: Measurement) -> str:
    low, high = finite(one.low), finite(one.high)
    if low is not None and high is not None:
        return f"{number(low)} to {number(high)}"
    if low is not None:
        return f"at least {number(low)}"
    return "" if high is None else f"at most {number(high)}"


def labels(of: Whole) -> Markup:
    """Who said what of this run, and buttons to say more or take it back."""
    rows = [
        (
            MEANINGS[label.meaning],
            label.who,
            moment(label.at_ns, as_="clock"),
            label.comment,
            f"taken back by {label.withdrawn_by}: {label.withdrawn_why}" if label.withdrawn_by else _back(label),
        )
        for label in of.labels
    ]
    said = table(("Label", "By", "When", "Comment", ""), rows, "Nobody has said anything of this run yet.")
    run = of.run
    more = join(
        button(
            text,
            to="/api/v1/labels",
            body={"run": run.run, "edge": run.edge, "meaning": meaning},
            said=f"{text}, says",
            ask="Why? It is kept beside the label",
            field="comment",
        )
        for meaning, text in (("pass", "This unit was good"), ("fail", "This unit was bad"))
    )
    return Markup('{}<p class="found">{}</p>').format(said, more) if run.state != "running" else said


def _back(label: Label) -> Markup:
    return button(
        "Take back",
        to=f"/api/v1/labels/{quote(label.id, safe='')}/withdraw",
        body={},
        said="Taken back by",
        ask="Why? It is kept beside the label",
        field="why",
    )


def register(desk: Desk, hub: Hub) -> None:
    """Serve the page at /runs/EDGE/RUN, whatever the run is called."""

    @ui.page("/runs/{edge}/{run:path}")
    async def one(edge: str, run: str) -> None:
        live = frame(desk, hub, title=run, here="/runs")
        found = await desk.ask(lambda: whole(desk, edge, run))
        with ui.element("div").props('id="main"').classes("page"):
            if found is None:
                ui.html(_LOST.format(icon("unknown"), run), sanitize=False)
                return

            newest = [found]

            async def heading() -> Markup:
                return head(newest[0])

            await live.follow(heading, every_s=EVERY_S, classes="title-row device-head")
            with ui.element("section").classes("panel"):
                ui.html("P(fails) after each step, with its interval", sanitize=False, tag="h2")
                chart = ui.echart({}).classes("chart tall")
                chart.props["role"], chart.props["aria-label"] = (
                    "img",
                    "P(fails) after each step; the table has the figures",
                )
                reason = ui.html("", sanitize=False, tag="p").classes("empty")
            drawn: list[Options] = []

            async def rest() -> Markup:
                now = await desk.ask(lambda: whole(desk, edge, run))
                newest[0] = now if now is not None else newest[0]
                why = silence(newest[0].run, newest[0].advice, newest[0].rule)
                reason.set_content(str(escape(why)))
                reason.set_visibility(bool(why))
                chart.set_visibility(not why)
                options = run_chart(newest[0].advice)
                if not drawn or drawn[0] != options:
                    drawn[:] = [options]
                    chart.options.clear()
                    chart.options.update(options)
                    chart.update()
                return body(newest[0])

            await live.follow(rest, every_s=EVERY_S)
