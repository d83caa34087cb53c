"""A small plant on a bad day, as the sink writes it: a pump too hot, a fan silent, an edge lost, a model that rings."""

from array import array
from collections.abc import Iterator

import msgspec

from store.influx.lines import Lines
from wire.messages import (
    Advice,
    Alarm,
    AlarmState,
    Batch,
    DeadLetter,
    Frame,
    Gap,
    Health,
    Liveness,
    Message,
    Origin,
    OutboxState,
    Priority,
    Run,
    Scores,
    SourceState,
    SourceStatus,
)

S = 10**9
MINUTES = 10
LANE = "0" * 32
ORIGIN = Origin("edge-1", LANE, 1)
CHANNELS = ("temperature", "vibration")
RINGING = {
    ("pump-1", "limit:temperature:HH"): Priority.CRITICAL,
    ("pump-1", "anomaly"): Priority.MEDIUM,
    ("pump-1", "limit:temperature:H"): Priority.HIGH,
    ("pump-1", "clock"): Priority.LOW,
    ("fan", "silent"): Priority.HIGH,
    ("", "edge-silent"): Priority.CRITICAL,
}


def lines(now_ns: int) -> bytes:
    """All that is written of the last MINUTES; the newest is 5 s old."""
    encode = Lines("hall")
    written = [encode.of(message) for message in _messages(now_ns)]
    last_ns = now_ns - 5 * S
    for (device, rule), priority in RINGING.items():
        written.append(encode.active(_alarm(device, rule, priority, last_ns), at_ns=last_ns, active=True))
    for at_ns in range(now_ns - MINUTES * 60 * S, now_ns, 10 * S):
        for role, instance, figures in (
            ("sink", "sink-1", {"lag": 9000.0, "rows": 1.0, "rate": 800.0, "dead": 1.0, "running": 1.0}),
            ("stream", "all", {"lag": 6000.0, "rate": 4.0, "running": 0.0}),
            ("stream", "worker-1", {"lag": 6000.0, "rate": 4.0, "running": 1.0}),
            ("archive", "all", {"running": 1.0}),
        ):
            written.append(encode.pipeline(role=role, instance=instance, figures=figures, at_ns=at_ns))
        written.append(encode.channels("edge-1", "pump-1", "|".join(CHANNELS), at_ns=at_ns))
        for which, limit in (("HH", 85.0), ("H", 70.0)):
            rule = f"limit:temperature:{which}"
            written.append(encode.limit("edge-1", "pump-1", rule, limit, at_ns=at_ns))
    return b"".join(written)


def _messages(now_ns: int) -> Iterator[Message]:
    last_ns = now_ns - 5 * S
    begin_ns = now_ns - MINUTES * 60 * S
    for number in range(MINUTES * 6):
        yield _batch(number, begin_ns + number * 10 * S)
        yield _scores(number, begin_ns + number * 10 * S)
        for device, health in (("pump-1", Health.RUNNING), ("fan", Health.SILENT)):
            at_ns = begin_ns + number * 10 * S
            yield Liveness(ORIGIN, "edge-1", device, at_ns, at_ns - S, health, 0.8)
    for (device, rule), priority in RINGING.items():
        yield _alarm(device, rule, priority, last_ns)
    where = {"unit": "u-1", "procedure": "end of line", "station": "press"}
    call = Advice(ORIGIN, "edge-1", "run-1", "leak test", 0.93, stop=True, t_ns=last_ns)
    yield msgspec.structs.replace(call, **where)
    yield Run(
        ORIGIN, "edge-1", "run-1", 2, "u-1", "end of line", "1", "press", "aborted", begin_ns, last_ns,
        would_stop_at="leak test", stopped_at="leak test", saved_s=300.0, model="eol", model_version=2,
    )  # fmt: skip
    yield DeadLetter(ORIGIN, "serial-1", "not UTF-8", b"\xff", 3, 1, last_ns)


def _batch(number: int, at_ns: int) -> Batch:
    heat = [60.0 + number / 2 + beat / 20 for beat in range(10)]
    frame = Frame(
        device="pump-1",
        channels=CHANNELS,
        t_ns=array("q", [at_ns + beat * S for beat in range(10)]).tobytes(),
        values=array("d", [value for each in heat for value in (each, 2.0 + each / 90)]).tobytes(),
    )
    gap = Gap("pump-1", at_ns - 9 * S, at_ns - S, 80, "outbox full", "serial-1")
    state = SourceState("serial-1", SourceStatus.RETRYING, "the port is gone: plug it in", at_ns)
    return Batch(
        edge="edge-1",
        log=LANE,
        seq=number + 1,
        clock_ns=at_ns,
        frames=(frame,),
        events=(gap, state) if number % 30 == 29 else (),
        outbox=OutboxState(number % 7, bytes=4096 * number, rows=10 * number, hours_left=70.0 - number / 10),
    )


def _scores(number: int, at_ns: int) -> Scores:
    score = [number / 50 + beat / 100 for beat in range(10)]
    return Scores(
        origin=ORIGIN,
        edge="edge-1",
        device="pump-1",
        model="online",
        version=1 + number // 40,
        channels=CHANNELS,
        t_ns=array("q", [at_ns + beat * S for beat in range(10)]).tobytes(),
        score=array("f", score).tobytes(),
        contributions=array("f", [part for each in score for part in (each * 0.75, each * 0.25)]).tobytes(),
        late=number < 3,
    )


def _alarm(device: str, rule: str, priority: Priority, at_ns: int) -> Alarm:
    limit = rule.startswith("limit:")
    return Alarm(
        id=f"{device}-{rule}",
        origin=ORIGIN,
        edge="edge-1",
        device=device,
        rule=rule,
        version=1,
        state=AlarmState.UNACKNOWLEDGED,
        priority=priority,
        onset_ns=at_ns,
        changed_ns=at_ns,
        summary=f"{device}: {rule} rings",
        cause="it is hot",
        consequence="it breaks",
        response="stop it",
        channel="temperature" if limit else "",
        limit=85.0 if limit else None,
        value=91.5 if limit else None,
        model="online" if rule == "anomaly" else "",
        model_version=2 if rule == "anomaly" else 0,
    )
