"""TEP: is this plant leaving normal operation? Fitted on one normal run, limits from held-out blocks of it."""

import resource
import time
from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from benchmarks.detection.disguise import Disguise
from benchmarks.detection.result import Result, folder
from models.arrays import F64, Bools
from models.fitting.training import train
from models.recipe import Recipe, load
from models.scoring import score
from models.table import Stretch, Table

STEP_NS = 180 * 1_000_000_000
NORMAL = 160  # rows of a test run before its fault
UNDETECTABLE = (3, 9)
CHANNELS = tuple(f"v{at:02d}" for at in range(1, 53))
CHANCE = 1.0  # % of all rows: what ringing by lot within the allowed false alarms finds


class Plant(msgspec.Struct, frozen=True):
    """The normal run to fit on, the second normal run, the runs with faults by number."""

    fitted: Table
    normal: Table
    faults: Mapping[int, Table]


class Found(msgspec.Struct, frozen=True):
    """In percent, and rows."""

    far: float
    fdr: Mapping[int, float]
    delay: Mapping[int, int]

    def fdr_of(self, faults: Sequence[int]) -> float:
        """Mean over some faults."""
        return float(np.mean([self.fdr[fault] for fault in faults]))

    def delay_of(self, faults: Sequence[int]) -> float:
        """Median over some faults."""
        return float(np.median([self.delay[fault] for fault in faults]))


def results() -> list[Result]:
    """The shipped recipe as it is and in disguise; each fault by itself."""
    plant = _plant()
    start, recipe = time.perf_counter(), load("tep")
    found = watch(recipe, plant)
    seconds = time.perf_counter() - start
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    change = Disguise(len(CHANNELS))
    other = {fault: change(table) for fault, table in plant.faults.items()}
    disguised = watch(recipe, Plant(change(plant.fitted), change(plant.normal), other))
    lines = [*_lines("as shipped", found), *_lines("in disguise", disguised)]
    lines[0] = msgspec.structs.replace(lines[0], seconds=seconds, peak_mb=peak_mb)
    return lines + [
        _line("as shipped", f"FDR of fault {fault}", value, trivial=CHANCE) for fault, value in found.fdr.items()
    ]


def watch(recipe: Recipe, plant: Plant) -> Found:
    """Fit on the normal run alone, then watch all others, each from a cold start."""
    model = train(recipe, plant.fitted).model
    normal = score(model, plant.normal)[0].alarm
    rings = {fault: score(model, table)[0].alarm for fault, table in plant.faults.items()}
    before = np.concatenate([normal, *(alarm[:NORMAL] for alarm in rings.values())])
    return Found(
        far=100 * float(before.mean()),
        fdr={fault: 100 * float(alarm[NORMAL:].mean()) for fault, alarm in rings.items()},
        delay={fault: _delay(alarm[NORMAL:]) for fault, alarm in rings.items()},
    )


def _delay(alarm: Bools) -> int:
    return int(alarm.argmax()) if alarm.any() else len(alarm)


def _lines(protocol: str, found: Found) -> list[Result]:
    faults = list(found.fdr)
    eight = [fault for fault in faults if fault not in UNDETECTABLE]
    return [
        _line(protocol, "FDR of eight", found.fdr_of(eight), target=92.0, trivial=CHANCE, reference=86.2),
        _line(protocol, "FAR", found.far, target=1.0, higher=False, trivial=CHANCE, reference=0.94),
        _line(protocol, "median delay", found.delay_of(eight), target=15.0, higher=False, reference=4.5),
        _line(protocol, "FDR of ten", found.fdr_of(faults), trivial=CHANCE, reference=69.4),
    ]


def _line(
    protocol: str,
    metric: str,
    value: float,
    *,
    target: float | None = None,
    higher: bool = True,
    trivial: float | None = None,
    reference: float | None = None,
) -> Result:
    return Result(
        set="tep",
        protocol=protocol,
        metric=metric,
        value=value,
        target=target,
        higher=higher,
        trivial=trivial,
        reference=reference,
        limit_from="held-out blocks of d00",
        recipe="tep",
    )


def _plant() -> Plant:
    fitted = np.loadtxt(folder("tep") / "d00.dat.xz").T  # stored with a column a row
    return Plant(
        fitted=_table("d00", fitted),
        normal=_table("d00_te", _rows("d00_te")),
        faults={fault: _table(f"d{fault:02d}_te", _rows(f"d{fault:02d}_te")) for fault in range(1, 11)},
    )


def _rows(name: str) -> F64:
    return np.loadtxt(folder("tep") / f"{name}.dat.xz")


def _table(name: str, rows: F64) -> Table:
    return Table(CHANNELS, (Stretch(name, np.arange(len(rows), dtype=np.int64) * STEP_NS, rows),))
