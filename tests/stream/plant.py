"""A small plant for tests of the core: frames and batches by hand, a detector with known answers, a lively day."""

from collections.abc import Iterable, Mapping, Sequence

import msgspec
import numpy as np

from models.contract import F64, Detector, Job, Scored, Task
from models.decide import DEFAULT, Decision
from stream.core import Core
from stream.inputs import Item, Unreadable
from stream.models.detectors import Shelf
from stream.state import CoreState
from wire.config import Channel, Config, DeviceRule, Limits
from wire.messages import (
    NS_PER_S,
    Action,
    Alarm,
    Batch,
    ClockDoubted,
    DeadLetter,
    Event,
    Frame,
    Gap,
    Liveness,
    ModelChange,
    Outcome,
    Refused,
    Scores,
    SourceState,
    SourceStatus,
    Tick,
    Verb,
    Verdict,
)

S = NS_PER_S
T0 = 1_700_000_000 * S
LANE, OTHER_LANE, LATE_LANE = "a" * 32, "b" * 32, "c" * 32
NAN = float("nan")
RINGS = Decision(k=3, n=5, quiet=20)


def frame(
    device: str,
    seconds: Iterable[float],
    values: object,
    channels: Sequence[str] = ("temperature",),
    *,
    own: bool = False,
    single: bool = False,
) -> Frame:
    """Rows at so many seconds past T0; values are n x c, or n for one channel."""
    times = np.array([T0 + round(second * S) for second in seconds], dtype="<i8")
    rows = np.asarray(values, dtype="<f4" if single else "<f8").reshape(times.size, len(channels))
    tag = "f4" if single else "f8"
    return Frame(device, tuple(channels), times.tobytes(), rows.tobytes(), dtype=tag, own_times=own)  # type: ignore[arg-type] # chosen from two


def batch(
    seq: int,
    second: float,
    frames: Iterable[Frame] = (),
    events: Iterable[Event] = (),
    *,
    edge: str = "hall",
    log: str = LANE,
    late: bool = False,
) -> Batch:
    """A batch whose edge clock stands at so many seconds past T0."""
    return Batch(edge, log, seq, T0 + round(second * S), late=late, frames=tuple(frames), events=tuple(events))


class Distance:
    """Learns the mean of the first WARM rows; the score is the distance from it in units of REACH."""

    WARM, REACH = 10.0, 5.0
    name = "online"

    def __init__(self, name: str = "online", version: int = 1) -> None:
        self.name, self.version, self.decision = name, version, DEFAULT
        self.task, self.channels = Task.ONLINE, ()

    def cold(self, channels: int) -> F64:
        return np.zeros(channels + 1)

    def advance(self, jobs: Sequence[Job]) -> list[Scored]:
        return [self._advance(job) for job in jobs]

    def accept(self, state: F64) -> F64:
        return np.zeros_like(state)

    def _advance(self, job: Job) -> Scored:
        state, count, channels = job.state.copy(), len(job.t_ns), job.rows.shape[1]
        score, parts = np.full(count, np.nan, np.float32), np.full((count, channels), np.nan, np.float32)
        drift = np.zeros(count, np.bool_)
        for index in range(count):
            row = np.nan_to_num(job.rows[index])
            if not job.running[index]:
                continue
            if state[0] < self.WARM:
                state[1:] += row / self.WARM
                state[0] += 1
                continue
            parts[index] = np.abs(row - state[1:]) / self.REACH / channels
            score[index] = parts[index].sum()
            drift[index] = score[index] > 20.0
        warm = min(1.0, float(state[0]) / self.WARM)
        return Scored(state if job.learn else job.state, score, parts, warm, drift)


def core(*rules: DeviceRule, detectors: Sequence[Detector] = (Distance(),)) -> Core:
    """A core with these rules, watched by a detector with known answers."""
    return Core(Config(devices=rules), Shelf(detectors), decision=RINGS)


def limits(said: Limits, channel: str = "temperature") -> DeviceRule:
    """A rule with limits on one channel of every device."""
    return DeviceRule(match="*", channels={channel: Channel(uom="°C", limits=said)})


