"""What the online detector remembers of a device: named parts of one flat vector, and their views for many devices."""

from collections.abc import Mapping
from functools import cache
from math import prod

import numpy as np

from models.contract import F64, I64

BLOCK = 16  # rows between two updates of the learnt normal
SPANS = (8, 64, 512, 4096)  # rows that each stage of the smoothing cascade looks back
LEVELS = len(SPANS) + 1  # bands of a signal's level: row to fastest stage, stage to stage, slowest stage to normal
BANDS = LEVELS + len(SPANS)  # the same for its restlessness, without the first
BAND_SPANS = (1, *SPANS, *SPANS)
SETTLED, FRESH = 0, 1  # what is usual is learnt apart for the time after a start


@cache
def parts(channels: int) -> Mapping[str, tuple[int, ...]]:
    """Names and shapes of the parts, in the order they stand in the vector."""
    c, s = channels, len(SPANS)
    return {
        "filled": (),  # rows of the open block
        "rows": (BLOCK, c),  # the open block as it came
        "skipped": (BLOCK,),  # grid rows missing before each of them
        "last_ns": (),
        "every_ns": (),
        "blocks": (),
        "seen_ns": (),  # time spent learning since the anchor was last accepted
        "anchored": (),
        "held": (),  # the last block rang: what is not yet mature waits
        "absent_ns": (),  # how long nothing came or the machine was off, up to now
        "rested": (),  # rows for which most channels have stood still, up to now
        "fresh_ns": (),  # how long the device will still count as just started
        "fresh_rows": (),  # rows seen while it did
        "drifting": (),
        "place": (c,),  # first robust location and unit of a channel; unit 0 = has not moved yet
        "unit": (c,),
        "floor": (c,),
        "count": (c,),  # rows seen
        "away": (c,),  # rows missing since the last seen
        "level": (s, c),  # the cascade
        "restless": (s, c),
        "range": (2, c),  # lowest and highest of the fastest level while settled
        "normal": (2, c),  # where the slowest stages belong
        "anchor": (2, c),
        "room": (2, c),  # how far the normal may move from its anchor
        "moment": (LEVELS, c * (c + 1) // 2),  # second moments of the level bands
        "spread": (s, c),  # second moments of the restlessness bands
        "peak": (2, BANDS, c),  # settled and fresh: the largest oddness that is part of the normal
        "raised": (2, BANDS, c),  # epochs that had been seen when it was last raised
        "epoch": (2, BANDS, c),  # largest oddness of the epoch that runs
    }


@cache
def size(channels: int) -> int:
    """Length of the vector."""
    return sum(prod(shape) for shape in parts(channels).values())


class Memory:
    """Views into the vectors of D devices with equal channels, devices on the last axis: (size, D)."""

    def __init__(self, vectors: F64, channels: int) -> None:
        self.vectors = vectors
        self.channels = channels
        self._views: dict[str, F64] = {}
        at = 0
        for name, shape in parts(channels).items():
            n = prod(shape)
            self._views[name] = vectors[at : at + n].reshape(*shape, vectors.shape[1])
            at += n

    @property
    def open_rows(self) -> int:
        """Rows that the fullest open block has."""
        return int(self["filled"].max())

    def __getitem__(self, name: str) -> F64:
        """The part as an array (shape of the part, D), which is a view."""
        return self._views[name]

    def __setitem__(self, name: str, value: F64 | float) -> None:
        """Write a part."""
        self._views[name][...] = value

    def take(self, devices: I64) -> "Memory":
        """The memory of some of the devices; a copy."""
        return Memory(np.ascontiguousarray(self.vectors[:, devices]), self.channels)
