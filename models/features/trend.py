"""Where a channel stands and where it is going: a straight line through its rows, in which older rows count less."""

from functools import cache
from typing import Annotated, cast

import msgspec
import numpy as np
from scipy.signal import lfilter

from models.contract import F64, I64
from models.features.kind import Single

Span = Annotated[float, msgspec.Meta(ge=2.0, le=4096.0)]
FEW = 8  # rows: a line through fewer says little
STEADY = 2.0  # spans: how much it is believed beforehand that nothing moves
FORGOTTEN = 25.0  # spans: what is older weighs nothing in 64 bits


class Trend(Single, frozen=True, tag="trend"):
    """Level at the newest row and change over a span, by discounted least squares (Brown 1963)."""

    span: Span

    @property
    def memory(self) -> int:
        """Discounted sums of the rows, and of the rows times their age."""
        return 3

    @property
    def warm(self) -> int:
        """From a few rows on the line is what those rows say."""
        return FEW

    @property
    def outputs(self) -> int:
        """Level and change."""
        return 2

    def run(self, memory: F64, x: F64, age: I64) -> tuple[list[F64], F64]:
        """The lines after each row."""
        keep = _keep(self.span)
        plain, first = lfilter([1.0], [1.0, -keep], x, axis=0, zi=memory[:1])
        aged, second = lfilter([0.0, -keep], [1.0, -2.0 * keep, keep * keep], x, axis=0, zi=memory[1:])
        of = _weights(self.span)[:, np.minimum(age[:, 0] if _alike(age) else age, _rows(self.span) - 1)]
        if of.ndim < 3:  # noqa: PLR2004 -- one age for all columns
            of = of[:, :, None]
        level, change = plain * of[0] + aged * of[1], plain * of[2] + aged * of[3]
        return [cast("F64", level), cast("F64", change)], np.concatenate([first, second])


def _alike(age: I64) -> bool:
    """Whether all columns are of the same age, as those of one device are."""
    return bool((age[0] == age[0, 0]).all()) if age.size else False


def _keep(span: float) -> float:
    return 1.0 - 2.0 / (span + 1.0)


def _rows(span: float) -> int:
    return int(np.ceil(FORGOTTEN * span))


@cache
def _weights(span: float) -> F64:
    """What the two sums weigh in level and change, by the age of the newest row: 4 x ages."""
    back = np.arange(_rows(span), dtype=np.float64)
    share = _keep(span) ** back
    none, one, two = np.cumsum(share), np.cumsum(-back * share), np.cumsum(back * back * share)
    area = none * (two + STEADY * span) - one * one
    return np.stack([1.0 / none + one * one / (none * area), -one / area, -one / area * span, none / area * span])
