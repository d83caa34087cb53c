"""Many individuals at once, for benches and demos."""

from collections.abc import Mapping

from simulators.pump import Pump
from simulators.rows import Machine
from simulators.spindle import Spindle
from simulators.surroundings import Schedule

MACHINES: Mapping[str, type[Pump] | type[Spindle]] = {"pump": Pump, "spindle": Spindle}


def fleet(count: int, seed: int = 0, *, schedule: Schedule = Schedule.RESTS) -> list[Machine]:
    """`count` individuals, pumps and spindles in turn; two fleets with different seeds share no individual."""
    kinds = list(MACHINES.items())
    machines: list[Machine] = []
    for i in range(count):
        name, kind = kinds[i % len(kinds)]
        machines.append(kind(f"{name}-{i // len(kinds) + 1}", seed=seed * 1_000_003 + i, schedule=schedule))
    return machines
