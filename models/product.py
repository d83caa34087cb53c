"""Rows times a matrix so that a row's result does not depend on the rows that come with it."""

import numpy as np

from models.contract import F64

TOGETHER = 64  # BLAS adds in another order where there are few rows, and begins threads where there are many


def product(x: F64, matrix: F64) -> F64:
    """The product of n x f rows and an f x q matrix, always of so many rows at a time; the same bits for any split.

    >>> product(np.array([[1.0, 2.0]]), np.array([[3.0], [4.0]])).tolist()
    [[11.0]]
    """
    count, width = x.shape
    wanted = -(-count // TOGETHER) * TOGETHER
    if wanted != count:
        x = np.concatenate([x, np.zeros((wanted - count, width))])
    made: F64 = np.ascontiguousarray(x).reshape(-1, TOGETHER, width) @ matrix
    return made.reshape(wanted, matrix.shape[1])[:count]
