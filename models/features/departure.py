"""How far a row is from the rows right before it."""

from typing import cast

import numpy as np
from scipy.signal import lfilter

from models.contract import F64, I64
from models.features.filters import Span
from models.features.kind import Kind


class Departure(Kind, frozen=True, tag="departure"):
    """How much a row differs from the exponential mean of about the last `span` rows: slow change leaves no trace."""

    span: Span

    @property
    def memory(self) -> int:
        """What the mean will add to the next row's share."""
        return 1

    @property
    def warm(self) -> int:
        """One span."""
        return int(np.ceil(self.span))

    @property
    def outputs(self) -> int:
        """The difference."""
        return 1

    def start(self, first: F64) -> F64:
        """As if the first row had always stood there."""
        return (1.0 - 1.0 / self.span) * first[None]

    def run(self, memory: F64, x: F64, age: I64) -> tuple[list[F64], F64]:  # noqa: ARG002 -- see `start`
        """The differences."""
        pace = 1.0 / self.span
        mean, after = lfilter([pace], [1.0, pace - 1.0], x, axis=0, zi=memory)
        return [cast("F64", x - mean)], after
