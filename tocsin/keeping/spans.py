"""Which rows of a device are normal: what people said of them, and where an alarm stands that nobody judged."""

from bisect import bisect_right, insort
from collections.abc import Callable, Iterable, Sequence
from typing import Literal

import msgspec
import numpy as np

from models.arrays import I64
from tocsin.reaching.access import Rang, Said
from wire.messages import Alarm, Label

State = Alarm | Rang  # as a reader has it, or as a command is told of it
Word = Label | Said
Taken = Literal["usual", "odd", "out"]
RULE = "anomaly"  # alarms of models have this rule
OF_MACHINES = frozenset({RULE, "limit", "life", "outcome", "drift", "stuck", "range", "late"})  # rules, by first word
SAID: dict[str, Taken] = {"anomaly": "odd", "maintenance": "out", "normal": "usual"}
USUAL, ODD, OUT, NOBODY = 0, 1, 2, 3
NUMBER: dict[Taken, int] = {"usual": USUAL, "odd": ODD, "out": OUT}


class Span(msgspec.Struct, frozen=True):
    """[from_ns, to_ns] of a device, and what its rows are taken for; `label`: the id of what was said."""

    from_ns: int
    to_ns: int
    taken: Taken
    label: str = ""
    who: str = ""
    withdrawn: bool = False  # by somebody else than who made it: a training does not believe it, the gate does


def spans(
    alarms: Iterable[State], labels: Sequence[Word], *, end_ns: int, history: Callable[[str], Sequence[State]]
) -> tuple[Span, ...]:
    """Of one device, in the order in which they are laid over each other: the newest word counts.

    Rows under an alarm that nobody judged are left out: it may be true. A verdict on it decides, of the rows in which
    its condition stood: one that nobody acknowledged may have come and gone for days. Where it still stands it decides
    of what follows too, until somebody says something else. What was found of an alarm that speaks of no machine, such
    as that of a drifted model, does not say that the rows are odd or normal.
    """
    standing = [label for label in labels if label.meaning in SAID and label.withdrawn_by in {"", *_others(label)}]
    judged = {label.alarm for label in standing if not label.withdrawn_by}
    found = [
        Span(first, last, "out")
        for alarm in alarms
        if alarm.rule == RULE and alarm.id not in judged
        for first, last in stood(history(alarm.id), end_ns)
    ]
    said = sorted(standing, key=lambda each: each.at_ns)
    for label, until_ns in zip(said, _untils(said, end_ns), strict=True):
        states = history(label.alarm) if label.alarm else ()
        if says_of_rows(label.meaning, states[0].rule if states else ""):
            found += [
                Span(first, last, SAID[label.meaning], label.id, label.who, withdrawn=bool(label.withdrawn_by))
                for first, last in _parts(label, stood(states, end_ns), until_ns)
            ]
    return tuple(found)


def _untils(said: Sequence[Word], end_ns: int) -> list[int]:
    """How far each word reaches at most: to before the rows of which somebody spoke later."""
    later: list[int] = []
    found = []
    for label in reversed(said):
        after = bisect_right(later, label.from_ns)
        found.append(later[after] - 1 if after < len(later) else end_ns)
        insort(later, label.from_ns)
    return found[::-1]


def says_of_rows(meaning: str, rule: str) -> bool:
    """Whether a label does: by hand (no rule), of maintenance, or found of an alarm that speaks of a machine."""
    return not rule or meaning == "maintenance" or rule.partition(":")[0] in OF_MACHINES


def _others(label: Word) -> set[str]:
    """Who withdrew it, unless that is who made it: a person may take back a word."""
    return {label.withdrawn_by} - {label.who}


def _parts(label: Word, of_alarm: Sequence[tuple[int, int]], until_ns: int) -> list[tuple[int, int]]:
    """What a label speaks of: of an alarm, the times in which it stood, the last one to its end or `until_ns`."""
    met = [(first, last) for first, last in of_alarm if first <= label.to_ns and last >= label.from_ns]
    cut = [(max(first, label.from_ns), max(min(last, until_ns), min(last, label.to_ns))) for first, last in met]
    return cut or [(label.from_ns, label.to_ns)]


def stood(states: Sequence[State], end_ns: int) -> list[tuple[int, int]]:
    """When the condition of an alarm stood, by its states, oldest first; to the end if it still does."""
    found: list[tuple[int, int]] = []
    since: int | None = None
    for state in states:
        if state.active and since is None:
            since = state.changed_ns if found else state.onset_ns
        elif not state.active and since is not None:
            found.append((since, state.changed_ns))
            since = None
    return found if since is None else [*found, (since, max(since, end_ns))]


def painted(t_ns: I64, of: Iterable[Span]) -> I64:
    """USUAL, ODD or OUT for each row, in order of time."""
    taken = np.full(len(t_ns), USUAL, dtype=np.int64)
    for span in of:
        if not span.withdrawn:
            taken[_rows(t_ns, span)] = NUMBER[span.taken]
    return taken


def held(t_ns: I64, of: Iterable[Span]) -> I64:
    """The same as the gate believes it, NOBODY where nobody said anything: the first word, until its author changes it.

    A label that somebody else withdrew, or said the contrary of, still holds: what was trained on the new word is not
    judged by it alone.
    """
    taken = np.full(len(t_ns), NOBODY, dtype=np.int64)
    author = np.full(len(t_ns), "", dtype=object)
    for span in of:
        if span.label:
            rows = _rows(t_ns, span)
            mine = (author[rows] == "") | (author[rows] == span.who)
            taken[rows][mine], author[rows][mine] = NUMBER[span.taken], span.who
    return taken


def _rows(t_ns: I64, span: Span) -> slice:
    """Those of a span; times do not go back."""
    first, end = np.searchsorted(t_ns, [span.from_ns, span.to_ns + 1])
    return slice(int(first), int(end))


def used(t_ns: I64, of: Iterable[Span]) -> tuple[str, ...]:
    """Ids of the labels that say something of these rows."""
    if not len(t_ns):
        return ()
    first, last = int(t_ns[0]), int(t_ns[-1])
    return tuple(
        span.label for span in of if span.label and not span.withdrawn and span.to_ns >= first and span.from_ns <= last
    )
