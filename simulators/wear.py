"""Faults of the machine itself: what wears, loosens, clogs or leaks."""

from collections.abc import Iterator
from typing import ClassVar

import numpy as np

from simulators.course import Course
from simulators.fault import Fault, Stretch
from simulators.lag import Lag
from simulators.rows import F64, Block, Machine


class BearingWear(Fault):
    """A bearing breaks up: first it shakes and knocks, later it runs hot and drags."""

    effect = "vibration rises and knocks, later temperature and current rise too"
    full = "four times the vibration, knocks in every tenth reading, 25 °C hotter, 8 % more current or power"
    stated = 0.5
    needs = ("vibration_rms",)

    def _altered(self, stretches: Iterator[Stretch], every_ns: int) -> Iterator[Block]:
        heat = Lag(900.0, every_ns, 0.0)
        for part in stretches:
            values = part.block.values.copy()
            s = np.where(self._runs(values), part.severity, 0.0)
            warmer = heat.follow(25.0 * s**2)
            drawn = self._chance.noise("knocks", part.chunk, 2)
            knocks = np.where(np.abs(drawn[:, 0]) > _TENTH, np.abs(drawn[:, 1]), 0.0)
            values[:, self.column("vibration_rms")] *= 1.0 + 3.0 * s + 1.5 * s * knocks
            _add(self, values, "temperature", warmer)
            _scale(self, values, ("current", "power"), 1.0 + 0.08 * s**2)
            yield Block(part.block.t_ns, self._shown(part.block.values, values, (s > 0) | (warmer > 0)))


class Imbalance(Fault):
    """Mass sits off the axis: a force that grows with the square of the speed."""

    effect = "vibration rises with the square of the speed, and with nothing else"
    full = "vibration at full speed rises by three times what is usual there"
    stated = 0.5
    needs = ("vibration_rms",)

    def __init__(self, machine: Machine, course: Course, *, seed: int = 0) -> None:
        super().__init__(machine, course, seed=seed)
        if not {"speed", "pressure"} & set(self.names):
            self.column("speed")

    def _altered(self, stretches: Iterator[Stretch], every_ns: int) -> Iterator[Block]:
        del every_ns
        at = self.column("vibration_rms")
        for part in stretches:
            values = part.block.values.copy()
            values[:, at] += 3.0 * self.channels[at].nominal * part.severity * self._speed2(values)
            yield Block(part.block.t_ns, self._shown(part.block.values, values, part.severity > 0))

    def _speed2(self, values: F64) -> F64:
        """Square of the speed as a share of full speed; a pump's pressure tells it too (affinity laws)."""
        name = "speed" if "speed" in self.names else "pressure"
        share = np.maximum(values[:, self.column(name)] / self.channels[self.column(name)].nominal, 0.0)
        return np.where(self._runs(values), share**2 if name == "speed" else share, 0.0)


class Overheating(Fault):
    """The coolant is lost: heat stays where it is made, and shows with the lag of the iron."""

    effect = "temperature climbs over minutes to hours, everything else is as ever"
    full = "45 °C hotter once settled"
    stated = 0.5
    needs = ("temperature",)
    lag_s: ClassVar[float] = 600.0

    def _altered(self, stretches: Iterator[Stretch], every_ns: int) -> Iterator[Block]:
        heat = Lag(self.lag_s, every_ns, 0.0)
        for part in stretches:
            values = part.block.values.copy()
            warmer = heat.follow(np.where(self._runs(values), 45.0 * part.severity, 0.0))
            _add(self, values, "temperature", warmer)
            yield Block(part.block.t_ns, self._shown(part.block.values, values, warmer > 0))


class Leak(Fault):
    """A pipe leaks before the flow meter: the pump delivers more, the plant gets less."""

    effect = "flow and pressure fall while the current rises"
    full = "40 % of the flow and 30 % of the pressure are gone, 12 % more current"
    stated = 0.5
    needs = ("flow", "pressure")

    def _altered(self, stretches: Iterator[Stretch], every_ns: int) -> Iterator[Block]:
        del every_ns
        for part in stretches:
            values = part.block.values.copy()
            s = np.where(self._runs(values), part.severity, 0.0)
            _scale(self, values, ("flow",), 1.0 - 0.4 * s)
            _scale(self, values, ("pressure",), 1.0 - 0.3 * s)
            _scale(self, values, ("current", "power"), 1.0 + 0.12 * s)
            yield Block(part.block.t_ns, self._shown(part.block.values, values, s > 0))


_TENTH = 1.645  # a standard normal is further out once in ten draws


def _add(machine: Machine, values: F64, name: str, more: F64) -> None:
    if name in machine.names:
        values[:, machine.column(name)] += more


def _scale(machine: Machine, values: F64, names: tuple[str, ...], factor: F64) -> None:
    for name in set(names) & set(machine.names):
        values[:, machine.column(name)] *= factor
