"""Hypothesis strategies for every message, and the examples that golden files pin."""

from typing import Literal

import msgspec
from hypothesis import strategies as st

from wire.messages import (
    Action,
    Advice,
    Alarm,
    AlarmState,
    Batch,
    ClockDoubted,
    DeadLetter,
    Event,
    Frame,
    Gap,
    Health,
    Input,
    Label,
    Liveness,
    Measured,
    ModelChange,
    Origin,
    OutboxState,
    Outcome,
    Priority,
    Redelivered,
    Refused,
    Run,
    RunEnded,
    RunStarted,
    Scores,
    SourceState,
    SourceStatus,
    Text,
    Tick,
    Verb,
    Verdict,
)

int64s = st.integers(-(2**63), 2**63 - 1)
counts = st.integers(0, 2**63 - 1)
texts = st.text(st.characters(codec="utf-8"), max_size=20)
finite = st.floats(allow_nan=False)
_channels = st.lists(texts, min_size=1, max_size=6, unique=True).map(tuple)
_dtypes: st.SearchStrategy[Literal["f8", "f4"]] = st.sampled_from(("f8", "f4"))


@st.composite
def frames(draw: st.DrawFn) -> Frame:
    """Frames of any bits: also NaN payloads, infinities, negative zeros."""
    channels = draw(_channels)
    times = sorted(draw(st.sets(int64s, max_size=8)))
    dtype = draw(_dtypes)
    size = len(times) * len(channels) * int(dtype[1])
    values = draw(st.binary(min_size=size, max_size=size))
    t_ns = b"".join(at.to_bytes(8, "little", signed=True) for at in times)
    return Frame(draw(texts), channels, t_ns, values, dtype, draw(st.booleans()))


@st.composite
def scores(draw: st.DrawFn) -> Scores:
    """Scores whose parts fit."""
    channels = draw(_channels)
    rows = draw(st.integers(0, 8))
    t_ns, score, parts = (draw(st.binary(min_size=n * rows, max_size=n * rows)) for n in (8, 4, 4 * len(channels)))
    edge, device, model = draw(st.tuples(texts, texts, texts))
    late = draw(st.booleans())
    return Scores(draw(origins), edge, device, model, draw(counts), channels, t_ns, score, parts, late)


origins = st.builds(Origin, edge=texts, log=texts, seq=counts)
events: st.SearchStrategy[Event] = st.one_of(
    st.builds(RunStarted, texts, texts, texts, texts, texts, texts, texts),
    st.builds(Measured, texts, texts, texts, st.one_of(finite, texts, st.booleans()), texts, finite, st.none()),
    st.builds(RunEnded, texts, st.sampled_from(("pass", "fail", "aborted"))),
    st.builds(Text, texts, texts, texts, int64s),
    st.builds(Gap, texts, int64s, int64s, int64s, texts, texts),
    st.builds(SourceState, texts, st.sampled_from(SourceStatus), texts, int64s),
    st.builds(ClockDoubted, texts, int64s, int64s, counts),
    st.builds(Refused, texts, texts, st.binary(max_size=40), counts, counts, int64s, texts),
    st.builds(Redelivered, texts, counts),
)
batches = st.builds(
    Batch,
    edge=texts,
    log=texts,
    seq=counts,
    clock_ns=int64s,
    late=st.booleans(),
    frames=st.lists(frames(), max_size=3).map(tuple),
    events=st.lists(events, max_size=3).map(tuple),
    outbox=st.none() | st.builds(OutboxState, counts, counts, counts, st.none() | finite),
)
inputs: st.SearchStrategy[Input] = st.one_of(
    batches,
    st.builds(Action, texts, texts, texts, texts, st.sampled_from(Verb), texts, texts, int64s, int64s),
    st.builds(
        Verdict,
        texts,
        texts,
        texts,
        texts,
        st.sampled_from(("true", "false-alarm", "maintenance")),
        texts,
        texts,
        int64s,
    ),
    st.builds(Tick, int64s),
    st.builds(ModelChange, texts, texts, counts, texts, int64s),
)
alarms = st.builds(
    Alarm,
    id=texts,
    origin=origins,
    edge=texts,
    device=texts,
    rule=texts,
    version=counts,
    state=st.sampled_from(AlarmState),
    priority=st.sampled_from(Priority),
    onset_ns=int64s,
    changed_ns=int64s,
    summary=texts,
    value=st.none() | finite,
    limit=st.none() | finite,
    contributions=st.dictionaries(texts, finite, max_size=4),
)
outcomes: st.SearchStrategy[Outcome] = st.one_of(
    scores(),
    alarms,
    st.builds(Advice, origins, texts, texts, texts, finite, st.booleans(), int64s),
    st.builds(Run, origins, texts, texts, counts, texts, texts, texts, texts, st.just("running"), int64s, int64s),
    st.builds(Label, texts, origins, texts, st.just("normal"), int64s, int64s, texts, int64s),
    st.builds(Liveness, origins, texts, texts, int64s, int64s, st.sampled_from(Health), finite),
    st.builds(DeadLetter, origins, texts, texts, st.binary(max_size=40), counts, counts, int64s, texts),
)


def kinds(union: object) -> list[type[msgspec.Struct]]:
    """The struct types of a union of messages."""
    return list(getattr(union, "__args__", ()))