class Line:
    """A core with its state; remembers what came out."""

    def __init__(self, core: Core) -> None:
        self.core = core
        self.state: CoreState = core.cold()
        self.seq = 0
        self.outcomes: list[Outcome] = []
        self.duplicates = 0

    def put(self, item: Item) -> list[Outcome]:
        """Let one input through."""
        self.state, came = self.core.step(self.state, [(0, item)])
        self.outcomes += came.outcomes
        self.duplicates += came.duplicates
        return list(came.outcomes)

    def beat(self, second: float, *frames: Frame, events: Iterable[Event] = ()) -> list[Outcome]:
        """Let the next batch of the edge through."""
        self.seq += 1
        return self.put(batch(self.seq, second, frames, events))

    def idle(self, first: int, last: int) -> None:
        """Heartbeats, one a second."""
        for second in range(first, last + 1):
            self.beat(second)

    def run(self, values: Mapping[int, float] | Sequence[float], device: str = "pump-1", start: int = 0) -> None:
        """One row a second of one channel, each in a batch of its own."""
        pairs = values.items() if isinstance(values, Mapping) else enumerate(values, start)
        for second, value in pairs:
            self.beat(second, frame(device, [second], [value]))

    def reload(self) -> None:
        """Store the state and read it again."""
        self.state = self.core.load(self.core.dump(self.state))

    def alarms(self, rule: str = "") -> list[Alarm]:
        """Every change of the alarms of a rule."""
        return [
            o for o in self.outcomes if isinstance(o, Alarm) and f"{o.rule}:".startswith(f"{rule}:" if rule else "")
        ]

    def steps(self, rule: str) -> list[str]:
        """The states that the alarms of a rule went through."""
        return [alarm.state.value for alarm in self.alarms(rule)]

    def scores(self) -> list[Scores]:
        return [o for o in self.outcomes if isinstance(o, Scores)]

    def letters(self) -> list[DeadLetter]:
        return [o for o in self.outcomes if isinstance(o, DeadLetter)]

    def liveness(self, device: str = "pump-1") -> list[Liveness]:
        return [o for o in self.outcomes if isinstance(o, Liveness) and o.device == device]


def score_times(scores: Iterable[Scores]) -> list[float]:
    """The times of all scored rows, in seconds past T0."""
    return [float(t - T0) / S for each in scores for t in np.frombuffer(each.t_ns, "<i8")]


DAY_RULES = (
    DeviceRule(match="*", channels={"temperature": Channel(uom="°C", limits=Limits(H=70, HH=85, L=-40, deadband=2))}),
    DeviceRule(
        match="pump-*",
        running_when="current > 0.5",
        channels={"flow": Channel(low=0, high=100, silent_after_ns=12 * S, stuck_after_ns=30 * S)},
    ),
    DeviceRule(
        match="slow", every_ns=5 * S, model="absent", channels={"level": Channel(limits=Limits(H=3, delay_ns=9 * S))}
    ),
    DeviceRule(match="plain", model="off"),
    DeviceRule(match="mill", model="wear"),
)


def lively_day(seed: int, seconds: int = 220) -> list[Item]:
    """Two edges and many devices for some minutes, with about everything that can happen to them."""
    return _Day(seed).recorded(seconds)


