"""Laying rows on a device's time grid: one row an interval, the last value held for a while, gaps left out."""

import msgspec
import numpy as np

from models.contract import F64, I64

HOLD = 3  # intervals that a value stands for
_LONG_AGO = -(2**61)


class Rows(msgspec.Struct, frozen=True):
    """Closed grid rows: the middle of their intervals, and the last value of each channel."""

    t_ns: I64  # k
    values: F64  # k x c


class Grid(msgspec.Struct, frozen=True):
    """Where a device's grid stands. Interval g covers [phase + g * every, phase + (g + 1) * every).

    The phase is set by the first row, which comes to lie in the middle of its interval. A row closes when one of a
    later interval comes, or when `close` says that its time is up. What comes for a closed interval is too old.
    """

    every_ns: int
    phase_ns: int
    closed: int  # newest closed interval, -1 = none
    open: int  # the interval that still gathers, -1 = none
    opened_ns: int  # device clock when its first reading came
    value: F64  # newest of each channel
    at: I64  # the interval of that

    @staticmethod
    def cold(every_ns: int, first_ns: int, channels: int) -> "Grid":
        """A grid on which the first row lies in the middle of an interval."""
        phase = (first_ns - every_ns // 2) % every_ns - every_ns  # so that interval numbers are positive
        return Grid(every_ns, phase, -1, -1, 0, np.full(channels, np.nan), np.full(channels, _LONG_AGO))

    def grown(self, channels: int) -> "Grid":
        """The same with room for new channels."""
        more = channels - self.value.size
        value = np.concatenate([self.value, np.full(more, np.nan)])
        return msgspec.structs.replace(self, value=value, at=np.concatenate([self.at, np.full(more, _LONG_AGO)]))

    @property
    def due_ns(self) -> int:
        """The device clock at which the open interval's time is up."""
        return self.opened_ns + self.every_ns

    def middle_ns(self, interval: I64) -> I64:
        """The time that a closed row carries."""
        return self.phase_ns + interval * self.every_ns + self.every_ns // 2

    def lay(self, t_ns: I64, values: F64, clock_ns: int, *, whole: bool) -> tuple["Grid", Rows, int]:
        """Lay rows in time order: the new grid, the rows that this closes, and how many were too old."""
        interval = (t_ns - self.phase_ns) // self.every_ns
        old = 0
        newest_closed = max(self.closed, self.open - 1)
        if interval[0] <= newest_closed:
            old = int(np.searchsorted(interval, newest_closed, side="right"))
            interval, values = interval[old:], values[old:]
            if not interval.size:
                return self, self._none(), old
        before = self.open if self.open >= 0 else self.closed
        steps = np.concatenate([[before], interval])
        ends = (steps[1:] != steps[:-1]).nonzero()[0]  # the last row of each interval but the last, 0 = carried
        filled, at = self._filled(values, interval, whole=whole)
        rows = self._closed(steps, ends, filled, at, whole=whole)
        opened = self.opened_ns if interval[-1] == self.open else clock_ns
        newest = int(interval[-1])
        return Grid(self.every_ns, self.phase_ns, newest - 1, newest, opened, filled[-1], at[-1]), rows, old

    def close(self) -> tuple["Grid", Rows]:
        """The open interval's time is up."""
        age = self.open - self.at
        value = np.where(age <= HOLD, self.value, np.nan)
        grid = msgspec.structs.replace(self, closed=self.open, open=-1)
        return grid, _shown(self.middle_ns(np.array([self.open])), value[None, :])

    def _none(self) -> Rows:
        return Rows(np.zeros(0, dtype=np.int64), np.zeros((0, self.value.size)))

    def _filled(self, values: F64, interval: I64, *, whole: bool) -> tuple[F64, I64]:
        """Carry each channel's newest value down the rows, below what is carried from before; and its interval."""
        filled = np.concatenate([self.value[None, :], values])
        at = np.empty(filled.shape, dtype=np.int64)
        at[0] = self.at
        at[1:] = interval[:, None]
        if whole:
            return filled, at
        rows, channels = filled.shape
        source = np.where(np.isnan(filled), 0, np.arange(rows)[:, None])
        source = np.maximum.accumulate(source, axis=0)
        every = np.arange(channels)
        return filled[source, every], at[source, every]

    def _closed(self, steps: I64, ends: I64, filled: F64, at: I64, *, whole: bool) -> Rows:
        interval = steps[ends]
        counts = np.minimum(steps[ends + 1] - interval, HOLD + 1)
        if self.open < 0 and ends.size and ends[0] == 0:
            # What was carried is of an interval closed before: only the empty ones after it are new.
            counts[0] = counts[0] - 1 if self.closed >= 0 else 0
            interval[0] += 1
        if (counts.size and counts.max() > 1) or (counts == 0).any():
            first = np.repeat(np.cumsum(counts) - counts, counts)
            interval = np.repeat(interval, counts) + np.arange(counts.sum()) - first
            ends = np.repeat(ends, counts)
        elif whole and (not ends.size or ends[0] > 0):
            return Rows(self.middle_ns(interval), filled[ends])
        values = np.where(interval[:, None] - at[ends] <= HOLD, filled[ends], np.nan)
        return _shown(self.middle_ns(interval), values)


def _shown(t_ns: I64, values: F64) -> Rows:
    """Leave out rows in which nothing is known."""
    known = ~np.isnan(values).all(axis=1)
    return Rows(t_ns, values) if known.all() else Rows(t_ns[known], values[known])
