"""Means and variances of the last n rows, put together from halves, so that a row's bits do not depend on the call."""

import numpy as np

from models.contract import F64


def mean(x: F64, rows: int) -> F64:
    """The mean of every `rows` rows in a row of x (n x w): n - rows + 1 x w.

    >>> mean(np.arange(6.0)[:, None], 3).ravel().tolist()
    [1.0, 2.0, 3.0, 4.0]
    """
    count = len(x) - rows + 1
    part, size, total, taken = x, 1, np.zeros(()), 0
    while True:
        if rows & size:
            total = total + part[taken : taken + count]
            taken += size
        if taken == rows:
            return total / rows
        part = part[:-size] + part[size:]
        size *= 2


def variance(x: F64, rows: int) -> F64:
    """The mean square about the mean of every `rows` rows in a row (Chan, Golub and LeVeque 1983): exactly 0 at rest.

    >>> variance(np.array([[1.0], [3.0], [3.0], [3.0]]), 2).ravel().tolist()
    [1.0, 0.0, 0.0]
    """
    count = len(x) - rows + 1
    middle, square, size = x, np.zeros_like(x), 1
    whole, total, taken = x[:count], np.zeros((count, x.shape[1])), 0
    while True:
        if rows & size:
            part = slice(taken, taken + count)
            if taken:
                apart = middle[part] - whole
                whole = whole + apart * (size / (taken + size))
                total = total + square[part] + apart * apart * (taken * size / (taken + size))
            else:
                whole, total = middle[part], square[part]
            taken += size
        if taken == rows:
            return total / rows
        apart = middle[size:] - middle[:-size]
        square = square[:-size] + square[size:] + apart * apart * (size / 2)
        middle = (middle[:-size] + middle[size:]) / 2
        size *= 2
