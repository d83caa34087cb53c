"""Which lines of the rows handed in are which rows of the open blocks, where devices need not go in step."""

import msgspec
import numpy as np

from models.contract import F64, I64, Bools

Numbers = F64 | Bools


class Lines(msgspec.Struct, frozen=True):
    """Which lines of pages (groups, places, ...) are which rows of the open blocks (rows, ..., groups)."""

    device: I64
    line: I64
    row: I64
    part: I64  # the device among those of the blocks
    together: tuple[slice, slice] | None  # lines and rows, where all devices go in step

    def fill(self, block: Numbers, page: Numbers) -> None:
        """Copy lines into a block."""
        if self.together:
            lines, rows = self.together
            block[rows] = np.moveaxis(page[:, lines], 0, -1)
        else:
            block[self.row, ..., self.part] = page[self.device, self.line]

    def keep(self, page: Numbers, block: Numbers) -> None:
        """Copy what came of a block into its lines."""
        if self.together:
            lines, rows = self.together
            page[:, lines] = np.moveaxis(block[rows], -1, 0)
        else:
            page[self.device, self.line] = block[self.row, ..., self.part]


def matched(devices: I64, source: I64, first: I64, take: I64, *, everyone: bool) -> Lines:
    """Each device has `take` rows, from line `source` of its page and row `first` of its block on."""
    k, at, row = int(take[0]), int(source[0]), int(first[0])
    if everyone and (take == k).all() and (source == at).all() and (first == row).all():
        none = np.empty(0, dtype=np.int64)
        return Lines(none, none, none, none, (slice(at, at + k), slice(row, row + k)))
    part = np.repeat(np.arange(len(take)), take)
    step = np.arange(len(part)) - np.repeat(np.cumsum(take) - take, take)
    return Lines(devices[part], source[part] + step, first[part] + step, part, None)
