"""A site with a registry, files that went out and in, alarms, runs and labels, to ask for its catalogue."""

from functools import cache
from pathlib import Path

import msgspec
import numpy as np

from models.catalogue.entries import Moved
from models.catalogue.ground import Ground
from models.fitting.training import train
from models.registry.folder import Registry
from models.registry.manifest import Data, Facts, Source
from models.table import Stretch, Table
from models.trained import Trained
from tests.console.fakes import ORIGIN, T0, Plant
from tests.console.registry import RECIPE
from wire.config import Channel, Config, DeviceRule, Limits, Procedure
from wire.messages import NS_PER_S, Label, Run

RAW, OUT, DATA = "1" * 64, "2" * 64, "3" * 64
HOUR_NS = 3600 * NS_PER_S
CONFIG = Config(
    site="hall-3",
    devices=(
        DeviceRule(
            match="pump-*",
            owner="maintenance",
            channels={"temperature": Channel(uom="°C", limits=Limits(H=80.0, HH=90.0))},
        ),
    ),
    procedures=(Procedure(match="EOL", owner="quality"),),
)
MOVED = (
    Moved("exported", "/data/pump-1.csv", OUT, 500, T0, device="pump-1", from_ns=T0 - HOUR_NS, to_ns=T0),
    Moved("imported", "/data/raw.csv", RAW, 900, T0 - HOUR_NS, device="pump-1"),
)


def label(name: str, *, alarm: str = "", run: str = "", who: str = "Ada", gone: str = "") -> Label:
    return Label(
        id=name,
        origin=ORIGIN,
        edge="edge-1",
        meaning="fail" if run else "anomaly",
        from_ns=T0 - 60 * NS_PER_S,
        to_ns=T0,
        who=who,
        at_ns=T0,
        device="" if run else "pump-1",
        run=run,
        alarm=alarm,
        comment="" if run else "bearing",
        withdrawn_by=gone,
    )


def run(name: str, *, state: str = "fail", model: str = "", version: int = 0, at_ns: int = T0) -> Run:
    made = Run(ORIGIN, "edge-1", name, 3, f"unit-{name}", "EOL", "1", "bench-1", "fail", at_ns - NS_PER_S, at_ns, at_ns)
    return msgspec.structs.replace(made, state=state, model=model, model_version=version, would_stop_at="S07")


@cache
def pump() -> Trained:
    """A model that is fitted once for all tests."""
    rows = np.random.default_rng(0).normal(size=(200, 2))
    stretch = Stretch(name="a", t_ns=np.arange(200, dtype=np.int64) * NS_PER_S, rows=rows)
    return train(RECIPE, Table(channels=("load", "humidity"), stretches=(stretch,)), name="pump").model


def registry(folder: Path, source: Source, *, labels: tuple[str, ...] = ()) -> Registry:
    """Two versions of `pump`; the second one was trained on a source that the test names."""
    found = Registry.open(str(folder))
    found.save(pump(), RECIPE, Facts(made_at_ns=T0))
    data = Data(sha256=DATA, rows=source.rows, sources=(source,), labels=labels)
    found.save(pump(), RECIPE, Facts(made_at_ns=T0, data=data, owner="data science", recipe="pump.toml"))
    return found


def ground(plant: Plant, models: Registry | None = None) -> Ground:
    return Ground(reader=plant, config=CONFIG, models=models, moved=lambda: MOVED)


def plant() -> Plant:
    made = Plant()
    made.add("pump-1")
    made.add("pump-2", last_ns=T0 - HOUR_NS)
    return made
