"""Which rows of a device are normal: what people said of them, and where an alarm stands that nobody judged."""

from collections.abc import Callable, Iterable, Sequence
from typing import Literal

import msgspec
import numpy as np

from models.arrays import I64
from wire.messages import Alarm, Label

Taken = Literal["usual", "odd", "out"]
RULE = "anomaly"  # alarms of models have this rule
SAID: dict[str, Taken] = {"anomaly": "odd", "maintenance": "out", "normal": "usual"}
USUAL, ODD, OUT = 0, 1, 2
NUMBER: dict[Taken, int] = {"usual": USUAL, "odd": ODD, "out": OUT}


class Span(msgspec.Struct, frozen=True):
    """[from_ns, to_ns] of a device, and what its rows are taken for; `label`: the id of what was said."""

    from_ns: int
    to_ns: int
    taken: Taken
    label: str = ""


def spans(
    alarms: Iterable[Alarm], labels: Sequence[Label], *, end_ns: int, history: Callable[[str], Sequence[Alarm]]
) -> tuple[Span, ...]:
    """Of one device, in the order in which they are laid over each other: the newest word counts.

    Rows under an alarm that nobody judged are left out: it may be true. A verdict on it decides.
    """
    judged = {label.alarm for label in labels}
    open_ = [
        Span(alarm.onset_ns, _end_ns(alarm, history, end_ns), "out")
        for alarm in alarms
        if alarm.rule == RULE and alarm.id not in judged
    ]
    said = [
        Span(label.from_ns, label.to_ns, SAID[label.meaning], label.id)
        for label in sorted(labels, key=lambda label: label.at_ns)
        if label.meaning in SAID and not label.withdrawn_by
    ]
    return (*open_, *said)


def painted(t_ns: I64, of: Iterable[Span]) -> I64:
    """USUAL, ODD or OUT for each row."""
    taken = np.full(len(t_ns), USUAL, dtype=np.int64)
    for span in of:
        taken[(t_ns >= span.from_ns) & (t_ns <= span.to_ns)] = NUMBER[span.taken]
    return taken


def used(t_ns: I64, of: Iterable[Span]) -> tuple[str, ...]:
    """Ids of the labels that say something of these rows."""
    if not len(t_ns):
        return ()
    first, last = int(t_ns[0]), int(t_ns[-1])
    return tuple(span.label for span in of if span.label and span.to_ns >= first and span.from_ns <= last)


def _end_ns(alarm: Alarm, history: Callable[[str], Sequence[Alarm]], end_ns: int) -> int:
    """When its condition ended; it may have been acknowledged after."""
    if alarm.active:
        return end_ns
    ended = [state.changed_ns for state in history(alarm.id) if not state.active]
    return min(ended, default=alarm.changed_ns)
