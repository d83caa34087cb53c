"""The JSON shapes of labels and verdicts."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, Field

from dashboards.console.moments import iso
from wire.messages import Label
from wire.names import is_name

Word = Annotated[str, Field(max_length=200)]


def _author(text: str) -> str:
    """Who says it, so that others can read it; raises ValueError."""
    if not is_name(text.strip()):
        msg = "a name is needed of who says it, and one that can be read"
        raise ValueError(msg)
    return text.strip()


Author = Annotated[str, Field(min_length=1, max_length=120), AfterValidator(_author)]


class LabelIn(BaseModel):
    """What a person says of a stretch of a device, or of a run."""

    meaning: Literal["anomaly", "normal", "maintenance", "pass", "fail"]
    who: Author
    device: Word = ""
    run: Word = ""
    edge: Word = Field(default="", description="default: the edge that the device or run is known from")
    start: Word = Field(default="", description="of a device: ISO 8601 or ns")
    end: Word = ""
    comment: str = Field(default="", max_length=2000)


class WithdrawIn(BaseModel):
    """Who takes a label back, and why."""

    who: Author
    why: str = Field(default="", max_length=2000)


class LabelOut(BaseModel):
    """A label in its newest state."""

    id: str
    edge: str
    device: str
    run: str
    meaning: str
    from_ns: int
    to_ns: int
    start: str
    end: str
    who: str
    at_ns: int
    at: str
    comment: str
    alarm: str
    model: str
    model_version: int
    withdrawn_by: str
    withdrawn_why: str


class LabelledOut(BaseModel):
    """What became of it: durable, and applied in order."""

    label: str = Field(description="its id; the same for the same words said again")
    repeated: bool = False


class VerdictIn(BaseModel):
    """What an operator found behind an alarm."""

    finding: Literal["true", "false-alarm", "maintenance"]
    who: Author
    comment: str = Field(default="", max_length=2000)


def label_out(label: Label) -> LabelOut:
    """A label with its times in words."""
    said = {name: getattr(label, name) for name in LabelOut.model_fields if hasattr(label, name)}
    return LabelOut(**said, start=iso(label.from_ns), end=iso(label.to_ns), at=iso(label.at_ns))
