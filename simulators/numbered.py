"""A machine whose rows carry their number, so that a test can account for each."""

from collections.abc import Iterator

import numpy as np

from simulators.rows import Block, Channel, Machine

COUNTER = Channel("n", "1", 0, 1.0)


class Numbered(Machine):
    """Adds a channel `n` that counts 1, 2, 3, … in every row the machine sends.

    A dropout inside leaves no hole in the numbers; one put around this machine does.
    """

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.device = machine.device
        self.channels = (*machine.channels, COUNTER)
        self.running = machine.running

    def garbled(self, line: bytes, at_ns: int) -> bytes:
        """What the cable makes of a line."""
        return self.machine.garbled(line, at_ns)

    def chunks(self, *, start_ns: int, every_ns: int) -> Iterator[Block]:
        """The machine's rows with their numbers."""
        count = 0
        for block in self.machine.chunks(start_ns=start_ns, every_ns=every_ns):
            sent = ~np.isnan(block.values).all(axis=1)
            numbers = np.where(sent, count + np.cumsum(sent), np.nan)
            count += int(sent.sum())
            yield Block(block.t_ns, np.column_stack([block.values, numbers]))
