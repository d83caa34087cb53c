"""The JSON shapes of the API, as its schema documents them."""

from pydantic import BaseModel, Field

from dashboards.console.moments import iso
from dashboards.console.words import HEALTH, STATES, rule
from store.port import Accounts, Device
from wire.config import DeviceRule, channel
from wire.messages import Alarm, DeadLetter, Gap, SourceState


class LimitsOut(BaseModel):
    """Static limits of a channel in its unit of measure."""

    HH: float | None = None
    H: float | None = None
    L: float | None = None
    LL: float | None = None


class ChannelOut(BaseModel):
    """A channel as the configuration knows it."""

    name: str
    uom: str = ""
    limits: LimitsOut | None = None


class DeviceOut(BaseModel):
    """A device and how it is doing now."""

    device: str
    edge: str
    owner: str = ""
    health: str | None = Field(description="learning, running, off or silent")
    health_words: str
    warm: float = Field(description="share of the learning that is done, 0 to 1")
    score: float | None = Field(description="newest score; 1.0 is the limit")
    rows: int | None = Field(description="null where nobody counts them, as in a fleet")
    first_ns: int
    last_ns: int
    last: str
    active: dict[str, int] = Field(description="alarms that stand, by priority")
    channels: list[ChannelOut]


class AlarmOut(BaseModel):
    """The whole state of an alarm at one change."""

    id: str
    edge: str
    device: str
    rule: str
    rule_words: str
    version: int
    state: str
    state_words: str
    priority: str
    onset_ns: int
    onset: str
    changed_ns: int
    changed: str
    summary: str
    cause: str
    consequence: str
    response: str
    channel: str
    value: float | None
    limit: float | None
    contributions: dict[str, float]
    model: str
    model_version: int
    who: str
    why: str


class AlarmHistoryOut(AlarmOut):
    """An alarm with every state it went through, oldest first."""

    history: list[AlarmOut]


class AcknowledgeIn(BaseModel):
    """Who acts, and why if they care to say."""

    who: str = Field(min_length=1, max_length=120)
    why: str = Field(default="", max_length=2000)


class ActionOut(BaseModel):
    """What became of a person's action: it is durable and will be applied in order."""

    action: str = Field(description="id of the action; the same for a repeated request")
    alarm: str
    verb: str
    repeated: bool = Field(description="this had been accepted, or applied, before")


class SeriesOut(BaseModel):
    """Columns of equal length; null = missing."""

    t_ns: list[int]
    columns: dict[str, list[float | None]]


class SourceOut(BaseModel):
    """A source and what it is doing."""

    edge: str
    source: str
    state: str
    detail: str
    t_ns: int


class GapOut(BaseModel):
    """A stretch known to be lost or thinned; rows -1 = unknown."""

    edge: str
    device: str
    source: str
    from_ns: int
    to_ns: int
    rows: int
    reason: str


class DeadOut(BaseModel):
    """An input that could not be decoded or scored."""

    edge: str
    source: str
    device: str
    reason: str
    count: int
    size: int
    t_ns: int
    body: str = Field(description="the first of them as text, undecodable bytes escaped")


class AccountsOut(BaseModel):
    """What came in at an edge and where it ended."""

    edge: str
    batches: int
    rows: int
    stored: int
    retained_away: int
    values: int
    scored: int
    late: int
    duplicates: int
    redelivered: int
    dead: int
    gap_rows: int
    gaps: int
    off: str = Field(description="why the counts do not add up; empty when they do")


class ReadyOut(BaseModel):
    """Whether it can serve; reasons when not."""

    ready: bool
    reasons: list[str]


def finite(value: float | None) -> float | None:
    """JSON knows no NaN and no infinity."""
    return value if value is not None and abs(value) < float("inf") else None


def channel_out(rules: DeviceRule, name: str) -> ChannelOut:
    """A channel with what the configuration says of it."""
    known = channel(rules, name)
    limits = known.limits
    shown = LimitsOut(HH=limits.HH, H=limits.H, L=limits.L, LL=limits.LL) if limits else None
    return ChannelOut(name=name, uom=known.uom or "", limits=shown)


def device_out(device: Device, rules: DeviceRule) -> DeviceOut:
    """A device with its channels."""
    return DeviceOut(
        device=device.device,
        edge=device.edge,
        owner=rules.owner or "",
        health=device.health,
        health_words=HEALTH[device.health],
        warm=device.warm,
        score=finite(device.score),
        rows=device.rows,
        first_ns=device.first_ns,
        last_ns=device.last_ns,
        last=iso(device.last_ns),
        active=dict(device.active),
        channels=[channel_out(rules, name) for name in device.channels],
    )


def alarm_out(alarm: Alarm) -> AlarmOut:
    """An alarm with its words."""
    return AlarmOut(
        **{name: getattr(alarm, name) for name in AlarmOut.model_fields if hasattr(alarm, name)}
        | {"contributions": {k: v for k, v in alarm.contributions.items() if finite(v) is not None}}
        | {"value": finite(alarm.value), "limit": finite(alarm.limit)},
        rule_words=rule(alarm.rule),
        state_words=STATES[alarm.state],
        onset=iso(alarm.onset_ns),
        changed=iso(alarm.changed_ns),
    )


def source_out(edge: str, state: SourceState) -> SourceOut:
    """A source's newest state."""
    return SourceOut(edge=edge, source=state.source, state=state.state, detail=state.detail, t_ns=state.t_ns)


def gap_out(edge: str, gap: Gap) -> GapOut:
    """A known loss."""
    return GapOut(edge=edge, **{name: getattr(gap, name) for name in gap.__struct_fields__})


def dead_out(letter: DeadLetter) -> DeadOut:
    """A dead letter whose body anyone can read."""
    return DeadOut(
        edge=letter.origin.edge,
        source=letter.source,
        device=letter.device,
        reason=letter.reason,
        count=letter.count,
        size=letter.size or len(letter.body),
        t_ns=letter.t_ns,
        body=letter.body.decode("utf-8", "backslashreplace"),
    )


def accounts_out(account: Accounts, off: str) -> AccountsOut:
    """Counts of an edge, and whether they add up."""
    return AccountsOut(off=off, **{name: getattr(account, name) for name in account.__struct_fields__})
