"""What operators found behind alarms: buttons to say so, and what was said before."""

from collections.abc import Iterable, Mapping
from urllib.parse import quote

from markupsafe import Markup

from dashboards.console.pages.markup import button, icon, join
from dashboards.console.words import MEANINGS
from wire.messages import Alarm, Label

FINDINGS = {"true": "True alarm", "false-alarm": "False alarm", "maintenance": "Maintenance done"}
_ASK = "Comment, if you like"
_ROW = Markup('<p class="found" data-found><span>What was it?</span>{}</p>')
_SAID = Markup('<p class="found"><span class="state">{}{}, says {}</span> <span class="note">{}</span></p>')


def buttons(alarm: Alarm) -> Markup:
    """The three things that an alarm may turn out to be."""
    to = f"/api/v1/alarms/{quote(alarm.id, safe='')}/verdict"
    return _ROW.format(
        join(
            button(words, to=to, body={"finding": finding}, said=f"{words}, says", ask=_ASK, field="comment")
            for finding, words in FINDINGS.items()
        )
    )


def judged(labels: Iterable[Label]) -> Mapping[str, Label]:
    """The newest verdict on each alarm, by its id."""
    found: dict[str, Label] = {}
    for label in sorted(labels, key=lambda label: label.at_ns):
        if label.alarm:
            found[label.alarm] = label
    return found


def found(alarm: Alarm, verdicts: Mapping[str, Label]) -> Markup:
    """What was found behind an alarm, or the buttons to say it."""
    label = verdicts.get(alarm.id)
    if label is None:
        return buttons(alarm)
    return _SAID.format(icon("person"), MEANINGS[label.meaning], label.who, label.comment)
