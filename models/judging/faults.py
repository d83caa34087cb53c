"""Faults made in recorded rows, labelled as such: what a model that shall hear faults must still hear."""

import numpy as np

from models.arrays import F64
from models.table import Stretch, Table

SIZES = (3.0, 4.0, 6.0)  # spreads of a channel, as robust as can be
ROWS = 60  # of a fault
BEFORE = 600  # rows before it that belong to it
CHANNELS = 20  # of more, as many are tried


def spoilt(table: Table, *, seed: int = 0) -> Table:
    """A table with faults: each shifts a channel for a while, up or down. Its stretches are named after the channel.

    Each fault lies in a stretch of its own: the rows before it, and itself, which are labelled odd.
    """
    rng = np.random.default_rng(seed)
    values = table.stacked()
    room = [stretch for stretch in table.stretches if len(stretch.t_ns) >= 2 * ROWS]
    if not values.size or not room:
        return Table(table.channels, ())
    spread = _spread(values)
    able = [at for at in range(len(table.channels)) if spread[at] > 0]
    if len(able) > CHANNELS:
        able = sorted(rng.choice(able, CHANNELS, replace=False).tolist())
    made = []
    for channel in able:
        for size in (*SIZES, *(-each for each in SIZES)):
            stretch = room[int(rng.integers(len(room)))]
            end = int(rng.integers(2 * ROWS, len(stretch.t_ns) + 1))
            part = stretch.part(slice(max(0, end - ROWS - BEFORE), end))
            made.append(_shifted(part, table.channels, channel, size * float(spread[channel])))
    return Table(table.channels, tuple(made), classes=table.classes, words=table.words)


def _shifted(part: Stretch, channels: tuple[str, ...], channel: int, by: float) -> Stretch:
    rows, label = part.rows.copy(), np.zeros(len(part.t_ns))
    rows[-ROWS:, channel] += by
    label[-ROWS:] = 1.0
    return Stretch(channels[channel], part.t_ns, rows, label)


def _spread(values: F64) -> F64:
    with np.errstate(all="ignore"):
        low, high = np.nanquantile(np.where(np.isfinite(values), values, np.nan), [0.25, 0.75], axis=0)
    spread: F64 = np.nan_to_num((high - low) / 1.349)
    return spread
