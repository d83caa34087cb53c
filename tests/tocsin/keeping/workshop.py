"""A store in which a pump lives as fast as it is told to, scored by the champion of a registry beside it."""

from collections.abc import Mapping
from pathlib import Path

import msgspec
import numpy as np
import pandas as pd

from models.arrays import F64, I64
from models.contract import Job
from models.recipe import Recipe, parse
from models.registry.folder import Registry
from simulators.pump import Pump
from simulators.surroundings import Schedule
from store.box.box import DuckStore
from store.port import Commit
from tocsin.modelling.sheets import sheets
from tocsin.modelling.training import Made, Wish, make
from wire.config import Config, DeviceRule, ModelRule
from wire.messages import (
    Alarm,
    AlarmState,
    Batch,
    Frame,
    Health,
    Label,
    Liveness,
    Meaning,
    Origin,
    Outcome,
    Priority,
    Scores,
)
from wire.ports import Wish as Input

NAME, DEVICE, EDGE = "pump", "pump-1", "edge"
BEGUN_NS = 1_777_852_800_000_000_000  # 2026-05-04T00:00:00Z, a Monday
HOUR_NS = 3600 * 1_000_000_000
EVERY_NS = HOUR_NS // 120
RECIPE = """
task = "anomaly"
features = [{ kind = "mean", rows = 6 }, { kind = "deviation", rows = 12, floor = 0.05 }]
estimator = { kind = "mahalanobis" }
calibration = { multiple = 1.2 }
decision = { k = 3, n = 5, quiet = 10 }
"""


class Inbox:
    """Keeps what is put in."""

    def __init__(self) -> None:
        self.given: list[Input] = []

    def append(self, message: Input) -> int:
        self.given.append(message)
        return len(self.given)