class _Day:
    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.seqs: dict[str, int] = {}
        self.items: list[Item] = []

    def recorded(self, seconds: int) -> list[Item]:
        for second in range(0, seconds, 2):
            self._beat("hall", LANE, second, self._hall(second), self._events(second))
            if self.rng.random() < 0.9:
                self._beat("yard", OTHER_LANE, second + 0.5, self._yard(second), [])
            if second > seconds / 2 and second % 10 == 0:
                self._late(second)
            self._people(second)
        return self.items

    def _beat(self, edge: str, log: str, second: float, frames: list[Frame], events: list[Event]) -> None:
        skip = 2 if self.rng.random() < 0.02 else 1
        seq = self.seqs[log] = self.seqs.get(log, 0) + skip
        made = batch(seq, second, frames, events, edge=edge, log=log)
        self.items.append(made)
        if self.rng.random() < 0.05:
            self.items.append(made)

    def _hall(self, second: int) -> list[Frame]:
        frames = []
        times = second + np.sort(self.rng.uniform(0, 1.9, 4))
        hot = 30.0 * (60 < second < 110)
        if not 120 < second < 150:
            values = np.column_stack(
                [
                    self.rng.normal(60 + hot, 3, 4),
                    np.where(self.rng.random(4) < 0.1, NAN, self.rng.normal(20 + 200 * (second == 80), 2, 4)),
                    self.rng.normal(1.0 - 0.9 * (second > 180), 0.05, 4),
                ]
            )
            frames.append(frame("pump-1", times, values, ("temperature", "flow", "current")))
        for channel in ("temperature", "flow", "pressure")[: 3 if second > 120 else 2]:
            if self.rng.random() < 0.8:
                at = second + np.array([0.1, 1.1]) + self.rng.uniform(0, 0.3)
                frames.append(frame("mqtt", at, self.rng.normal(10, 2, 2), (channel,)))
        frames.append(frame("plain", [second], [100.0 if 100 < second < 120 else 20.0], single=True))
        if second % 10 == 0 and second < 150:
            frames.append(frame("slow", [second], [second / 30], ("level",)))
        frames.append(frame("mill", [second, second + 1], self.rng.normal(0, 1, (2, 2)), ("x", "y")))
        return frames

    def _yard(self, second: int) -> list[Frame]:
        jump = 10 * 365 * 86_400 if second > 100 else 0
        own = 5 * second + np.arange(8) + jump
        frames = [frame("replayed", own, self.rng.normal(0, 1, (8, 2)) + 9 * (second > 140), ("x", "y"), own=True)]
        if second % 14 == 0:
            frames.append(frame("mqtt", [second], [1.0]))
        return frames

    def _events(self, second: int) -> list[Event]:
        events: list[Event] = []
        if self.rng.random() < 0.1:
            events.append(Gap("pump-1", T0 + second * S, T0 + (second + 1) * S, 3, "outbox full"))
        if self.rng.random() < 0.1:
            events.append(ClockDoubted("mqtt", T0 + second * S, 0))
        if self.rng.random() < 0.1:
            status = SourceStatus.FAILED if self.rng.random() < 0.5 else SourceStatus.CONNECTED
            events.append(SourceState("serial-1", status, "no such port"))
        if self.rng.random() < 0.05:
            events.append(Refused("mqtt-1", "no number", b"?", t_ns=T0 + second * S))
        return events

    def _late(self, second: int) -> None:
        past = second - 500 + np.arange(6)
        rows = np.column_stack([self.rng.normal(60, 3, 6), self.rng.normal(20, 1, 6), np.ones(6)])
        rows[3:, 0] += 40 * (self.rng.random() < 0.3)
        made = frame("pump-1", past, rows, ("temperature", "flow", "current"))
        seq = self.seqs[LATE_LANE] = self.seqs.get(LATE_LANE, 0) + 1
        self.items.append(batch(seq, second - 490, [made], edge="hall", log=LATE_LANE, late=True))

    def _people(self, second: int) -> None:
        chance, at_ns = self.rng.random(), T0 + second * S
        if chance < 0.15:
            rule = str(self.rng.choice(["limit:temperature:HH", "limit:temperature:H", "anomaly", "silent", "clock"]))
            verb = Verb.ACCEPT_NORMAL if self.rng.random() < 0.2 else Verb.ACKNOWLEDGE
            who = f"operator {second}"
            device = str(self.rng.choice(["pump-1", "mqtt", "plain", "nobody"]))
            self.items.append(Action(f"id-{second // 4}", "hall", device, rule, verb, who, at_ns=at_ns))
        elif chance < 0.2:
            self.items.append(Tick(at_ns=at_ns + 8 * S))
        elif chance < 0.23:
            self.items.append(ModelChange(f"m{second}", "wear", int(self.rng.integers(1, 4)), at_ns=at_ns))
        elif chance < 0.26:
            self.items.append(Verdict(f"v{second}", "hall", "pump-1", "none", "true", "anna", at_ns=at_ns))
        elif chance < 0.28:
            self.items.append(Unreadable("checksum does not match", b"\x00\x01"))


def encoded(outcomes: Iterable[Outcome]) -> list[bytes]:
    """Outcomes as bytes, so that every bit is compared."""
    encoder = msgspec.msgpack.Encoder()
    return [encoder.encode(outcome) for outcome in outcomes]
