"""The values that channels have shown of late, as few telling places a channel; finds those that are new."""

import msgspec
import numpy as np

from models.contract import F64, I64, Bools

ONCE = 0.5  # beside the row of its last visit: nothing came back to that place yet


class New(msgspec.Struct, frozen=True):
    """Values that were shown nowhere near before; all (n,)."""

    channel: I64
    away: F64  # from the nearest known value; infinite where none is known
    alone: F64  # how far that one is from its own nearest; 0 where it was visited more than once
    width: F64  # from the lowest to the highest known value, the new one included


class Visited:
    """Places of S channels, K each: a value and the row of its last visit, 0 = free. They are written to.

    A value within a `grain` of the width of a known place is a visit to it. Places that nothing came back to for
    `rows` rows are forgotten; where none is free, of the two that lie closest the one stays that was visited last.
    """

    def __init__(self, value: F64, visit: F64, width: F64, *, rows: int, grain: float) -> None:
        self.value = value  # (S, K)
        self.visit = visit  # (S, K)
        self.width = width  # (S,), as it was when last measured
        self.rows = rows
        self.grain = grain
        self._all = np.arange(len(value))

    def take(self, count: int) -> "Visited":
        """The first channels; views."""
        parts = self.value[:count], self.visit[:count], self.width[:count]
        return Visited(*parts, rows=self.rows, grain=self.grain)

    def show(self, x: F64, stamp: F64, oldest: F64) -> New | None:
        """One more row: values x (S,), NaN where missing; `stamp` (S,) its number, -1 where nothing is to be learnt.

        Places last visited before `oldest` (S,) are not known any more.
        """
        apart = np.abs(self.value - x[:, None])
        np.copyto(apart, np.inf, where=self.visit < oldest[:, None])
        place = apart.argmin(axis=1)
        away = apart[self._all, place]
        new = (away > self.grain * self.width) & ~np.isnan(x)
        if not new.any():
            self.visit[self._all, place] = np.maximum(self.visit[self._all, place], stamp)
            return None
        near = np.flatnonzero(~new)
        self.visit[near, place[near]] = np.maximum(self.visit[near, place[near]], stamp[near])
        return self._new(np.flatnonzero(new), x, stamp, oldest)

    def measure(self, channels: I64, oldest: F64) -> None:
        """Measure the width of some channels anew; `oldest` (S,) as above."""
        known = self.visit[channels] >= oldest[channels, None]
        self.width[channels] = _width(self.value[channels], known, np.full(len(channels), np.nan))

    def _new(self, at: I64, x: F64, stamp: F64, oldest: F64) -> New:
        value, known = self.value[at], self.visit[at] >= oldest[at, None]
        apart = np.where(known, np.abs(value - x[at, None]), np.inf)
        place = apart.argmin(axis=1)
        width = _width(value, known, x[at])
        once = self.visit[at, place] % 1.0 == ONCE
        found = New(
            channel=at,
            away=apart[np.arange(at.size), place],
            alone=np.where(once, _alone(value, known, place), 0.0),
            width=width,
        )
        learns = stamp[at] > 0.0
        taught = at[learns]
        if taught.size:
            self.width[taught] = width[learns]
            free = self._free(taught, oldest[taught])
            self.value[taught, free] = x[taught]
            self.visit[taught, free] = stamp[taught] + ONCE
        return found

    def _free(self, at: I64, oldest: F64) -> I64:
        """A place for each of some channels: that of the oldest visit, or one of the closest two."""
        place: I64 = self.visit[at].argmin(axis=1)
        held = np.flatnonzero(self.visit[at, place] >= oldest)
        if held.size:
            place[held] = self._join(at[held])
        return place

    def _join(self, at: I64) -> I64:
        """Of the closest two places of some channels the later visited stands for both; hand over the other."""
        order = self.value[at].argsort(axis=1, kind="stable")
        row = np.arange(len(at))
        sort = self.value[at[:, None], order]
        low = (sort[:, 1:] - sort[:, :-1]).argmin(axis=1)
        pair = np.stack([order[row, low], order[row, low + 1]])
        visits = self.visit[at, pair]
        later = visits.argmax(axis=0)
        kept: I64 = pair[later, row]
        gone: I64 = pair[1 - later, row]
        self.visit[at, kept] = np.floor(visits.max(axis=0))
        return gone


def _width(value: F64, known: Bools, x: F64) -> F64:
    """From lowest to highest of the known values and x; 0 where there is none."""
    highest = np.fmax(np.where(known, value, -np.inf).max(axis=1), x)
    lowest = np.fmin(np.where(known, value, np.inf).min(axis=1), x)
    width: F64 = np.maximum(highest - lowest, 0.0)
    return width


def _alone(value: F64, known: Bools, place: I64) -> F64:
    """How far the value at `place` (n,) is from the nearest other known one; 0 where there is no other."""
    at = np.arange(len(place))
    apart = np.where(known, np.abs(value - value[at, place][:, None]), np.inf)
    apart[at, place] = np.inf
    nearest = apart.min(axis=1)
    return np.where(nearest < np.inf, nearest, 0.0)
