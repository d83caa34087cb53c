"""Champion and candidate side by side on the card of a procedure: what each would have done with the same runs."""

from collections.abc import Iterator
from urllib.parse import quote

from markupsafe import Markup

from dashboards.console.pages import bench_words as words
from dashboards.console.pages.markup import table
from models.runs.comparison import FEWEST, Comparison, Side
from models.runs.savings import LEVEL

_PART = Markup(
    '<h3>Candidate <a href="/models/{}/{}">version {}</a> beside the champion, told to nobody</h3>'
    '<p class="note">{}</p>{}'
)
_HEAD = Markup('{}<br><span class="note">version {}</span>')


def side_by_side(found: Comparison | None, currency: str) -> Markup:
    """A table of both, and what their difference is worth; nothing where no candidate is tried."""
    if found is None:
        return Markup("")
    sides = (("Champion", found.champion), ("Candidate", found.candidate))
    head = ("", *(_HEAD.format(name, side.version) for name, side in sides))
    rows = [(name, *both) for name, *both in zip(*_told(found, currency), strict=True)] if found.runs else []
    listed = table(head, rows, "No run that both were asked about was tested to the end yet.")
    version = found.candidate.version
    return _PART.format(quote(found.model, safe=""), version, version, _worth(found, currency), listed)


def _told(found: Comparison, currency: str) -> Iterator[tuple[str, ...]]:
    yield (
        "Would have stopped",
        "Good units among those",
        "False stops, of good units",
        "Bad units missed",
        "Test time that saves",
        "That saves",
    )
    for side in (found.champion, found.candidate):
        yield tuple(_figures(side, currency))


def _figures(of: Side, currency: str) -> Iterator[str]:
    yield f"{of.would:,}"
    yield f"{of.wrong.count:,} of {of.wrong.of:,}"
    yield words.rate(of.false_stop)
    yield words.rate(of.missed)
    yield words.span(of.saved_s)
    yield f"{of.saved_cost:,.0f} {currency}"


def _worth(found: Comparison, currency: str) -> str:
    if not found.runs:
        return ""
    where = {"control": "control runs", "shadow": "runs in shadow"}.get(found.measured_on, "runs in control and shadow")
    silent = f" Of {found.silent:,} of them the candidate said nothing." if found.silent else ""
    start = f"Of {found.runs:,} {where} that both were asked about, they differ on {found.differ:,}.{silent}"
    if found.more is None:
        return f"{start} That is too few to say which is better: {FEWEST} are needed."
    more = found.more
    amount = f"{more.value:,.0f} {currency} ({more.low:,.0f} to {more.high:,.0f})"
    certain = "" if more.low > 0 or more.high < 0 else ": which is better is not certain yet"
    return f"{start} The candidate would have saved {amount} more{certain}. Intervals hold {LEVEL:.0%}."
