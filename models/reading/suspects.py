"""Channels that are probably none: a model would learn from them when it was, or what it is to find out."""

import numpy as np

from models.reading.roles import listed
from models.table import Table

FEW = 10  # rows of a stretch, which prove nothing


def suspects(table: Table) -> list[str]:
    """Sentences about columns that only count up, or hold only 0 and 1."""
    with np.errstate(over="ignore", invalid="ignore"):  # absurd values are told of elsewhere
        return [*_clocks(table), *_flags(table)]


def _clocks(table: Table) -> list[str]:
    """Channels that only count up: a model would learn when it was, not how the machine is."""
    suspects = set(table.channels) if any(len(stretch.t_ns) > FEW for stretch in table.stretches) else set()
    for stretch in table.stretches:
        if suspects and len(stretch.t_ns) > 1:
            steps = np.diff(stretch.rows, axis=0)
            even = (steps > 0).all(axis=0) & (np.ptp(steps, axis=0) <= 1e-9 * np.abs(steps).max(axis=0))
            suspects &= {name for name, is_even in zip(table.channels, even, strict=True) if is_even}
    names = [name for name in table.channels if name in suspects]
    return [f"{listed(names, most=5)}: only counting up; --ignore what does not tell of the machine"] if names else []


def _flags(table: Table) -> list[str]:
    """Channels of 0 and 1, which may be labels that nobody named."""
    rows = table.stacked()
    only = ((rows == 0) | (rows == 1) | np.isnan(rows)).all(axis=0) & (rows == 0).any(axis=0) & (rows == 1).any(axis=0)
    names = [name for name, is_flag in zip(table.channels, only, strict=True) if is_flag and name not in table.words]
    return [f"{listed(names, most=5)}: only 0 and 1; --ignore what is a label and no sensor"] if names else []
