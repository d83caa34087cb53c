"""The pipeline: sources, room, losses, counts and clock; says whether anything was lost, and where."""

from markupsafe import Markup
from nicegui import ui

from dashboards.console.desk import Desk
from dashboards.console.hub import Hub
from dashboards.console.moments import length
from dashboards.console.pages.frame import frame
from dashboards.console.pages.markup import icon, join, moment, source, table
from dashboards.console.snapshot import Snapshot, imbalance
from store.port import Accounts
from wire.messages import DeadLetter, Gap

ROOM_LOW_H = 2.0
LAG_HIGH_S = 10.0
BODY_SHOWN = 120
_NOTHING = "Nothing has come in yet."
_CARD = Markup('<section class="fact {}"><h2>{}</h2><p class="big">{}{}</p><p>{}</p></section>')


def _card(title: str, figure: str, note: str, *, odd: bool = False) -> Markup:
    return _CARD.format("odd" if odd else "", title, icon("warn") if odd else "", figure, note)


def facts(look: Snapshot) -> Markup:
    """The figures that tell at a glance whether the pipeline gets on."""
    status, rate = look.status, look.rows_per_s
    stored = sum(account.stored for account in look.accounts)
    off = [said for account in look.accounts if (said := imbalance(account))]
    room = status.log_room_h
    lag = status.lag_s
    behind = _card(
        "Behind",
        "unknown" if lag is None else f"{lag:.1f} s",
        "between an input and its place in the store",
        odd=lag is not None and lag > LAG_HIGH_S,
    )
    cards = [
        _card("Stored", f"{stored:,} rows", f"{rate:,.1f} rows/s just now" if rate is not None else "no rate yet"),
        _card(
            "Room in the log",
            "unknown" if room is None else (f"{room:,.0f} h" if room < 1000 else f"{room / 24:,.0f} days"),  # noqa: PLR2004 -- six weeks
            "until the oldest input gives way, at the present rate",
            odd=room is not None and room < ROOM_LOW_H,
        ),
        behind,
        _card(
            "Accounts",
            ("They add up" if not off else "They do not add up") if look.accounts else "nothing yet",
            "every input is stored, a dead letter or a stated duplicate" if not off else "; ".join(off),
            odd=bool(off),
        ),
    ]
    notes = join(Markup("<li>{}</li>").format(note) for note in status.notes)
    return Markup('<div class="facts">{}</div>{}').format(
        behind if status.fleet else join(cards), Markup('<ul class="notes">{}</ul>').format(notes) if notes else ""
    )


def _sources(look: Snapshot) -> Markup:
    rows = [
        (state.source, edge, source(state.state), state.detail, moment(state.t_ns) if state.t_ns else "")
        for edge, state in look.sources
    ]
    empty = "No source yet: name one under [[edge.sources]] in its tocsin.toml, then start it again."
    return table(("Source", "Edge", "State", "What it says", "Since"), rows, empty)


def _account_row(account: Accounts) -> tuple[object, ...]:
    off = imbalance(account)
    word = Markup('<span class="state {}">{}{}</span>').format(
        "odd" if off else "calm", icon("warn" if off else "ok"), off or "adds up"
    )
    counts = (account.rows, account.stored, account.retained_away, account.scored, account.late)
    losses = (account.duplicates, account.redelivered, account.dead, account.gaps)
    return account.edge, *(f"{n:,}" for n in (*counts, *losses)), word


def _accounts(look: Snapshot) -> Markup:
    empty = "A fleet's rows are counted in its archive: tocsin archive --check." if look.status.fleet else _NOTHING
    head = ("Edge", "Rows in", "Stored", "Aged out", "Scored", "Late", "Duplicates", "Redelivered", "Dead", "Gaps", "")
    return table(head, map(_account_row, look.accounts), empty)


def _gap_row(edge: str, gap: Gap) -> tuple[object, ...]:
    rows = f"{gap.rows:,}" if gap.rows >= 0 else "unknown"
    who = "all devices" if gap.device == "*" else gap.device
    return moment(gap.from_ns, as_="clock"), length(gap.to_ns - gap.from_ns), who, gap.source or edge, rows, gap.reason


def _gaps(look: Snapshot) -> Markup:
    head = ("From", "Length", "Device", "Where", "Rows", "Why")
    return table(head, (_gap_row(edge, gap) for edge, gap in look.gaps), "No gap: nothing is known to be lost.")


def _dead_row(letter: DeadLetter) -> tuple[object, ...]:
    body = letter.body[:BODY_SHOWN].decode("utf-8", "backslashreplace")
    when = moment(letter.t_ns, as_="clock") if letter.t_ns else ""
    return (
        when,
        letter.source,
        letter.device,
        f"{letter.count:,}",
        letter.reason,
        Markup("<code>{}</code>").format(body),
    )


def _dead(look: Snapshot) -> Markup:
    head = ("When", "Source", "Device", "Inputs", "Why", "The first of them")
    return table(head, map(_dead_row, look.dead), "No dead letter: every input could be read.")


_CLOCK = Markup("<p data-clock-check>The clocks of Tocsin and of this browser are being compared.</p>")


def register(desk: Desk, hub: Hub) -> None:
    """Serve the page at /health."""

    @ui.page("/health")
    def health() -> None:
        live = frame(desk, hub, title="Pipeline", here="/health")
        with ui.element("div").props('id="main"').classes("page"):
            ui.html("Pipeline", sanitize=False, tag="h1")
            live.region(facts)
            for title, render in (
                ("Sources", _sources),
                ("Accounts", _accounts),
                ("Gaps", _gaps),
                ("Dead letters", _dead),
            ):
                with ui.element("section").classes("panel"):
                    ui.html(title, sanitize=False, tag="h2")
                    live.region(render)
            with ui.element("section").classes("panel"):
                ui.html("Clock", sanitize=False, tag="h2")
                ui.html(_CLOCK, sanitize=False)
