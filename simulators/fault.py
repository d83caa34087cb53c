"""What every fault is: a machine around a machine, which says the same until its course begins."""

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from simulators.chance import Chance
from simulators.course import Course
from simulators.rows import F64, I64, Block, Bools, Machine, grid, rounded


@dataclass(frozen=True, slots=True, eq=False)
class Stretch:
    """One chunk on its way through a fault: what the machine says, and how bad things are by then."""

    chunk: int
    t_ns: I64  # true times; the block's own may already be off
    block: Block
    severity: F64


class Fault(Machine):
    """A fault of a machine or of its sensors; faults compose, the outermost comes last."""

    effect: ClassVar[str]  # what the operator sees, in one line
    full: ClassVar[str]  # what severity 1 means
    stated: ClassVar[float]  # the severity at which a good watcher is expected to ring
    needs: ClassVar[tuple[str, ...]] = ()  # channels without which this fault makes no sense

    def __init__(self, machine: Machine, course: Course, *, seed: int = 0) -> None:
        self.machine = machine
        self.course = course
        self.device = machine.device
        self.channels = machine.channels
        self.running = machine.running
        self._chance = Chance(seed)
        for name in self.needs:
            self.column(name)

    @property
    def stated_ns(self) -> int | None:
        """The true time at which the severity reaches the stated one; None if it never does."""
        return self.course.reaches_ns(self.stated)

    def garbled(self, line: bytes, at_ns: int) -> bytes:
        """What the cable makes of a line; only a fault of the cable changes it."""
        return self.machine.garbled(line, at_ns)

    def chunks(self, *, start_ns: int, every_ns: int) -> Iterator[Block]:
        """The machine's rows with the fault in them."""
        return self._altered(self._stretches(start_ns, every_ns), every_ns)

    @abstractmethod
    def _altered(self, stretches: Iterator[Stretch], every_ns: int) -> Iterator[Block]:
        """What becomes of each stretch, in order; what must be remembered lives in the loop."""

    def _stretches(self, start_ns: int, every_ns: int) -> Iterator[Stretch]:
        for chunk, block in enumerate(self.machine.chunks(start_ns=start_ns, every_ns=every_ns)):
            t_ns = grid(start_ns, every_ns, chunk)
            yield Stretch(chunk, t_ns, block, self.course.severity(t_ns))

    def _shown(self, before: F64, after: F64, touched: Bools) -> F64:
        """Rounded as the sensors do, and only where the fault is at work, so that nothing else changes by a bit."""
        values = before.copy()
        values[touched] = rounded(after[touched], self.channels)
        return values

    def _runs(self, values: F64) -> Bools:
        """Whether the machine runs, by what it says."""
        name, level = self.running
        runs: Bools = values[:, self.column(name)] > level
        return runs
