"""Test benches: procedures with what early stops saved, runs that go on with P(fail), and those that ended."""

from collections.abc import Iterable
from urllib.parse import quote

from markupsafe import Markup
from nicegui import ui

from dashboards.console.desk import Desk
from dashboards.console.hub import Hub
from dashboards.console.pages import bench_words as words
from dashboards.console.pages.comparison import side_by_side
from dashboards.console.pages.frame import frame
from dashboards.console.pages.markup import button, icon, join, moment, table
from dashboards.console.problem import Problem
from dashboards.console.procedures import Live, Procedures, Standing
from dashboards.console.words import ADVICE
from models.runs.savings import LEVEL, Amount, Rate, Savings, Stops
from store.port import Reader
from wire.messages import Run

EVERY_S = 2.0
FOUND = 50  # runs of one unit or station that are shown, the newest
_FIND = Markup(
    '<form class="follow" action="/runs" method="get" role="search"><input name="find" value="{}" '
    'aria-label="Find a unit, a run or a station" placeholder="Find a unit, a run or a station">'
    '<button type="submit">Find</button></form>'
)
_NONE = Markup(
    '<div class="blank">{}<h2>No test run yet</h2><p>A bench sends its runs by MQTT, by a serial line, or over HTTP: '
    '<code>POST /api/v1/runs</code>. Each is shown here from its first step on.</p><p><a href="/api/docs">How benches '
    "talk to Tocsin →</a></p></div>"
)
_CARD = Markup(
    '<section class="panel procedure"><div class="title-row"><h2><a href="/runs?procedure={}">{}</a></h2>{}{}</div>'
    '<dl class="facts-row">{}</dl><p class="note">{}</p>{}</section>'
)
_FACT = Markup("<div><dt>{}</dt><dd>{}</dd><dd class='note'>{}</dd></div>")


def procedures(standings: Iterable[Standing]) -> Markup:
    """A card for each procedure."""
    return join(map(_card, standings))


def _card(of: Standing) -> Markup:
    facts = join(_FACT.format(*fact) for fact in (*_runs(of), *(_told(of) if of.saved.force.told else _would(of))))
    mode = Markup('<span class="state {}">{}{}</span>').format(
        "odd" if of.mode == "on" else "calm", icon("bell" if of.mode == "on" else "silent"), ADVICE[of.mode]
    )
    beside = side_by_side(of.comparison, of.costs.currency)
    return _CARD.format(quote(of.name, safe=""), of.name, mode, _switch(of), facts, _measured(of.saved), beside)


def _switch(of: Standing) -> Markup:
    to = f"/api/v1/procedures/{quote(of.name, safe='')}/advice"
    if of.mode == "off":
        return Markup("")
    if of.mode == "on":
        said = "Benches are no more told to stop, says"
        return button("Tell benches no more", to=to, body={"on": False}, said=said)
    return button("Tell benches to stop", to=to, body={"on": True}, said="Benches are told to stop from now on, says")


def _runs(of: Standing) -> Iterable[tuple[str, str, str]]:
    states = of.saved.states
    over = states.get("pass", 0) + states.get("fail", 0)
    share = f"{states.get('pass', 0) / over:.1%}" if over else "—"
    name, version = of.model
    lacking = f"{of.needed} failures still needed" if of.needed else "enough failures to train one"
    rest = ", ".join(f"{states[each]} {each}" for each in ("running", "aborted", "broken-off") if each in states)
    yield "Runs", f"{of.saved.runs:,}", rest
    yield "Failed", f"{states.get('fail', 0):,}", f"of {over:,} tested to the end"
    yield "Yield", share, "passed of those tested to the end"
    yield "Model", f"{name} version {version}" if version else name or "none", "" if version else lacking


def _told(of: Standing) -> Iterable[tuple[str, str, str]]:
    saved, currency = of.saved.force, of.costs.currency
    ignored = f"{saved.ignored} more were told and went on" if saved.ignored else ""
    yield "Stopped on advice", f"{saved.told:,}", ignored
    yield "Test time saved", words.span(saved.saved_s), ""
    yield "Saved", _amount(saved.saved_cost, currency), "bench time and bad units, less good ones"
    known = f"{_share(saved.wrong)} of the stops of runs that were tested to the end"
    estimated = known if saved.wrong.of else "until a run that is tested to the end would have been stopped"
    yield "Good units stopped", _amount(saved.told_wrong, ""), estimated + _looked_at(saved)
    yield "False stops", words.rate(saved.false_stop), "of good units"


def _would(of: Standing) -> Iterable[tuple[str, str, str]]:
    saved, currency = of.saved.force, of.costs.currency
    yield "Would have stopped", f"{saved.would:,}", "nobody was told"
    yield "Test time that saves", words.span(saved.would_saved_s), ""
    yield "That saves", f"{saved.would_saved_cost:,.0f} {currency}" if saved.would else "—", "less good units stopped"
    yield "Good units stopped", f"{saved.wrong.count} of {saved.wrong.of}" if saved.would else "—", _share(saved.wrong)
    yield "False stops", words.rate(saved.false_stop), "of good units"


def _amount(found: Amount | None, unit: str) -> str:
    if found is None:
        return "not known yet"
    return f"{found.value:,.0f} {unit}".strip() + f" ({found.low:,.0f} to {found.high:,.0f})"


def _share(found: Rate) -> str:
    return "not known yet" if found.value is None else f"{found.low:.0%} to {found.high:.0%}"


