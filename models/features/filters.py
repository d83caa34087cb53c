"""Features that look at the last rows: means, deviations and differences."""

from typing import Annotated

import msgspec
import numpy as np

from models.contract import F64, I64
from models.features import fading, windows
from models.features.kind import Single

Rows = Annotated[int, msgspec.Meta(ge=1, le=4096)]
Span = Annotated[float, msgspec.Meta(ge=1.0, le=1e6)]


class Value(Single, frozen=True, tag="value"):
    """The row itself."""

    def run(self, memory: F64, x: F64, age: I64) -> tuple[list[F64], F64]:  # noqa: ARG002 -- looks back at nothing
        """The values."""
        return [x], memory


class Seen(Value, frozen=True, tag="seen"):
    """The row itself, NaN where a value is missing: for estimators that split on what is absent."""

    @property
    def shows_gaps(self) -> bool:
        """It does."""
        return True


class Count(Single, frozen=True, tag="count"):
    """How many rows there are up to now."""

    def run(self, memory: F64, x: F64, age: I64) -> tuple[list[F64], F64]:
        """From 1 on."""
        return [np.broadcast_to(age + 1.0, x.shape)], memory


class _Window(Single, frozen=True):
    """Keeps the last rows; before the first, all were as it."""

    def start(self, first: F64) -> F64:
        """As if the first row had always stood there."""
        return np.repeat(first[None], self.memory, axis=0)


class Mean(_Window, frozen=True, tag="mean"):
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

    def run(self, memory: F64, x: F64, age: I64) -> tuple[list[F64], F64]:  # noqa: ARG002 -- see `start`
        """The trailing means."""
        both = np.concatenate([memory, x])
        return [windows.mean(both, self.rows)], both[len(x) :]


class Deviation(_Window, frozen=True, tag="deviation"):
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

    def run(self, memory: F64, x: F64, age: I64) -> tuple[list[F64], F64]:  # noqa: ARG002 -- see `start`
        """The trailing deviations."""
        both = np.concatenate([memory, x])
        return [_above(np.sqrt(windows.variance(both, self.rows)), self.floor)], both[len(x) :]


class Lag(_Window, frozen=True, tag="lag"):
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

    def run(self, memory: F64, x: F64, age: I64) -> tuple[list[F64], F64]:  # noqa: ARG002 -- see `start`
        """The earlier rows."""
        both = np.concatenate([memory, x])
        return [both[: len(x)]], both[len(x) :]


class Change(Lag, frozen=True, tag="change"):
    """How much a row differs from the one `rows` rows ago."""

    def run(self, memory: F64, x: F64, age: I64) -> tuple[list[F64], F64]:
        """The differences."""
        (earlier,), after = super().run(memory, x, age)
        return [x - earlier], after


class Smooth(Single, frozen=True, tag="smooth"):
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

    def start(self, first: F64) -> F64:
        """As if the first row had always stood there."""
        return fading.begun(first, self.span)

    def run(self, memory: F64, x: F64, age: I64) -> tuple[list[F64], F64]:  # noqa: ARG002 -- see `start`
        """The exponential means."""
        out, memory = fading.mean(x, self.span, memory)
        return [out], memory


class Departure(Smooth, frozen=True, tag="departure"):
    """How much a row differs from the exponential mean of about the last `span` rows: slow change leaves no trace."""

    def run(self, memory: F64, x: F64, age: I64) -> tuple[list[F64], F64]:
        """The differences."""
        (mean,), memory = super().run(memory, x, age)
        return [x - mean], memory


class Restless(Smooth, frozen=True, tag="restless"):
    """Exponential deviation over about `span` rows; with `floor`, its logarithm above that floor."""

    floor: float | None = None

    @property
    def memory(self) -> int:
        """The means of rows and of their squares."""
        return 2

    def start(self, first: F64) -> F64:
        """As if the first row had always stood there."""
        return np.concatenate([fading.begun(first, self.span), fading.begun(first * first, self.span)])

    def run(self, memory: F64, x: F64, age: I64) -> tuple[list[F64], F64]:  # noqa: ARG002 -- see `start`
        """The exponential deviations."""
        mean, first = fading.mean(x, self.span, memory[:1])
        square, second = fading.mean(x * x, self.span, memory[1:])
        deviation = np.sqrt(np.maximum(square - mean * mean, 0.0))
        return [_above(deviation, self.floor)], np.concatenate([first, second])


def _above(deviation: F64, floor: float | None) -> F64:
    out: F64 = deviation if floor is None else np.log(deviation + floor)
    return out
