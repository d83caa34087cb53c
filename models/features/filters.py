"""Features that are linear filters: means, deviations and differences over the last rows."""

from functools import cache
from typing import Annotated, cast

import msgspec
import numpy as np
from scipy.signal import lfilter

from models.contract import F64, I64
from models.features import windows
from models.features.kind import Kind

Rows = Annotated[int, msgspec.Meta(ge=1, le=4096)]
Span = Annotated[float, msgspec.Meta(ge=1.0, le=1e6)]


class Value(Kind, frozen=True, tag="value"):
    """The row itself."""

    @property
    def memory(self) -> int:
        """See Feature, as below."""
        return 0

    @property
    def warm(self) -> int:
        """One row says all."""
        return 1

    @property
    def outputs(self) -> int:
        """The value."""
        return 1

    def start(self, first: F64) -> F64:
        """Nothing to keep."""
        return np.zeros((0, len(first)))

    def run(self, memory: F64, x: F64, age: I64) -> tuple[list[F64], F64]:  # noqa: ARG002 -- looks back at nothing
        """The values."""
        return [x], memory


class Seen(Value, frozen=True, tag="seen"):
    """The row itself, NaN where a value is missing: for estimators that split on what is absent."""

    @property
    def shows_gaps(self) -> bool:
        """It does."""
        return True


class Mean(Kind, frozen=True, tag="mean"):
    """Mean of the last `rows` rows."""

    rows: Rows

    @property
    def memory(self) -> int:
        """The rows still inside the window."""
        return self.rows - 1

    @property
    def warm(self) -> int:
        """A full window."""
        return self.rows

    @property
    def outputs(self) -> int:
        """The mean."""
        return 1

    def start(self, first: F64) -> F64:
        """As if the first row had always stood there."""
        return np.repeat(first[None], self.memory, axis=0)

    def run(self, memory: F64, x: F64, age: I64) -> tuple[list[F64], F64]:  # noqa: ARG002 -- see `start`
        """The trailing means."""
        both = np.concatenate([memory, x])
        return [windows.mean(both, self.rows)], both[len(x) :]


class Deviation(Kind, frozen=True, tag="deviation"):
    """Standard deviation of the last `rows` rows about their mean; with `floor`, its logarithm above that floor."""

    rows: Annotated[int, msgspec.Meta(ge=2, le=4096)]
    floor: float | None = None  # in units of the normalised channel

    @property
    def memory(self) -> int:
        """The rows still inside the window."""
        return self.rows - 1

    @property
    def warm(self) -> int:
        """A full window."""
        return self.rows

    @property
    def outputs(self) -> int:
        """The deviation or its logarithm."""
        return 1

    def start(self, first: F64) -> F64:
        """As if the first row had always stood there."""
        return np.repeat(first[None], self.memory, axis=0)

    def run(self, memory: F64, x: F64, age: I64) -> tuple[list[F64], F64]:  # noqa: ARG002 -- see `start`
        """The trailing deviations."""
        both = np.concatenate([memory, x])
        deviation = np.sqrt(windows.variance(both, self.rows))
        out = deviation if self.floor is None else np.log(deviation + self.floor)
        return [out], both[len(x) :]


class Smooth(Kind, frozen=True, tag="smooth"):
    """Exponential mean that looks back about `span` rows."""

    span: Span

    @property
    def memory(self) -> int:
        """What it will add to the next row's share."""
        return 1

    @property
    def warm(self) -> int:
        """One span."""
        return int(np.ceil(self.span))

    @property
    def outputs(self) -> int:
        """The mean."""
        return 1

    def start(self, first: F64) -> F64:
        """As if the first row had always stood there."""
        return (1.0 - 1.0 / self.span) * first[None]

    def run(self, memory: F64, x: F64, age: I64) -> tuple[list[F64], F64]:  # noqa: ARG002 -- see `start`
        """The exponential means."""
        out, memory = _filtered(*_fading(self.span), memory, x)
        return [out], memory


class Restless(Kind, frozen=True, tag="restless"):
    """Exponential deviation over about `span` rows; with `floor`, its logarithm above that floor."""

    span: Span
    floor: float | None = None

    @property
    def memory(self) -> int:
        """The means of rows and of their squares."""
        return 2

    @property
    def warm(self) -> int:
        """One span."""
        return int(np.ceil(self.span))

    @property
    def outputs(self) -> int:
        """The deviation or its logarithm."""
        return 1

    def start(self, first: F64) -> F64:
        """As if the first row had always stood there."""
        keep = 1.0 - 1.0 / self.span
        return np.stack([keep * first, keep * first * first])

    def run(self, memory: F64, x: F64, age: I64) -> tuple[list[F64], F64]:  # noqa: ARG002 -- see `start`
        """The exponential deviations."""
        mean, first = _filtered(*_fading(self.span), memory[:1], x)
        square, second = _filtered(*_fading(self.span), memory[1:], x * x)
        deviation = np.sqrt(np.maximum(square - mean * mean, 0.0))
        out = deviation if self.floor is None else np.log(deviation + self.floor)
        return [out], np.concatenate([first, second])


class Lag(Kind, frozen=True, tag="lag"):
    """The row `rows` rows ago."""

    rows: Rows

    @property
    def memory(self) -> int:
        """The rows in between."""
        return self.rows

    @property
    def warm(self) -> int:
        """Until it is no longer the first row."""
        return self.rows + 1

    @property
    def outputs(self) -> int:
        """The earlier value."""
        return 1

    def start(self, first: F64) -> F64:
        """As if the first row had always stood there."""
        return np.repeat(first[None], self.rows, axis=0)

    def run(self, memory: F64, x: F64, age: I64) -> tuple[list[F64], F64]:  # noqa: ARG002 -- see `start`
        """The earlier rows."""
        both = np.concatenate([memory, x])
        return [both[: len(x)]], both[len(x) :]


class Change(Kind, frozen=True, tag="change"):
    """How much a row differs from the one `rows` rows ago."""

    rows: Rows

    @property
    def memory(self) -> int:
        """The rows in between."""
        return self.rows

    @property
    def warm(self) -> int:
        """Until the earlier row is no longer the first."""
        return self.rows + 1

    @property
    def outputs(self) -> int:
        """The difference."""
        return 1

    def start(self, first: F64) -> F64:
        """As if the first row had always stood there."""
        return np.repeat(first[None], self.rows, axis=0)

    def run(self, memory: F64, x: F64, age: I64) -> tuple[list[F64], F64]:  # noqa: ARG002 -- see `start`
        """The differences."""
        both = np.concatenate([memory, x])
        return [x - both[: len(x)]], both[len(x) :]


@cache
def _fading(span: float) -> tuple[F64, F64]:
    pace = 1.0 / span
    return np.array([pace]), np.array([1.0, pace - 1.0])


def _filtered(b: F64, a: F64, memory: F64, x: F64) -> tuple[F64, F64]:
    if not len(x):
        return x, memory  # of no rows scipy makes another memory
    out, after = lfilter(b, a, x, axis=0, zi=memory)
    return cast("F64", out), cast("F64", after)
