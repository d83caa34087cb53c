"""How good a stretch of rows is: what is missing, what repeats itself, where nothing came."""

import numpy as np

from models.catalogue.entries import Quality, Stretch
from models.contract import F64, I64, Bools
from store.port import Series

STUCK_ROWS = 30  # so many equal values one after the other, of a channel that has others too
STEADY = 2  # a channel of so few values is a switch: it may rest
GAP_STEPS = 10.0  # nothing for so many times the usual step
SHOWN = 20  # stretches of each kind that are told of, the longest


def quality(series: Series, *, lost: int = 0) -> Quality | None:
    """What rows in time order are worth, whole or thinned by minimum and maximum; None where there are none.

    >>> rows = Series([0, 1, 2, 3], {"flow": [1.0, None, 2.0, 3.0]})
    >>> found = quality(rows); dict(found.missing), found.stuck, found.gaps
    ({'flow': 0.25}, (), ())
    """
    if not series.t_ns:
        return None
    t_ns = np.array(series.t_ns, dtype=np.int64)
    columns = {name: _floats(cells) for name, cells in series.columns.items()}
    stuck = [found for name, values in columns.items() for found in _stuck(name, t_ns, values)]
    return Quality(
        from_ns=int(t_ns[0]),
        to_ns=int(t_ns[-1]),
        rows=len(t_ns),
        missing={name: float(np.isnan(values).mean()) for name, values in columns.items()},
        stuck=_longest(stuck),
        gaps=_longest(_gaps(t_ns)),
        lost=lost,
    )


def _floats(cells: list[float | None]) -> F64:
    return np.array([np.nan if cell is None else cell for cell in cells], dtype=np.float64)


def _stuck(name: str, t_ns: I64, values: F64) -> list[Stretch]:
    known = ~np.isnan(values)
    t_ns, values = t_ns[known], values[known]
    if len(values) < STUCK_ROWS or len(np.unique(values)) <= STEADY:
        return []
    begins, ends = _runs(values[1:] == values[:-1])
    long = ends - begins + 1 >= STUCK_ROWS
    pairs = zip(begins[long], ends[long], strict=True)
    return [Stretch(name, int(t_ns[begin]), int(t_ns[end])) for begin, end in pairs]


def _gaps(t_ns: I64) -> list[Stretch]:
    steps = np.diff(t_ns)
    if not len(steps):
        return []
    far = np.flatnonzero(steps > GAP_STEPS * np.median(steps))
    return [Stretch("", int(t_ns[at]), int(t_ns[at + 1])) for at in far]


def _runs(same: Bools) -> tuple[I64, I64]:
    """First and last row of each run of equal neighbours."""
    edges = np.diff(np.concatenate([[0], same.astype(np.int64), [0]]))
    return np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)


def _longest(found: list[Stretch]) -> tuple[Stretch, ...]:
    return tuple(sorted(found, key=lambda each: each.from_ns - each.to_ns)[:SHOWN])