class Workshop:
    """One pump. Time is what it has lived so far."""

    def __init__(self, folder: Path, *, seed: int = 21, **rule: object) -> None:
        self.folder = folder
        self.recipe: Recipe = parse(RECIPE)
        (folder / "pump.toml").write_text(RECIPE)
        self.config = Config(
            devices=(DeviceRule(match="pump-*", model=NAME, every_ns=EVERY_NS, running_when="current > 0.5"),),
            models=(ModelRule(name=NAME, recipe="pump.toml", check_every_ns=HOUR_NS, **rule),),  # type: ignore[arg-type]
        )
        self.store = DuckStore(path=folder / "store.duckdb")
        self.registry = Registry.open(str(folder / "models"))
        self.inbox = Inbox()
        self.now_ns = BEGUN_NS
        self._pump = Pump(DEVICE, seed=seed, schedule=Schedule.RESTS)
        self._blocks = self._pump.blocks(start_ns=BEGUN_NS, every_ns=EVERY_NS, end_ns=BEGUN_NS + 60 * 24 * HOUR_NS)
        self._left: tuple[I64, F64] = (np.zeros(0, dtype=np.int64), np.zeros((0, len(self._pump.names))))
        self._state: tuple[int, F64] | None = None
        self._cursor = 0
        self._newest_ns = 0

    @property
    def rule(self) -> ModelRule:
        return self.config.models[0]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._pump.names)

    def lives(self, hours: float, *, off: Mapping[str, float] | None = None) -> tuple[I64, F64]:
        """Its next hours are stored, with sensors off by so much; and scored, if there is a champion."""
        end_ns = self.now_ns + int(hours * HOUR_NS)
        t_ns, values = self._until(end_ns)
        for name, by in (off or {}).items():
            values[:, self.names.index(name)] += by
        frame = Frame(DEVICE, self.names, t_ns.tobytes(), values.tobytes(), "f8")
        self._cursor += 1
        batch = Batch(EDGE, "0" * 32, self._cursor, end_ns, frames=(frame,))
        origin = Origin(EDGE, "0" * 32, self._cursor)
        self._newest_ns = max(self._newest_ns, int(t_ns[-1]))  # as the core counts it
        alive = Liveness(origin, EDGE, DEVICE, end_ns, self._newest_ns, Health.RUNNING)
        self.write(alive, *self._scores(t_ns, values), batches=(batch,))
        self.now_ns = end_ns
        return t_ns, values

    def jumped(self, t_ns: I64, values: F64) -> None:
        """Live rows of a clock that is off."""
        frame = Frame(DEVICE, self.names, t_ns.tobytes(), values.tobytes(), "f8", own_times=True)
        self._cursor += 1
        origin = Origin(EDGE, "0" * 32, self._cursor)
        self._newest_ns = int(t_ns[-1])
        alive = Liveness(origin, EDGE, DEVICE, self._newest_ns, self._newest_ns, Health.RUNNING)
        self.write(alive, batches=(Batch(EDGE, "0" * 32, self._cursor, self._newest_ns, frames=(frame,)),))

    def brought(self, device: str, t_ns: I64, values: F64) -> None:
        """Rows of the past are stored, as an import or an outage that is over brings them."""
        frame = Frame(device, self.names, t_ns.tobytes(), values.tobytes(), "f8", own_times=True)
        self._cursor += 1
        lane = f"{self._cursor:032x}"
        self.write(batches=(Batch(EDGE, lane, 1, int(t_ns[-1]), late=True, frames=(frame,)),))

    def write(self, *outcomes: Outcome, batches: tuple[Batch, ...] = ()) -> None:
        if not batches:
            self._cursor += 1
        self.store.write(Commit(self._cursor, batches, outcomes, {}))

    def trained(self, t_ns: I64, values: F64, *, at_ns: int = 0) -> Made:
        """A version of the model, from these rows while it runs."""
        on = values[:, self.names.index("current")] > 0.5
        frame = pd.DataFrame(values[on], columns=list(self.names))
        frame.insert(0, "time", pd.to_datetime(t_ns[on], utc=True))
        frame.insert(1, "device", DEVICE)
        wish = Wish(recipe=self.recipe, name=NAME, at_ns=at_ns or self.now_ns)
        return make(wish, sheets(frame, self.recipe.columns), self.registry)

    def rings(self, from_ns: int, to_ns: int, *, name: str = "a1", rule: str = "anomaly") -> Alarm:
        """An alarm of the model, or one that speaks of it, that is over."""
        origin = Origin(EDGE, "0" * 32, self._cursor)
        alarm = Alarm(
            id=name,
            origin=origin,
            edge=EDGE,
            device=DEVICE,
            rule=rule,
            version=1,
            state=AlarmState.UNACKNOWLEDGED,
            priority=Priority.HIGH,
            onset_ns=from_ns,
            changed_ns=from_ns,
            summary="unusual",
            model=NAME,
            model_version=1,
        )
        over = {"state": AlarmState.RETURNED, "changed_ns": to_ns, "version": 2}
        self.write(alarm, Alarm(**{each: getattr(alarm, each) for each in alarm.__struct_fields__} | over))
        return alarm

    def says(
        self,
        meaning: Meaning,
        from_ns: int,
        to_ns: int,
        *,
        name: str,
        alarm: str = "",
        gone: str = "",
        at_ns: int = 0,
    ) -> None:
        """A person labels a stretch, or withdraws a label."""
        origin, at_ns = Origin(EDGE, "labelled", 0), at_ns or self.now_ns
        label = Label(name, origin, EDGE, meaning, from_ns, to_ns, "ana", at_ns, device=DEVICE, alarm=alarm)
        if alarm:
            label = msgspec.structs.replace(label, model=NAME, model_version=1)
        self.write(Label(**{f: getattr(label, f) for f in label.__struct_fields__} | {"withdrawn_by": gone}))

    def _until(self, end_ns: int) -> tuple[I64, F64]:
        t_ns, values = self._left
        while not len(t_ns) or t_ns[-1] < end_ns:
            block = next(self._blocks)
            t_ns, values = np.concatenate([t_ns, block.t_ns]), np.concatenate([values, block.values])  # noqa: PD011 -- no frame
        cut = int(np.searchsorted(t_ns, end_ns))
        self._left = t_ns[cut:], values[cut:]
        return t_ns[:cut].copy(), values[:cut].copy()

    def _scores(self, t_ns: I64, values: F64) -> list[Scores]:
        if NAME not in self.registry.names():
            return []
        model = self.registry.load(NAME)
        state = self._state[1] if self._state and self._state[0] == model.version else model.cold(len(self.names))
        on = values[:, self.names.index("current")] > 0.5
        (found,) = model.advance([Job(state=state, t_ns=t_ns, rows=values, running=on, channels=self.names)])
        self._state = model.version, found.state
        said = np.isfinite(found.score)
        return [
            Scores(
                origin=Origin(EDGE, "0" * 32, self._cursor),
                edge=EDGE,
                device=DEVICE,
                model=NAME,
                version=model.version,
                channels=self.names,
                t_ns=t_ns[said].astype("<i8").tobytes(),
                score=found.score[said].astype("<f4").tobytes(),
                contributions=b"",
            )
        ]
