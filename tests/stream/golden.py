"""A small day told line by line; `python -m tests.stream.golden` writes it anew, for you to read the difference."""

from pathlib import Path

from stream.alarms.phrase import moment
from tests.stream.plant import LATE_LANE, OTHER_LANE, T0, Line, S, batch, core, frame
from wire.config import Channel, DeviceRule, Limits
from wire.messages import (
    Action,
    Alarm,
    ClockDoubted,
    DeadLetter,
    Event,
    Gap,
    Liveness,
    Outcome,
    Refused,
    SourceState,
    SourceStatus,
    Tick,
    Verb,
)

FILE = Path(__file__).with_name("golden_day.txt")
RULES = (
    DeviceRule(
        match="pump-*",
        running_when="current > 0.5",
        response="Look at the bearing.",
        channels={
            "temperature": Channel(uom="°C", low=-40, high=150, limits=Limits(H=70, HH=85, deadband=2)),
            "current": Channel(uom="A", limits=Limits(LL=-1, delay_ns=3 * S)),
        },
    ),
)


def day() -> Line:
    """Two pumps and an edge: heat, a broken sensor, a pause, silence, an outage, and people who answer."""
    line = Line(core(*RULES))
    for second in range(240):
        frames = [frame("pump-1", [second], [[_heat(second), _load(second)]], ("temperature", "current"))]
        if not 100 <= second < 130:
            frames.append(frame("pump-2", [second], [[40.0 + second % 3, 2.0]], ("temperature", "current")))
        line.beat(second, *frames, events=_events(second))
        if second == 75:
            line.put(Action("a1", "hall", "pump-1", "limit:temperature:HH", Verb.ACKNOWLEDGE, "anna", "valve shut"))
        if second == 200:
            line.put(batch(1, -500, [frame("pump-2", range(-510, -500), [95.0] * 10)], log=LATE_LANE, late=True))
    line.put(batch(1, 241, [frame("pump-1", [241], [20.0])], edge="yard", log=OTHER_LANE))
    line.put(Action("a2", "hall", "pump-1", "anomaly", Verb.ACKNOWLEDGE, "ben"))
    for second in (245, 250, 255):
        line.put(Tick(at_ns=T0 + second * S))
    return line


def _heat(second: int) -> float:
    if second == 150:
        return 900.0
    return 50.0 + second % 5 / 10 + (40.0 * max(0, 15 - abs(second - 70)) / 15)


def _load(second: int) -> float:
    return 0.0 if 160 <= second < 180 else 2.0


def _events(second: int) -> list[Event]:
    told: dict[int, list[Event]] = {
        10: [Refused("mqtt-1", "no number", b"\xff", count=3, device="pump-9")],
        20: [Gap("*", T0, T0 + 5 * S, 50, "outbox full"), ClockDoubted("pump-2", T0 + 20 * S, 0)],
        30: [SourceState("serial-1", SourceStatus.FAILED, "/dev/ttyUSB0 does not exist: plug it in")],
        40: [SourceState("serial-1", SourceStatus.CONNECTED)],
    }
    return told.get(second, [])


def told(outcome: Outcome) -> str:
    """One line for people; "" for scores."""
    match outcome:
        case Alarm():
            who = f" [{outcome.who}: {outcome.why}]" if outcome.who else ""
            at = f"{moment(outcome.changed_ns)[11:19]} {outcome.device:6} {outcome.rule}"
            return f"{at} v{outcome.version} {outcome.priority} {outcome.state}: {outcome.summary}{who}"
        case Liveness():
            return f"{moment(outcome.clock_ns)[11:19]} {outcome.device:6} {outcome.health} {outcome.warm:.2f}"
        case DeadLetter():
            return (
                f"{moment(outcome.t_ns)[11:19]} {outcome.device:6} dead letter from {outcome.source}: {outcome.reason}"
            )
    return ""


def text() -> str:
    """The whole day."""
    return "".join(f"{line}\n" for outcome in day().outcomes if (line := told(outcome)))


if __name__ == "__main__":
    FILE.write_text(text())
