"""What a run measured: the values that stand, each with its unit and limits; knows no page."""

import math
from collections.abc import Iterator, Mapping, Sequence

import msgspec
from pydantic import BaseModel

from dashboards.console.shapes import finite
from models.runs.row import MARGIN, cells, is_margin, is_seconds, margin, step_of
from wire.messages import Measured, Run


class Measurement(msgspec.Struct, frozen=True):
    """One value; `room` is how far it is inside its limits, below 0 outside, None without any."""

    step: str
    name: str
    value: float | str | bool
    uom: str = ""
    low: float | None = None
    high: float | None = None
    room: float | None = None


class MeasurementOut(BaseModel):
    """A value that stands, with its limits; `margin` is how far inside them, of their width, below 0 outside."""

    step: str
    name: str
    value: float | bool | str | None
    uom: str
    low: float | None
    high: float | None
    margin: float | None


def measurements(run: Run, said: Sequence[Measured]) -> list[Measurement]:
    """The value of each measurement that stands, by steps, by what benches said under the name of this run.

    Of a run that is over its row says which value that is; what is not in there, such as what came from another
    station, is not its own. While it goes on the last word stands.
    """
    mine = [event for event in said if event.station in {"", run.station}]
    columns: dict[str, list[Measured]] = {}
    for event in mine:
        for column in list(cells(event))[:1]:
            columns.setdefault(column, []).append(event)
    if run.state == "running":
        found = [_of(events[-1]) for events in columns.values()]
    else:
        found = list(_rowed(run.row, columns))
    texts = {(event.step, event.name): _of(event) for event in mine if isinstance(event.value, str)}
    order = {step.name: place for place, step in enumerate(run.steps)}
    return sorted([*found, *texts.values()], key=lambda one: order.get(one.step, len(order)))


def measurement_out(one: Measurement) -> MeasurementOut:
    """A measurement, without what JSON knows not."""
    value = finite(one.value) if isinstance(one.value, float) else one.value
    low, high, room = finite(one.low), finite(one.high), finite(one.room)
    return MeasurementOut(step=one.step, name=one.name, value=value, uom=one.uom, low=low, high=high, margin=room)


def _rowed(row: Mapping[str, float], columns: Mapping[str, Sequence[Measured]]) -> Iterator[Measurement]:
    for column, value in row.items():
        if is_margin(column) or is_seconds(column):
            continue
        same = [event for event in columns.get(column, ()) if _alike(cells(event)[column], value)]
        if same:
            yield msgspec.structs.replace(_of(same[-1]), room=row.get(column + MARGIN))
        else:
            yield Measurement(step_of(column), column.partition("/")[2], value, room=row.get(column + MARGIN))


def _of(event: Measured) -> Measurement:
    room = None if isinstance(event.value, str) else margin(float(event.value), event.low, event.high)
    return Measurement(event.step, event.name, event.value, event.uom, event.low, event.high, room)


def _alike(one: float, other: float) -> bool:
    return one == other or (math.isnan(one) and math.isnan(other))
