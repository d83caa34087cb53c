"""The JSON shapes of test benches: what they send, what they are answered, and runs and procedures as shown."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from dashboards.console.bench_fields import Name, Number, Time, Value, Word
from dashboards.console.label_shapes import LabelOut, label_out
from dashboards.console.measurements import Measurement, MeasurementOut, measurement_out
from dashboards.console.moments import iso
from dashboards.console.savings_shapes import ComparisonOut, StopsOut
from dashboards.console.shapes import finite
from wire.answer import answer, is_silent
from wire.messages import Advice, Label, Role, Run

Seconds = Annotated[Number, Field(ge=0, le=1e9)]
MEASUREMENTS = 1000  # in one step
_ALSO_SAID = frozenset({"event", "run", "step"})  # by a bench that sends what it says over MQTT: the path says it here


class Said(BaseModel):
    """What a bench says; a field that is not known is refused, since what it holds would be lost without a word."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _known(cls, said: object) -> object:
        if not isinstance(said, dict):
            return said
        return {name: value for name, value in said.items() if name not in _ALSO_SAID or name in cls.model_fields}


class RunIn(Said):
    """A unit begins a procedure on a station."""

    run: Name = Field(description="a name that no other run of this edge has")
    unit: Name
    procedure: Name
    version: Word = ""
    station: Name
    operator: Word = ""
    retest_of: Word = Field(default="", description="the run that this one repeats")
    steps: list[Name] = Field(default=[], max_length=MEASUREMENTS, description="those planned, in order")
    time: Time = ""


class MeasurementIn(Said):
    """One measurement, with its limits where it has any."""

    name: Name
    value: Value = Field(description="a finite number, true or false, or a text")
    uom: Word = ""
    low: Number | None = None
    high: Number | None = None


class StepIn(Said):
    """A step is over: what was measured in it, and how long it took."""

    measurements: list[MeasurementIn] = Field(default=[], max_length=MEASUREMENTS)
    duration_s: Seconds | None = None
    station: Word = ""
    time: Time = ""


class EndIn(Said):
    """A run is over."""

    outcome: Literal["pass", "fail", "aborted"]
    station: Word = ""
    time: Time = ""


class TakenOut(BaseModel):
    """What was sent is on disk."""

    run: str
    durable: bool = True


class StepOut(BaseModel):
    """The advice after a step; `advice` is null where none came in time: then go on."""

    run: str
    step: str
    durable: bool = True
    stop: bool = Field(description="what to do; false unless the advice says stop")
    advice: Literal["stop", "go on"] | None
    p_fail: float | None = Field(default=None, description="that the run fails; null without a model")
    low: float | None = Field(default=None, description="interval of p_fail")
    high: float | None = None
    because: dict[str, float] = Field(default={}, description="steps that speak for failure, with their share")
    would_stop: bool = Field(default=False, description="what costs and limits say, told or not")
    withheld: str = Field(default="", description="why it is not told: shadow, control, off, no-model, late or over")
    saved_s: float | None = None
    needed: int = Field(default=0, description="failures still needed before a model can be trained")
    model: str = ""
    model_version: int = 0


class AdviceOut(BaseModel):
    """What was thought of a run after a step."""

    step: str
    done: int = Field(description="steps that had ended")
    t_ns: int
    p_fail: float | None
    low: float | None
    high: float | None
    stop: bool
    would_stop: bool
    withheld: str
    because: dict[str, float]
    cost_stop: float | None
    cost_go_on: float | None
    saved_s: float | None
    model: str
    model_version: int


class StepShown(BaseModel):
    """A step of a run."""

    name: str
    ended_ns: int = Field(description="0: it did not end")
    duration_s: float | None
    measured: int


class RunOut(BaseModel):
    """A run as it stands."""

    edge: str
    run: str
    unit: str
    procedure: str
    version: str
    station: str
    operator: str
    retest_of: str
    state: str
    started_ns: int
    started: str
    changed_ns: int
    ended_ns: int
    control: bool = Field(description="always tested to the end, whatever is thought of it")
    p_fail: float | None
    would_stop_at: str
    stopped_at: str
    saved_s: float | None
    remarks: list[str]
    model: str
    model_version: int


