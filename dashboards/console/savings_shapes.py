"""The JSON shapes of what early stops saved by version, and of champion and candidate side by side."""

from typing import TYPE_CHECKING

import msgspec
from pydantic import BaseModel, Field

if TYPE_CHECKING:  # numbers: an edge that takes runs over HTTP loads none
    from models.runs.comparison import Comparison
    from models.runs.savings import Stops


class RateOut(BaseModel):
    """A share with its exact 95 % interval."""

    count: int
    of: int
    value: float | None
    low: float
    high: float


class AmountOut(BaseModel):
    """An estimate with its 95 % interval."""

    value: float
    low: float
    high: float


class StopsOut(BaseModel):
    """What is known of the early stops of one version of a model; versions are never counted together."""

    model: str
    model_version: int
    called: int = Field(description="runs that it called last")
    told: int = Field(description="runs that were stopped")
    ignored: int = Field(description="runs of which the bench was told to stop, and went on")
    saved_s: float
    saved_cost: AmountOut | None
    told_wrong: AmountOut | None = Field(description="good units among those stopped, as control and shadow runs tell")
    looked_at: RateOut = Field(description="good units among told stops whose end was found out; who is, is no chance")
    would: int = Field(description="runs tested to the end that costs and limits would have stopped")
    would_saved_s: float
    would_saved_cost: float
    wrong: RateOut = Field(description="good units among would-be stops")
    false_stop: RateOut = Field(description="would-be stops among good units")
    measured_on: str = Field(description="the runs that false_stop is of: shadow, control, both, or every run")


class SideOut(BaseModel):
    """What one of the two would have done with these runs."""

    version: int
    would: int = Field(description="runs that it would have stopped")
    wrong: RateOut = Field(description="good units among its stops")
    false_stop: RateOut = Field(description="its stops among good units")
    missed: RateOut = Field(description="bad units that it would have let go on, of all bad ones")
    saved_s: float
    saved_cost: float


class ComparisonOut(BaseModel):
    """Both versions on the runs that both were asked about and that were tested to the end whatever was thought."""

    model: str
    runs: int
    silent: int = Field(description="runs of which the candidate said nothing")
    differ: int = Field(description="runs that only one would have stopped, or each after another step")
    champion: SideOut
    candidate: SideOut
    more: AmountOut | None = Field(description="what the candidate saves more; null while they differ on few runs")
    measured_on: str = Field(description="the runs that this is of: shadow, control, or both")


def stops_out(found: "Stops") -> StopsOut:
    """What is known of a version's stops as JSON."""
    told = {"model_version" if name == "version" else name: what for name, what in msgspec.to_builtins(found).items()}
    return StopsOut.model_validate(told)


def comparison_out(found: "Comparison | None") -> ComparisonOut | None:
    """Champion and candidate as JSON; null where no candidate is tried."""
    return None if found is None else ComparisonOut.model_validate(msgspec.to_builtins(found))
