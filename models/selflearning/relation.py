"""How channels go together: what each should be, given all the others.

The last axis are lanes (devices, or bands of devices), computed side by side: matrices are (c, c, lanes), vectors
(..., c, lanes). Sums run channel by channel in a fixed order: the bits of a device must not depend on the company it
is computed in.
"""

from functools import cache

import numpy as np

from models.contract import F64, I64, Bools

CLOSEST = 0.999  # channels are never taken to be closer than this, or rounding would look like a fault
SMALLEST = 1.0 - CLOSEST  # of a channel's variance that others must leave open; relations that hold together do


@cache
def pairs(channels: int) -> tuple[I64, I64]:
    """Both channels of each entry of an upper half, c (c + 1) / 2 of them."""
    i, j = np.triu_indices(channels)
    return i, j


@cache
def _places(channels: int) -> I64:
    """Where each entry of a full matrix stands in its upper half."""
    i, j = pairs(channels)
    out = np.empty((channels, channels), dtype=np.int64)
    out[i, j] = out[j, i] = np.arange(len(i))
    return out


def unpacked(packed: F64, channels: int) -> F64:
    """Symmetric matrices from their upper halves (c (c + 1) / 2, lanes)."""
    return packed.take(_places(channels), axis=0)


def products(weighted: F64, vector: F64) -> F64:
    """Sums over the rows of the products of any two channels, (c (c + 1) / 2, lanes)."""
    c, at = vector.shape[1], 0
    out = np.empty((len(pairs(c)[0]), vector.shape[2]))
    for i in range(c):
        np.einsum("nx,njx->jx", weighted[:, i], vector[:, i:], out=out[at : at + c - i])
        at += c - i
    return out


def times(matrix: F64, vector: F64) -> F64:
    """Symmetric matrix, or some columns of it, times vector."""
    if vector.shape[-1] == 1:  # of a single lane a sum over channels could be regrouped
        return times(np.repeat(matrix, 2, axis=-1), np.repeat(vector, 2, axis=-1))[..., :1]
    out: F64 = np.einsum("jix,...jx->...ix", matrix, vector)
    return out


def inverse(matrix: F64) -> F64:
    """Inverse of relations (ones on the diagonal) by sweeping one channel after the other.

    Learnt from rows of which some are missing, each pair from others, they need not hold together (be positive
    definite): a channel that the ones before it would determine to less than nothing then counts as wider than it is,
    by the modified Cholesky decomposition (Gill, Murray 1974), so that what comes out is positive definite always.
    """
    a = matrix.copy()
    outer = np.empty_like(a)
    for k in range(len(a)):
        beyond = np.square(a[k, k + 1 :]).max(axis=0, initial=SMALLEST)
        pivot = np.maximum(a[k, k], beyond)
        row = a[k] / pivot
        a -= np.multiply(a[:, k, None], row, out=outer)
        a[k] = row
        a[:, k] = row
        a[k, k] = -1.0 / pivot
    return np.negative(a, out=a)


def imputed(precision: F64, vector: F64, missing: Bools) -> F64:
    """The vector with missing channels at what the others let expect; two rounds over the channels."""
    out = np.where(missing, 0.0, vector)
    for _ in range(2):
        for i in range(out.shape[-2]):
            if missing[..., i, :].any():
                pull = times(precision[:, i : i + 1], out)[..., 0, :] / precision[i, i]
                out[..., i, :] -= np.where(missing[..., i, :], pull, 0.0)
    return out