class RunWholeOut(RunOut):
    """A run with its steps, what was measured, its wide row, what was advised, and its labels."""

    steps: list[StepShown]
    measurements: list[MeasurementOut]
    row: dict[str, float | None]
    advice: list[AdviceOut]
    candidate: list[AdviceOut] = Field(description="what a candidate thought beside; told to nobody")
    labels: list[LabelOut]


class ProcedureOut(StopsOut):
    """A procedure: how its runs ended, what is known of the early stops of the version in force, and who is told."""

    procedure: str
    owner: str
    edges: list[str]
    stations: list[str]
    versions: list[str]
    runs: int = Field(description="those looked at, the newest")
    states: dict[str, int]
    passed_share: float | None = Field(description="yield: of the runs that were tested to the end")
    advice: str = Field(description="on, shadow (recorded, told to no bench) or off")
    needed: int = Field(description="failures still needed before a model can be trained")
    currency: str
    told_in_all: int = Field(description="runs that were stopped, by whichever version")
    saved_in_all_s: float
    by_version: list[StopsOut] = Field(description="the same of each version that called a run, newest first")
    comparison: ComparisonOut | None = Field(description="with the candidate; null where none is tried")


class StationOut(BaseModel):
    """A station of test benches."""

    edge: str
    station: str
    source: str = Field(description="that its newest run came by")
    procedure: str = Field(description="of its newest run")
    heard_ns: int = Field(description="when the last was said of a run there")
    heard: str
    running: list[str] = Field(description="runs that go on there, newest start first")


class SwitchIn(BaseModel):
    """Whether benches are told, and who says so."""

    on: bool
    who: str = Field(min_length=1, max_length=120)
    why: str = Field(default="", max_length=2000)


class SwitchOut(BaseModel):
    """What was asked of the procedure's edges; it is durable and will be applied in order."""

    procedure: str
    on: bool
    edges: list[str]


def step_out(run: str, step: str, advice: Advice | None) -> StepOut:
    """The answer to a bench: what it would be told over MQTT and on a serial line, too."""
    if advice is None:
        return StepOut(run=run, step=step, stop=False, advice=None)
    told = answer(advice)
    said = {name: getattr(told, name) for name in StepOut.model_fields if hasattr(told, name)}
    said |= {name: finite(said[name]) for name in ("p_fail", "low", "high", "saved_s")}
    said |= {"because": dict(told.because), "would_stop": advice.would_stop and not is_silent(advice)}
    return StepOut(**said, advice="stop" if advice.stop else "go on")


def advice_out(advice: Advice) -> AdviceOut:
    """What was thought, without what JSON knows not."""
    said = {name: getattr(advice, name) for name in AdviceOut.model_fields}
    numbers = ("p_fail", "low", "high", "cost_stop", "cost_go_on", "saved_s")
    said |= {name: finite(said[name]) for name in numbers}
    return AdviceOut(**said | {"because": dict(advice.because)})


def run_out(run: Run) -> RunOut:
    """A run without its steps."""
    return RunOut.model_validate(_run(run))


def run_whole_out(
    run: Run, advice: Mapping[Role, Sequence[Advice]], labels: list[Label], measured: Sequence[Measurement]
) -> RunWholeOut:
    """A run with all there is; `advice`: of "champion" and "candidate"."""
    steps = [
        StepShown(name=s.name, ended_ns=s.ended_ns, duration_s=s.duration_s, measured=s.measured) for s in run.steps
    ]
    row = {column: finite(value) for column, value in run.row.items()}
    more = {
        "steps": steps,
        "row": row,
        "advice": [*map(advice_out, advice["champion"])],
        "candidate": [*map(advice_out, advice["candidate"])],
        "labels": [*map(label_out, labels)],
        "measurements": [*map(measurement_out, measured)],
    }
    return RunWholeOut.model_validate(_run(run) | more)


def _run(run: Run) -> dict[str, object]:
    said = {name: getattr(run, name) for name in RunOut.model_fields if hasattr(run, name)}
    said |= {"p_fail": finite(run.p_fail), "saved_s": finite(run.saved_s), "remarks": list(run.remarks)}
    return said | {"started": iso(run.started_ns)}
