"""A plant in memory that behaves like a store: what is put in is what the reader's verbs answer."""

import csv
import math
import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from store.port import Accounts, Device, Series
from store.which import WhichLabels, WhichRuns
from wire.messages import (
    NS_PER_S,
    Action,
    Advice,
    Alarm,
    AlarmState,
    DeadLetter,
    Gap,
    Health,
    Label,
    Labelled,
    Liveness,
    Meaning,
    Measured,
    Origin,
    Priority,
    Role,
    Run,
    SourceState,
    SourceStatus,
    Verdict,
)
from wire.ports import Wish

T0 = 1_790_000_000 * NS_PER_S
ORIGIN = Origin(edge="edge-1", log="0" * 32, seq=1)
CHANNELS = ("vibration_rms", "temperature", "current")


class Plant:
    """A Reader whose contents a test changes, with rows made from a seed."""

    def __init__(self, now_ns: int = T0) -> None:
        self.now_ns = now_ns
        self.known: dict[str, Device] = {}
        self.states: dict[str, list[Alarm]] = {}
        self.source_states: list[tuple[str, SourceState]] = []
        self.losses: list[tuple[str, Gap]] = []
        self.letters: list[DeadLetter] = []
        self.counts: list[Accounts] = []
        self.tested: dict[tuple[str, str], Run] = {}
        self.advised: list[Advice] = []
        self.said: list[Measured] = []
        self.labelled: dict[str, Label] = {}
        self.broken: Exception | None = None
        self.answering = threading.Event()
        self.answering.set()

    def add(
        self,
        name: str,
        *,
        health: Health | None = Health.RUNNING,
        warm: float = 1.0,
        score: float | None = 0.2,
        channels: tuple[str, ...] = CHANNELS,
        last_ns: int | None = None,
    ) -> None:
        last = self.now_ns if last_ns is None else last_ns
        self.known[name] = Device(
            edge="edge-1",
            device=name,
            channels=channels,
            first_ns=last - 3600 * NS_PER_S,
            last_ns=last,
            rows=36_000,
            health=health,
            warm=warm,
            score=score,
            active={},
        )

    def ring(self, device: str, rule: str = "anomaly", **fields: object) -> Alarm:
        """A new alarm, or a new state of the one that this device and rule have."""
        key = f"{device}-{rule}".encode().hex()[:40]
        before = self.states.get(key, [])
        given = {
            "id": key,
            "origin": ORIGIN,
            "edge": "edge-1",
            "device": device,
            "rule": rule,
            "version": len(before) + 1,
            "state": AlarmState.UNACKNOWLEDGED,
            "priority": Priority.HIGH,
            "onset_ns": before[0].onset_ns if before else self.now_ns - 5 * NS_PER_S,
            "changed_ns": self.now_ns,
            "summary": f"{device} behaves unusually",
        }
        kept = msgspec.structs.asdict(before[-1]) if before else {}
        alarm = Alarm(**{**given, **kept, "version": given["version"], "changed_ns": self.now_ns, **fields})  # type: ignore[arg-type]
        self.states.setdefault(key, []).append(alarm)
        return alarm

    def devices(self) -> list[Device]:
        assert self.answering.wait(30)
        if self.broken:
            raise self.broken
        return [
            msgspec.structs.replace(device, active=self._active(name)) for name, device in sorted(self.known.items())
        ]

    def _active(self, name: str) -> dict[str, int]:
        standing = [states[-1] for states in self.states.values() if states[-1].device == name and states[-1].active]
        return {p.value: n for p in Priority if (n := sum(a.priority is p for a in standing))}

    def readings(
        self, device: str, *, start_ns: int, end_ns: int, channels: Sequence[str] = (), points: int = 0
    ) -> Series:
        names = channels or self.known[device].channels
        times = self._times(device, start_ns, end_ns, points)
        return Series(t_ns=times, columns={name: [_value(device, name, t) for t in times] for name in names})

    def scores(
        self,
        device: str,
        *,
        start_ns: int,
        end_ns: int,
        points: int = 0,
        role: Role = "champion",
        model: str = "",  # noqa: ARG002 -- one model scores here
        version: int = 0,  # noqa: ARG002
    ) -> Series:
        if role != "champion":
            return Series(t_ns=[], columns={"score": []})
        times = self._times(device, start_ns, end_ns, points)
        known = self.known[device]
        if known.score is None:
            return Series(t_ns=[], columns={"score": []})
        score = [_score(known, t) for t in times]
        parts = {
            name: [s * share if s > 0.8 else None for s in score]
            for name, share in zip(known.channels, (0.6, 0.3, 0.1), strict=False)
        }
        return Series(t_ns=times, columns={"score": list(score), **parts})

    def _times(self, device: str, start_ns: int, end_ns: int, points: int) -> list[int]:
        known = self.known[device]
        low, high = max(start_ns, known.first_ns), min(end_ns, known.last_ns + 1)
        step = max(NS_PER_S // 10, (high - low) // points if points else 0)
        return list(range(low, high, step))

    def alarms(self, *, device: str = "", active: bool = False, since_ns: int = 0, limit: int = 1000) -> list[Alarm]:
        newest = [states[-1] for states in self.states.values()]
        found = [a for a in newest if (not device or a.device == device) and a.changed_ns >= since_ns]
        if active:
            found = [a for a in found if a.state is not AlarmState.NORMAL]
        return sorted(found, key=lambda a: -a.changed_ns)[:limit]

    def history(self, alarm_id: str) -> list[Alarm]:
        return list(self.states.get(alarm_id, ()))

    def runs(
        self,
        *,
        procedure: str = "",
        station: str = "",
        unit: str = "",
        state: str = "",
        since_ns: int = 0,
        limit: int = 1000,
        rows: bool = True,
    ) -> list[Run]:
        which = WhichRuns(procedure, station, unit, state, since_ns)
        found = sorted((run for run in self.tested.values() if which.fits(run)), key=lambda run: -run.started_ns)
        return [run if rows else msgspec.structs.replace(run, row={}) for run in found][:limit]

    def run(self, edge: str, run: str) -> Run | None:
        return next((known for known in self.runs() if known.run == run and edge in {"", known.edge}), None)

    def advice(self, edge: str, run: str, role: Role = "champion") -> list[Advice]:
        return [one for one in self.advised if (one.run, one.role) == (run, role) and edge in {"", one.edge}]

    def newest(self, runs: Sequence[Run]) -> Mapping[tuple[str, str], Advice]:
        wanted = {(run.edge, run.run) for run in runs}
        said = sorted((one for one in self.advised if one.role == "champion"), key=lambda one: (one.t_ns, one.done))
        return {(one.edge, one.run): one for one in said if (one.edge, one.run) in wanted}

    def measured(self, edge: str, run: str) -> list[Measured]:
        return [one for one in self.said if one.run == run and edge]

    def labels(
        self,
        *,
        label: str = "",
        device: str = "",
        run: str = "",
        since_ns: int = 0,
        withdrawn: bool = False,
        limit: int = 1000,
    ) -> list[Label]:
        which = WhichLabels(label, device, run, since_ns, withdrawn)
        found = [one for one in self.labelled.values() if which.fits(one)]
        return sorted(found, key=lambda one: -one.at_ns)[:limit]

    def liveness(self) -> list[Liveness]:
        return []

    def sources(self) -> list[tuple[str, SourceState]]:
        return list(self.source_states)

    def gaps(self, *, device: str = "", limit: int = 1000) -> list[tuple[str, Gap]]:
        return [(edge, gap) for edge, gap in self.losses if not device or gap.device == device][:limit]

    def dead(self, *, limit: int = 100) -> list[DeadLetter]:
        return self.letters[:limit]

    def accounts(self) -> list[Accounts]:
        return list(self.counts)

    def export(
        self, device: str, path: Path, *, form: Literal["csv", "parquet"], start_ns: int = 0, end_ns: int = 2**63 - 1
    ) -> int:
        series = self.readings(device, start_ns=start_ns, end_ns=end_ns, points=100)
        with path.open("w", newline="") as out:
            writer = csv.writer(out)
            writer.writerow(["time" if form == "csv" else "parquet", *series.columns])
            writer.writerows(zip(series.t_ns, *series.columns.values(), strict=True))
        return len(series.t_ns)


class Answering:
    """An Inbox that does at once what the core would do: alarms change, labels are made and taken back."""

    def __init__(self, plant: Plant) -> None:
        self.plant = plant
        self.taken: list[Action] = []
        self.labelled: list[Labelled] = []
        self.verdicts: list[Verdict] = []

    def append(self, message: Wish) -> int:
        match message:
            case Labelled():
                self.labelled.append(message)
                self.plant.labelled[message.label.id] = message.label
            case Verdict():
                self.verdicts.append(message)
                self._label(message)
            case _:
                assert isinstance(message, Action)
                self._act(message)
        return len(self.taken) + len(self.labelled) + len(self.verdicts)

    def _act(self, action: Action) -> None:
        self.taken.append(action)
        for states in list(self.plant.states.values()):
            newest = states[-1]
            if (newest.device, newest.rule) == (action.device, action.rule) and newest.state is not AlarmState.NORMAL:
                after = AlarmState.NORMAL if newest.state is AlarmState.RETURNED else AlarmState.ACKNOWLEDGED
                self.plant.ring(newest.device, newest.rule, state=after, who=action.who, why=action.why)

    def _label(self, said: Verdict) -> None:
        meanings: dict[str, Meaning] = {"true": "anomaly", "false-alarm": "normal", "maintenance": "maintenance"}
        self.plant.labelled[said.id] = Label(
            said.id, ORIGIN, said.edge, meanings[said.finding], said.from_ns, said.to_ns, said.who, said.at_ns,
            said.device, comment=said.comment, alarm=said.alarm,
        )  # fmt: skip


def _value(device: str, channel: str, t_ns: int) -> float:
    chance = random.Random(f"{device}{channel}")
    base, swing, slow = chance.uniform(1, 60), chance.uniform(0.2, 4), chance.uniform(20, 300)
    return base + swing * math.sin(t_ns / NS_PER_S / slow) + swing * 0.2 * math.sin(t_ns / 1.7e8)


def _score(device: Device, t_ns: int) -> float:
    """Rises to the device's newest score over the last ten minutes."""
    assert device.score is not None
    share = math.exp(-(device.last_ns - t_ns) / (300 * NS_PER_S))
    return max(0.0, 0.2 + (device.score - 0.2) * share + 0.05 * math.sin(t_ns / 9e9))


def small_plant(now_ns: int = T0) -> Plant:
    """Three machines, one of which rings."""
    plant = Plant(now_ns)
    plant.add("pump-1", score=1.6)
    plant.add("pump-2")
    plant.add("spindle-1", health=Health.LEARNING, warm=0.4, score=None)
    plant.source_states = [
        ("edge-1", SourceState(source="serial-1", state=SourceStatus.CONNECTED, detail="/dev/ttyUSB0", t_ns=now_ns)),
        (
            "edge-1",
            SourceState(
                source="mqtt-1",
                state=SourceStatus.RETRYING,
                detail="No broker answers at 127.0.0.1:1883; start it.",
                t_ns=now_ns,
            ),
        ),
    ]
    plant.counts = [account()]
    return plant


def account(**fields: int) -> Accounts:
    """Counts that add up unless told otherwise."""
    given = {
        "batches": 400, "rows": 12_000, "stored": 12_000, "retained_away": 0, "values": 36_000, "scored": 11_000,
        "late": 0, "duplicates": 3, "redelivered": 2, "dead": 1, "gap_rows": 5, "gaps": 1,
    }  # fmt: skip
    return Accounts(edge="edge-1", **{**given, **fields})


def wait_until(holds: Callable[[], bool], what: str, *, within_s: float = 15.0) -> None:
    """Return once a condition holds; fail with its name when it never does."""
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline, f"never: {what}"
        time.sleep(0.02)


def wall_ns() -> int:
    """The present, for pages that a real browser shows."""
    return time.time_ns()
