"""Faults of sensors, clock and cable: the machine is well, but what is heard of it is not true."""

from collections.abc import Iterator
from typing import ClassVar

import numpy as np

from simulators.course import Course
from simulators.fault import Fault, Stretch
from simulators.rows import CHUNK, F64, Block, Bools, Machine
from simulators.surroundings import MINUTE_NS


class _OneChannel(Fault):
    """A fault of one sensor: the named one, or the machine's first."""

    def __init__(self, machine: Machine, course: Course, *, seed: int = 0, channel: str = "") -> None:
        super().__init__(machine, course, seed=seed)
        self.channel = channel or self.names[0]
        self._at = self.column(self.channel)

    def _with(self, block: Block, column: F64) -> Block:
        values = block.values.copy()
        values[:, self._at] = column
        return Block(block.t_ns, values)


class Spike(_OneChannel):
    """A loose contact: single readings far from the truth."""

    effect = "single readings of one channel jump far out and back"
    full = "every tenth reading is 2 to 5 times the nominal value away"
    stated = 0.5

    def _altered(self, stretches: Iterator[Stretch], every_ns: int) -> Iterator[Block]:
        del every_ns
        channel = self.channels[self._at]
        for part in stretches:
            row = part.chunk * CHUNK + np.arange(CHUNK, dtype=np.int64)
            hit = self._chance.uniform("hit", row) < 0.1 * part.severity
            far = channel.nominal * (2.0 + 3.0 * self._chance.uniform("far", row))
            sign = np.where(self._chance.uniform("sign", row) < 0.5, -1.0, 1.0)  # noqa: PLR2004 - up as often as down
            before = part.block.values[:, self._at]
            yield self._with(part.block, np.where(hit, np.round(before + sign * far, channel.decimals), before))


class Stuck(_OneChannel):
    """A sensor hangs and repeats its last value."""

    effect = "one channel repeats its last value while the others live"
    full = "hangs for good; at severity s for the first share s of every minute"
    stated = 1.0

    def _altered(self, stretches: Iterator[Stretch], every_ns: int) -> Iterator[Block]:
        del every_ns
        held = np.nan
        for part in stretches:
            hangs = (part.t_ns - self.course.onset_ns) % MINUTE_NS < part.severity * MINUTE_NS
            known = np.concatenate([[held], part.block.values[:, self._at]])
            newest = np.maximum.accumulate(np.where(hangs, 0, np.arange(1, CHUNK + 1)))
            column = known[newest]
            held = float(column[-1])
            yield self._with(part.block, column)


class Dropout(Fault):
    """A channel, or with channel "*" the whole device, stops sending."""

    effect = "readings of a channel or of the whole device go missing, at last all of them"
    full = "silent for good; at severity s a share s of the readings is lost at random"
    stated = 1.0

    def __init__(self, machine: Machine, course: Course, *, seed: int = 0, channel: str = "*") -> None:
        super().__init__(machine, course, seed=seed)
        self.channel = channel
        self._columns = slice(None) if channel == "*" else slice(self.column(channel), self.column(channel) + 1)

    def _altered(self, stretches: Iterator[Stretch], every_ns: int) -> Iterator[Block]:
        del every_ns
        for part in stretches:
            row = part.chunk * CHUNK + np.arange(CHUNK, dtype=np.int64)
            lost: Bools = self._chance.uniform("lost", row) < part.severity
            values = part.block.values.copy()
            values[lost, self._columns] = np.nan
            yield Block(part.block.t_ns, values)


class ClockDrift(Fault):
    """The device's clock runs off."""

    effect = "the device's times run ahead of the true ones"
    full = "15 minutes ahead"
    stated = 0.4  # 6 minutes: past the 5 that an edge believes by default
    ahead_ns: ClassVar[int] = 15 * MINUTE_NS

    def _altered(self, stretches: Iterator[Stretch], every_ns: int) -> Iterator[Block]:
        del every_ns
        for part in stretches:
            ahead = (part.severity * self.ahead_ns).astype(np.int64)
            yield Block(part.block.t_ns + ahead, part.block.values)


class LineNoise(Fault):
    """A bad cable: bytes of the encoded line arrive flipped, doubled or not at all."""

    effect = "lines arrive damaged, so that some cannot be read"
    full = "every second line has one to three damaged bytes"
    stated = 0.5

    def _altered(self, stretches: Iterator[Stretch], every_ns: int) -> Iterator[Block]:
        del every_ns
        return (part.block for part in stretches)

    def garbled(self, line: bytes, at_ns: int) -> bytes:
        """Damage the line or leave it whole, as chance and the severity at this true time have it."""
        line = super().garbled(line, at_ns)
        at = np.array([at_ns], dtype=np.int64)
        draws = [float(self._chance.uniform(f"line {i}", at)[0]) for i in range(2)]
        if not line or draws[0] >= 0.5 * float(self.course.severity(at)[0]):
            return line
        damaged = bytearray(line)
        for i in range(1 + int(3 * draws[1])):
            _damage(damaged, [float(self._chance.uniform(f"byte {i}.{j}", at)[0]) for j in range(3)])
        return bytes(damaged)


def _damage(line: bytearray, draws: list[float]) -> None:
    place = int(draws[0] * len(line))
    if not line:
        return
    if draws[1] < 0.2:  # noqa: PLR2004 - one byte in five is lost
        del line[place]
    elif draws[1] < 0.3:  # noqa: PLR2004 - one in ten comes twice
        line.insert(place, line[place])
    else:
        line[place] ^= 1 << int(draws[2] * 8)
