"""What a feature is: numbers made of each column of a stretch by itself, row by row, with a small memory."""

from typing import Protocol

import msgspec
import numpy as np

from models.contract import F64, I64


class Feature(Protocol):
    """A causal feature. A column is one channel of one device; columns know nothing of each other."""

    @property
    def memory(self) -> int:
        """Numbers that must be kept of a column from one call to the next."""

    @property
    def warm(self) -> int:
        """Rows that a column must have shown before the feature means what it says."""

    @property
    def outputs(self) -> int:
        """Numbers that it makes of a value."""

    @property
    def shows_gaps(self) -> bool:
        """Whether the bank lays NaN over the outputs where the value is missing."""

    def start(self, first: F64) -> F64:
        """The memory (memory x w) of columns whose first row is `first` (w): as if it had always stood there."""

    def run(self, memory: F64, x: F64, age: I64) -> tuple[list[F64], F64]:
        """The outputs, each k x w, for k further rows x (k x w, no NaN), and the memory after them.

        `age` (k x w) counts the rows that the column showed before each. The same rows in any split give the same bits.
        """


class Kind(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind"):
    """Base of the structs that features and normalisers are: their fields are what a recipe may set."""


class Single(Kind, frozen=True):
    """Base of features: makes one number of a value at once, and keeps nothing, unless it says otherwise."""

    @property
    def memory(self) -> int:
        """See Feature, as all below."""
        return 0

    @property
    def warm(self) -> int:
        """One row."""
        return 1

    @property
    def outputs(self) -> int:
        """One."""
        return 1

    @property
    def shows_gaps(self) -> bool:
        """Estimators are spared what is missing."""
        return False

    def start(self, first: F64) -> F64:
        """Nothing has been seen."""
        return np.zeros((self.memory, len(first)))
