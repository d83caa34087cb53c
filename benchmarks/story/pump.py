"""The rows of a pump that wears twice, and is another one from its repair on; knows no model."""

from collections.abc import Iterator

from models.arrays import F64, I64
from simulators.course import Course
from simulators.pump import Pump
from simulators.rows import Machine
from simulators.surroundings import DAY_NS, Schedule
from simulators.wear import BearingWear

BEGUN_NS = 1_777_852_800_000_000_000  # 2026-05-04T00:00:00Z, a Monday
NAMES = tuple(channel.name for channel in Pump().channels)
NEW_NORMAL = {"flow": 1.12, "pressure": 0.9, "vibration_rms": 0.8}  # another impeller


def life(*, seed: int, every_ns: int, worn: float, repaired: float, again: float) -> Iterator[tuple[I64, F64]]:
    """Times and rows in blocks; `worn`, `repaired`, `again` are days since it began."""
    machine: Machine = Pump("pump-1", seed=seed, schedule=Schedule.RESTS)
    for begun, end in ((worn, repaired), (again, again + 1.0)):
        course = Course(
            onset_ns=BEGUN_NS + int(begun * DAY_NS), ramp_ns=DAY_NS // 2, until_ns=BEGUN_NS + int(end * DAY_NS)
        )
        machine = BearingWear(machine, course, seed=seed)
    names, repaired_ns = list(machine.names), BEGUN_NS + int(repaired * DAY_NS)
    for block in machine.blocks(start_ns=BEGUN_NS, every_ns=every_ns, end_ns=BEGUN_NS + 60 * DAY_NS):
        values = block.values.copy()
        other = block.t_ns >= repaired_ns
        for name, factor in NEW_NORMAL.items():
            values[other, names.index(name)] *= factor
        yield block.t_ns, values
