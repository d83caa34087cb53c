"""The wide row of a run: `STEP/NAME`, `STEP/NAME.margin`, `STEP/.seconds`; no other place knows how they are spelt."""

import math
from collections.abc import Iterable, Mapping

from wire.readings import Measured, StepEnded

KEYS = ("run", "unit", "procedure", "version", "station", "time", "outcome", "control", "stopped_at", "weight")
MARGIN = ".margin"
SECONDS = ".seconds"


def cells(event: Measured) -> dict[str, float]:
    """The columns that one measurement fills, none for text; laid over a row, the last measurement stands.

    >>> cells(Measured(run="r1", step="S07", name="torque", value=9.0, low=5.0, high=10.0))
    {'S07/torque': 9.0, 'S07/torque.margin': 0.2}
    """
    if isinstance(event.value, str):
        return {}
    value = float(event.value)
    value = value if math.isfinite(value) else math.nan
    column = f"{_step(event.step)}/{_name(event.name)}"
    room = margin(value, event.low, event.high)
    return {column: value} | ({} if room is None else {column + MARGIN: room})


def took(step: str, seconds: float) -> dict[str, float]:
    """The column of how long a step took.

    >>> took("S07", 2.5)
    {'S07/.seconds': 2.5}
    """
    return {f"{_step(step)}/{SECONDS}": seconds if math.isfinite(seconds) else math.nan}


def values(events: Iterable[Measured | StepEnded]) -> dict[str, float]:
    """The row that events of one run come to, in their order; durations are those that the bench says."""
    row: dict[str, float] = {}
    for event in events:
        if isinstance(event, Measured):
            row |= cells(event)
        elif event.duration_s is not None:
            row |= took(event.step, event.duration_s)
    return row


def margin(value: float, low: float | None, high: float | None) -> float | None:
    """How far a value is inside its limits, below 0 outside: of their width, of the size of a single one.

    Not finite counts as no limit; None where there is none.

    >>> margin(12.0, 0.0, 10.0), margin(12.0, None, 10.0), margin(12.0, None, None)
    (-0.2, -0.2, None)
    """
    low = low if low is not None and math.isfinite(low) else None
    high = high if high is not None and math.isfinite(high) else None
    if low is not None and high is not None:
        return min(value - low, high - value) / (high - low if high > low else abs(low) or 1.0)
    if low is not None:
        return (value - low) / (abs(low) or 1.0)
    if high is not None:
        return (high - value) / (abs(high) or 1.0)
    return None


def step_of(column: str) -> str:
    """The step that fills a column; a column of another kind of table has none, "".

    >>> step_of("S07/torque.margin"), step_of("s017")
    ('S07', '')
    """
    step, slash, _ = column.partition("/")
    return step.replace("%2F", "/").replace("%25", "%") if slash else ""


def is_margin(column: str) -> bool:
    """Whether it says how far a measurement is inside its limits."""
    return "/" in column and column.endswith(MARGIN)


def is_seconds(column: str) -> bool:
    """Whether it says how long a step took."""
    return column.endswith(f"/{SECONDS}")


def layout(rows: Iterable[Iterable[str]], steps: Iterable[str] = ()) -> tuple[str, ...]:
    """The columns of a table of many rows in the order of measurement: by step (planned ones first in their order).

    What only some rows have stands behind what it follows there; the time that a step took ends it.

    >>> layout([["A/x", "C/x"], ["A/x", "A/y", "B/x", "C/x"]])
    ('A/x', 'A/y', 'B/x', 'C/x')
    """
    order = list(dict.fromkeys(map(_step, steps)))
    columns: dict[str, list[str]] = {step: [] for step in order}
    for row in rows:
        mine: dict[str, list[str]] = {}
        for column in row:
            mine.setdefault(column.partition("/")[0], []).append(column)
        _merge(order, mine)
        for step, own in mine.items():
            _merge(columns.setdefault(step, []), own)
    return tuple(column for step in order for column in sorted(columns[step], key=is_seconds))


def _merge(order: list[str], seen: Iterable[str]) -> None:
    """Put each that is not in the order behind the one that it was seen after."""
    known = set(order)
    before = ""
    for each in seen:
        if each not in known:
            order.insert(order.index(before) + 1 if before else 0 if order else len(order), each)
            known.add(each)
        before = each


def row_of(values: Mapping[str, float], columns: Iterable[str]) -> list[float]:
    """A row in the order of a layout; NaN where it was not measured.

    >>> row_of({"A/y": 2.0}, ("A/x", "A/y"))
    [nan, 2.0]
    """
    return [values.get(column, math.nan) for column in columns]


def _step(step: str) -> str:
    """A step's name without the slash that would end it."""
    return step.replace("%", "%25").replace("/", "%2F")


def _name(name: str) -> str:
    """A measurement's name that cannot be taken for a margin or a time taken."""
    name = name.replace("%2", "%252")
    if name.startswith("."):
        name = f"%2E{name[1:]}"
    return f"{name[: -len(MARGIN)]}%2E{MARGIN[1:]}" if name.endswith(MARGIN) else name
