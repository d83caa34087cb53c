"""What every simulated machine is: an endless, seeded stream of rows on a grid of times; knows no clock and no line."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from wire.ports import Row

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

CHUNK = 4096  # rows made at once; fixed, so that the numbers do not depend on how a reader cuts them


@dataclass(frozen=True, slots=True)
class Channel:
    """One sensor of a machine: its unit, the decimals its display shows, and what it reads at full load."""

    name: str
    uom: str
    decimals: int
    nominal: float


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """n rows in time order: `t_ns` int64 x n, `values` float64 x n x channels, NaN = missing."""

    t_ns: I64
    values: F64


class Machine(ABC):
    """A device that speaks for ever: the same seed and start give the same rows, however they are cut."""

    device: str
    channels: tuple[Channel, ...]
    running: tuple[str, float]  # the machine runs while this channel reads more than this

    @abstractmethod
    def chunks(self, *, start_ns: int, every_ns: int) -> Iterator[Block]:
        """Blocks of exactly CHUNK grid times; a row in which every value is NaN was never sent."""

    def garbled(self, line: bytes, at_ns: int) -> bytes:
        """What a line of bytes looks like after the cable, at a true time; unharmed unless a fault says otherwise."""
        del at_ns
        return line

    @property
    def running_when(self) -> str:
        """The condition for a device's `running_when` in the config."""
        name, level = self.running
        return f"{name} > {level:g}"

    @property
    def names(self) -> tuple[str, ...]:
        """Channel names in the order of the columns."""
        return tuple(channel.name for channel in self.channels)

    def column(self, name: str) -> int:
        """Place of a channel; raises ValueError if the machine has none of that name."""
        if name not in self.names:
            msg = f"{self.device} has no channel {name!r}, only {', '.join(self.names)}"
            raise ValueError(msg)
        return self.names.index(name)

    def blocks(self, *, start_ns: int, every_ns: int, block: int = 600, end_ns: int | None = None) -> Iterator[Block]:
        """Blocks of `block` grid times each, endless or until the grid reaches `end_ns`.

        Rows that were never sent are left out, so a block may be shorter than `block`, or empty.
        """
        if block < 1 or every_ns < 1:
            msg = f"block and every_ns must be positive, got {block} and {every_ns}"
            raise ValueError(msg)
        left = None if end_ns is None else max(0, -(-(end_ns - start_ns) // every_ns))
        for cut in _cut(self.chunks(start_ns=start_ns, every_ns=every_ns), block):
            if left is not None and left <= len(cut.t_ns):
                yield _sent(Block(cut.t_ns[:left], cut.values[:left]))
                return
            yield _sent(cut)
            left = None if left is None else left - len(cut.t_ns)

    def rows(self, *, start_ns: int, every_ns: int, end_ns: int | None = None) -> Iterator[Row]:
        """The rows one by one, as a source would hand them on."""
        names = self.names
        for block in self.blocks(start_ns=start_ns, every_ns=every_ns, end_ns=end_ns):
            for t_ns, values in zip(block.t_ns.tolist(), block.values.tolist(), strict=True):
                yield Row(device=self.device, channels=names, values=tuple(values), claimed_ns=t_ns)


def grid(start_ns: int, every_ns: int, chunk: int) -> I64:
    """The true times of a chunk, whatever a device's own clock says."""
    return start_ns + every_ns * np.arange(chunk * CHUNK, (chunk + 1) * CHUNK, dtype=np.int64)


def rounded(values: F64, channels: tuple[Channel, ...]) -> F64:
    """Values as the sensors show them."""
    scale = np.array([10.0**channel.decimals for channel in channels])
    shown: F64 = np.rint(values * scale) / scale
    return shown


def _cut(chunks: Iterator[Block], block: int) -> Iterator[Block]:
    held = next(chunks)
    at = 0
    while True:
        parts: list[Block] = []
        need = block
        while need:
            if at == len(held.t_ns):
                held, at = next(chunks), 0
            part = Block(held.t_ns[at : at + need], held.values[at : at + need])
            at += len(part.t_ns)
            need -= len(part.t_ns)
            parts.append(part)
        yield _joined(parts)


def _joined(parts: list[Block]) -> Block:
    if len(parts) == 1:
        return parts[0]
    return Block(np.concatenate([p.t_ns for p in parts]), np.concatenate([p.values for p in parts]))


def _sent(block: Block) -> Block:
    missing = np.all(np.isnan(block.values), axis=1, keepdims=True)[:, 0]
    return Block(block.t_ns[~missing], block.values[~missing]) if missing.any() else block
