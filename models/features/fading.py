"""Exponential means and fading peaks, which any split of the rows leaves the same."""

from functools import cache
from itertools import accumulate
from typing import cast

import numpy as np
from scipy.signal import lfilter

from models.contract import F64


def mean(x: F64, span: float, memory: F64) -> tuple[F64, F64]:
    """Means that look back about `span` rows of x (k x ...), and the memory (1 x ...) after them.

    The memory is what a mean adds to the next row's share; zeros: all was 0 before.
    """
    if not len(x):
        return x, memory  # of no rows scipy makes another memory
    out, after = lfilter(*_weights(span), x, axis=0, zi=memory)
    return cast("F64", out), cast("F64", after)


def begun(first: F64, span: float) -> F64:
    """The memory (1 x ...) of means of rows that had always been `first`."""
    return (1.0 - 1.0 / span) * first[None]


def peak(x: F64, span: float, before: float) -> F64:
    """The largest of x (k) up to each row and of what was there before, fading by two thirds in `span` rows; k.

    >>> peak(np.array([4.0, 0.0, 3.0]), 2.0, before=1.0).tolist()
    [4.0, 2.0, 3.0]
    """
    keep = 1.0 - 1.0 / span
    return np.array(list(accumulate(x.tolist(), lambda top, new: max(top * keep, new), initial=before))[1:])


@cache
def _weights(span: float) -> tuple[F64, F64]:
    pace = 1.0 / span
    return np.array([pace]), np.array([1.0, pace - 1.0])
