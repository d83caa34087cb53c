"""How channels go together: what each should be, given all the others.

Sums run channel by channel in a fixed order: the bits of a device must not depend on the company it is computed in.
"""

import numpy as np

from models.contract import F64, Bools

CLOSEST = 0.999  # channels are never taken to be closer than this, or rounding would look like a fault
SMALLEST = 1e-12


def unpacked(packed: F64, channels: int) -> F64:
    """Symmetric matrices (bands, c, c, D) from their upper halves (bands, c (c + 1) / 2, D)."""
    i, j = np.triu_indices(channels)
    out = np.empty((packed.shape[0], channels, channels, packed.shape[2]))
    out[:, i, j] = packed
    out[:, j, i] = packed
    return out


def packed(full: F64) -> F64:
    """The upper halves of symmetric matrices."""
    i, j = np.triu_indices(full.shape[1])
    return full[:, i, j]


def times(matrix: F64, vector: F64) -> F64:
    """Matrix (..., c, c, D) times vector (..., c, D)."""
    out: F64 = matrix[..., :, 0, :] * vector[..., 0:1, :]
    for j in range(1, vector.shape[-2]):
        out += matrix[..., :, j, :] * vector[..., j : j + 1, :]
    return out


def inverse(matrix: F64) -> F64:
    """Inverse of symmetric positive definite matrices (bands, c, c, D) by sweeping one channel after the other."""
    a = matrix.copy()
    for k in range(a.shape[1]):
        pivot = np.maximum(a[:, k, k], SMALLEST)
        row = a[:, k] / pivot[:, None]
        a -= a[:, :, k, None] * row[:, None]
        a[:, k] = row
        a[:, :, k] = row
        a[:, k, k] = -1.0 / pivot
    return -a


def imputed(precision: F64, vector: F64, missing: Bools) -> F64:
    """The vector with missing channels at what the others let expect; two rounds over the channels."""
    out = np.where(missing, 0.0, vector)
    for _ in range(2):
        for i in range(out.shape[-2]):
            if missing[..., i, :].any():
                pull = times(precision[..., i : i + 1, :, :], out)[..., 0, :] / precision[..., i, i, :]
                out[..., i, :] -= np.where(missing[..., i, :], pull, 0.0)
    return out