def _looked_at(saved: Stops) -> str:
    """What people found, which says nothing of the others."""
    of = saved.looked_at
    return f"; {of.count} of {of.of} that somebody looked at" if of.of and saved.measured_on != "every run" else ""


def _measured(saved: Savings) -> str:
    of = saved.force
    others = [each for each in saved.versions if each is not of]
    mine = f"What is saved and how many stops are false is told of version {of.version} alone. " if others else ""
    if others and saved.told > of.told:
        mine += f"All versions stopped {saved.told:,} runs and saved {words.span(saved.saved_s)}. "
    if not of.false_stop.of:
        return f"{mine}No model called a good unit that was tested to the end yet: how many stops are false is unknown."
    runs = {"control": "control runs", "shadow": "runs in shadow", "every run": "runs, whose ends are nearly all known"}
    good = f"{of.false_stop.of:,} good unit{'' if of.false_stop.of == 1 else 's'}"
    where = runs.get(of.measured_on, "runs in control and shadow")
    return f"{mine}False stops are measured on {good} of {where}; intervals hold {LEVEL:.0%}."


def going(live: Iterable[Live]) -> Markup:
    """Runs that go on, a row each; what to do stands where a phone shows it."""
    head = ("Station", "Run", "Advice", "P(fails)", "After step", "Procedure", "Since")
    return table(head, map(_live_row, live), "No run goes on just now.")


def _live_row(of: Live) -> tuple[object, ...]:
    run, said = of.run, of.advice
    step = f"{said.step} ({said.done} done)" if said is not None else "none yet"
    p_fail = words.chance(said.p_fail, said.low, said.high) if said is not None else "—"
    return (
        run.station,
        _named(run),
        words.call(said),
        p_fail,
        step,
        run.procedure or "no start heard",
        moment(run.started_ns),
    )


def _named(run: Run) -> Markup:
    unit = Markup('<br><span class="note">unit {}</span>').format(run.unit) if run.unit else ""
    return Markup('<a href="{}"><b>{}</b></a>{}').format(words.path(run), run.run, unit)


def ended(runs: Iterable[Run]) -> Markup:
    """Runs that ended, newest first."""
    head = ("Run", "Outcome", "Early call", "Station", "Remarks", "Began", "Tested for")
    return table(head, map(_ended_row, runs), "No run has ended yet.")


def _ended_row(run: Run) -> tuple[object, ...]:
    early = f"stopped after {run.stopped_at}" if run.stopped_at else ""
    if run.would_stop_at and not run.stopped_at:
        early = f"would have stopped after {run.would_stop_at}"
    remarks = ", ".join(run.remarks[:2]) + (f" and {len(run.remarks) - 2} more" if len(run.remarks) > 2 else "")  # noqa: PLR2004 -- two fit
    took = words.span(max(0, (run.ended_ns or run.changed_ns) - run.started_ns) / 1e9)
    return _named(run), words.state(run), early, run.station, remarks, moment(run.started_ns, as_="clock"), took


def shown(known: Procedures, procedure: str) -> Markup:
    """The whole page, or one procedure's part of it; blocking."""
    mine = [one for one in known.all() if procedure in {"", one.name}]
    runs = [run for run in known.ended() if procedure in {"", run.procedure}]
    live = [one for one in known.live() if procedure in {"", one.run.procedure}]
    if procedure and not mine:
        raise Problem(404, f"There is no procedure {procedure!r}.")
    if not (mine or runs or live):
        return _NONE.format(icon("bench"))
    part = Markup('<section class="panel"><h2>{}</h2>{}</section>')
    now, before = part.format("On the benches now", going(live)), part.format("Ended last", ended(runs))
    return join([procedures(mine), now, before])


def found(reader: Reader, name: str) -> Markup:
    """The newest runs of a unit, on a station, or of that very name; blocking."""
    runs = {(run.edge, run.run): run for run in reader.runs(unit=name, limit=FOUND, rows=False)}
    named = reader.run("", name)
    runs |= {(named.edge, named.run): named} if named is not None else {}
    runs = runs or {(run.edge, run.run): run for run in reader.runs(station=name, limit=FOUND, rows=False)}
    head = ("Run", "Outcome", "Early call", "Station", "Remarks", "Began", "Tested for")
    rows = table(head, map(_ended_row, runs.values()), f"No unit, run or station is called {name}.")
    return Markup('<section class="panel"><h2>Runs of {}</h2>{}</section>').format(name, rows)


def register(desk: Desk, hub: Hub) -> None:
    """Serve the page at /runs."""

    @ui.page("/runs")
    async def runs(procedure: str = "", find: str = "") -> None:
        live = frame(desk, hub, title="Runs", here="/runs")

        async def ask() -> Markup:
            try:
                return await desk.ask(lambda: shown(desk.procedures, procedure))
            except Problem as problem:
                lost = Markup('<div class="blank">{}<h2>{}</h2><p><a href="/runs">See all procedures →</a></p></div>')
                return lost.format(icon("unknown"), problem.title)

        with ui.element("div").props('id="main"').classes("page"):
            ui.html(Markup("<h1>{}</h1>").format(procedure or "Test benches"), sanitize=False).classes("title-row")
            ui.html(_FIND.format(find.strip()), sanitize=False)
            if name := find.strip():
                ui.html(await desk.ask(lambda: found(desk.reader, name)), sanitize=False)
            else:
                await live.follow(ask, every_s=EVERY_S)
