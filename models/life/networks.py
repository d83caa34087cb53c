"""Small neural networks side by side, as arrays: fitted by scikit-learn, read and traced back here."""

import warnings
from dataclasses import dataclass

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPRegressor

from models.contract import F64
from models.product import product

BATCH = 256  # rows of a step
PACE = 2e-3  # of learning


@dataclass(frozen=True)
class Network:
    """Layers of weighted sums, each but the last cut off below 0."""

    weights: tuple[F64, ...]  # a layer: in x out
    shifts: tuple[F64, ...]  # a layer: out

    def read(self, x: F64) -> F64:
        """What it makes of n rows (n x q), n."""
        *hidden, last = zip(self.weights, self.shifts, strict=True)
        for weight, shift in hidden:
            x = product(x, weight)
            x += shift
            np.maximum(x, 0.0, out=x)
        return np.asarray(product(x, last[0])[:, 0] + last[1][0], dtype=np.float64)

    def slopes(self, x: F64) -> F64:
        """How what it makes of each row grows with each number of the row, n x q."""
        open_: list[np.ndarray] = []
        for weight, shift in zip(self.weights[:-1], self.shifts[:-1], strict=True):
            x = x @ weight + shift
            open_.append(x > 0.0)
            x = np.where(open_[-1], x, 0.0)
        back = np.repeat(self.weights[-1].T, len(x), axis=0)
        for weight, passed in zip(self.weights[-2::-1], open_[::-1], strict=True):
            back = np.where(passed, back, 0.0) @ weight.T
        return np.asarray(back, dtype=np.float64)


def learnt(
    x: F64, target: F64, weight: F64, *, hidden: tuple[int, ...], decay: float, passes: int, seed: int
) -> Network:
    """A network that makes `target` (n) of x (n x q), rows counting by `weight` (n)."""
    made = MLPRegressor(
        hidden_layer_sizes=hidden,
        alpha=decay,
        learning_rate_init=PACE,
        batch_size=min(BATCH, len(x)),
        max_iter=passes,
        random_state=seed,
    )
    with warnings.catch_warnings():  # so many passes are asked for, not convergence
        warnings.simplefilter("ignore", ConvergenceWarning)
        made.fit(x, target, sample_weight=weight)
    return Network(tuple(map(np.asarray, made.coefs_)), tuple(map(np.asarray, made.intercepts_)))
