"""What an estimator is, before it is fitted and after."""

from collections.abc import Iterator
from typing import Protocol, runtime_checkable

import msgspec
import numpy as np

from models.contract import F32, F64, I64, Bools
from models.recipe import Recipe


class Training(msgspec.Struct, frozen=True):
    """What an estimator is fitted on: n warm rows of stretches below each other, f features of c channels.

    Feature j belongs to channel j % c.
    """

    x: F64  # n x f, no NaN but where a recipe lets missing values through
    label: F64  # n; NaN = not known
    stretch: I64  # n; which stretch a row is of, from 0
    age: I64  # n; rows of its stretch before it
    t_ns: I64  # n
    channels: int
    recipe: Recipe
    classes: tuple[str, ...] = ()
    names: tuple[str, ...] = ()  # of the channels
    weight: F64 | None = None  # n; how many units like it a row stands for; None: each for itself
    led: int = 0  # rows before the first of each stretch, which its features needed: so far do windows reach back

    @property
    def rows(self) -> int:
        """How many there are."""
        return len(self.x)

    def part(self, rows: Bools | I64) -> "Training":
        """Some of the rows."""
        return msgspec.structs.replace(
            self,
            x=self.x[rows],
            label=self.label[rows],
            stretch=self.stretch[rows],
            age=self.age[rows],
            t_ns=self.t_ns[rows],
            weight=None if self.weight is None else self.weight[rows],
        )

    def folds(self, count: int) -> Iterator[tuple[Bools, Bools]]:
        """(fitted on, held out) rows of contiguous blocks; of whole stretches where there are at least `count`.

        Rows beside a held-out block whose windows overlap with its own are neither.
        """
        whole = len(np.unique(self.stretch)) >= count
        places = np.unique(self.stretch, return_inverse=True)[1] if whole else np.arange(self.rows)
        apart, size = 0 if whole else self.led, int(places.max(initial=-1)) + 1
        for block in range(count):
            low, high = block * size // count, (block + 1) * size // count
            near = (places >= low - apart) & (places < high + apart)
            held = (places >= low) & (places < high)
            if held.any() and not near.all():
                yield ~near, held

    def pieces(self) -> list[I64]:
        """The places of rows that follow each other without a break."""
        broken = (np.diff(self.stretch) != 0) | (np.diff(self.age) != 1)
        return np.split(np.arange(self.rows), np.flatnonzero(broken) + 1)


class Settled(msgspec.Struct, frozen=True):
    """Scores of k rows of one device."""

    score: F64  # k; 1.0 = the limit
    memory: F64
    outlook: F32 | F64 | None = None  # see Scored
    seen: F64 | None = None  # k x q; what `blame` is shown instead of the looks, by a head that looks back


class Head(Protocol):
    """A fitted estimator: looks at each row by itself, then settles what it saw in the order of the rows."""

    @property
    def memory(self) -> int:
        """Numbers that it keeps of a device between calls; 0 for most."""

    def look(self, x: F64) -> F64:
        """What it sees in n rows of features (n x f), n x q, each row by itself: rows of many devices in one call."""

    def settle(self, memory: F64, looks: F64, age: I64) -> Settled:
        """Scores of k rows of one device in order, from its looks (k x q); `age`: rows of the device before each."""

    def blame(self, x: F64, looks: F64) -> F64:
        """Each channel's share in what is seen, n x c, not negative, rows summing to 1; `looks`, or what was `seen`."""


@runtime_checkable
class Foretelling(Protocol):
    """A head that tells more of what is to come than a life with its bounds, or how likely each class is."""

    @property
    def outlooks(self) -> int:
        """Numbers that it tells of a row."""


class Estimator(Protocol):
    """Hyper-parameters that can be fitted; implementations are structs named by `[estimator] kind = ...`."""

    def fit(self, training: Training) -> Head:
        """Fit, and set limits from rows that were held out; raises TrainingError where that is not possible."""


@runtime_checkable
class Weighing(Protocol):
    """An estimator that counts a row as many times as its weight says."""

    @property
    def weighs(self) -> bool:
        """True."""


@runtime_checkable
class Doubting(Protocol):
    """A head that may promise less than was asked for."""

    def doubts(self, training: Training) -> tuple[str, ...]:
        """What a person should know of it, as sentences."""


class TrainingError(Exception):
    """No defensible model can be made of these rows; the message says why and what would help."""


def shares(parts: F64) -> F64:
    """Parts (n x c, not negative) of their sum in each row; where there is none, all channels share alike.

    >>> shares(np.array([[3.0, 1.0], [0.0, 0.0]])).tolist()
    [[0.75, 0.25], [0.5, 0.5]]
    """
    total = parts.sum(axis=1, keepdims=True)
    out: F64 = np.where(total > 0, parts / np.where(total > 0, total, 1.0), 1.0 / parts.shape[1])
    return out
