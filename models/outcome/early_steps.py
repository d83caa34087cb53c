"""Which columns of a unit's row are known after which step, and what each of them says."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.contract import F64, I64, Bools
from models.runs.row import is_margin, is_seconds, step_of


@dataclass(frozen=True)
class Steps:
    """c columns in the order of measurement; after step s the first `ends[s]` of them are known."""

    ends: I64  # steps
    place: I64  # c; the step that fills a column
    margin: Bools  # c; how far a measurement is inside its limits
    seconds: Bools  # c; how long the step took

    @property
    def measured(self) -> I64:
        """The columns that hold what was measured."""
        return np.flatnonzero(~self.margin & ~self.seconds)

    def known(self, step: int) -> int:
        """How many columns are known after a step; before the first none is."""
        return int(self.ends[step]) if step >= 0 else 0

    def done(self, x: F64) -> I64:
        """The last step of which something is known, from 0; -1 where nothing is; of n rows."""
        seen = np.isfinite(x)
        known = np.where(seen.any(axis=1), x.shape[1] - np.argmax(seen[:, ::-1], axis=1), 0)
        return np.asarray(np.where(known > 0, np.searchsorted(self.ends, known), -1), dtype=np.int64)


def steps(columns: Sequence[str], channels: int, count: int) -> Steps:
    """By the names of wide rows (`STEP/NAME`); columns that are named otherwise are cut into `count` steps."""
    named = [step_of(column) for column in columns]
    if all(named) and named:
        order = {step: at for at, step in enumerate(dict.fromkeys(reversed(named)))}  # by the last column of each
        place = np.array([len(order) - 1 - order[step] for step in named], dtype=np.int64)
        place = np.asarray(np.maximum.accumulate(place))  # a column among a later step's is known with that step
    else:
        cuts = np.unique(np.ceil(np.arange(1, count + 1) * channels / count).astype(np.int64))
        place = np.searchsorted(cuts, np.arange(channels), side="right")
        columns = [""] * channels
    _, place = np.unique(place, return_inverse=True)
    return Steps(
        ends=np.searchsorted(place, np.arange(place.max(initial=0) + 1), side="right").astype(np.int64),
        place=place.astype(np.int64),
        margin=np.array([is_margin(column) for column in columns], dtype=np.bool_),
        seconds=np.array([is_seconds(column) for column in columns], dtype=np.bool_),
    )
