"""What calling units early comes to: who is stopped, what that saves, and the bounds of a share that was counted."""

import msgspec
import numpy as np
from scipy.stats import beta

from models.contract import F64, I64, Bools
from models.outcome.early_odds import independent


class Saved(msgspec.Struct, frozen=True):
    """Of n units with k steps each, stopped after the first step in which they are called."""

    time: float  # saved on units that fail, s
    failing: float  # share of the units that fail
    wrongly: int  # stopped units that would have passed
    passing: int  # of so many


def saved(stop: Bools, truth: Bools, seconds: F64) -> Saved:
    """From who would be stopped after which step (n x k), and how long each step took (n x k)."""
    stopped = np.any(stop, axis=1)
    time = np.where(stopped, left_after(seconds)[np.arange(len(stop)), stop.argmax(axis=1)], 0.0)
    return Saved(
        time=float(time[truth].sum()),
        failing=float(stopped[truth].mean()),
        wrongly=int(stopped[~truth].sum()),
        passing=int((~truth).sum()),
    )


def oracle(doomed: I64, truth: Bools, seconds: F64) -> float:
    """The time that is saved by stopping each failing unit after the step that doomed it, s."""
    return float(left_after(seconds)[np.flatnonzero(truth), doomed[truth]].sum())


def left_after(seconds: F64) -> F64:
    """How much time is left after each step, n x k.

    >>> left_after(np.array([[3.0, 2.0, 1.0]])).tolist()
    [[3.0, 1.0, 0.0]]
    """
    return np.asarray(np.cumsum(seconds[:, ::-1], axis=1)[:, ::-1] - seconds)


def bounds(count: float, of: float, share: float = 0.95) -> tuple[float, float]:
    """Of a share that was counted (Clopper and Pearson 1934).

    >>> [round(bound, 3) for bound in bounds(0, 100)]
    [0.0, 0.036]
    """
    tail = (1.0 - share) / 2.0
    low = float(beta.ppf(tail, count, of - count + 1)) if count else 0.0
    return low, float(beta.ppf(1.0 - tail, count + 1, of - count)) if count < of else 1.0


def spell_bounds(chosen: Bools, share: float = 0.95) -> tuple[float, float]:
    """The same of units of stations, each station's together and in their order: they are stopped in spells."""
    of = independent(chosen, np.ones(len(chosen)))
    return bounds(float(chosen.mean()) * of, of, share)
