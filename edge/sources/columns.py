"""Which column of a table holds what, and one line of cells turned into a row."""

from collections.abc import Sequence

import msgspec

from edge.sources.numbers import number, numbers
from edge.sources.parsed import Parsed, Unread
from edge.sources.times import nanoseconds


class Columns(msgspec.Struct, frozen=True):
    """The columns of a table by name, those that are channels, and the one that holds the time."""

    names: tuple[str, ...]
    channels: tuple[str, ...]
    picks: tuple[int, ...]  # column of each channel
    time_at: int | None

    def row(self, cells: Sequence[str]) -> Parsed | Unread:
        """Read one line's cells; the reason of a refusal names the place."""
        if len(cells) != len(self.names):
            return Unread(reason=f"wrong number of fields: {len(cells)} instead of {len(self.names)}")
        picked = [cells[at] for at in self.picks]
        values: tuple[float, ...] | Unread = numbers(picked) or self._one_by_one(picked)
        if isinstance(values, Unread):
            return values
        if self.time_at is None:
            return Parsed(self.channels, values)
        claimed = nanoseconds(cells[self.time_at])
        if claimed is None:
            return Unread(reason=f"field {self.time_at + 1} ({self.names[self.time_at]}): not a time")
        return Parsed(self.channels, values, claimed)

    def _one_by_one(self, picked: Sequence[str]) -> tuple[float, ...] | Unread:
        values = []
        for name, at, cell in zip(self.channels, self.picks, picked, strict=True):
            value = number(cell)
            if value is None:
                return Unread(reason=f"field {at + 1} ({name}): not a finite number")
            values.append(value)
        return tuple(values)


def columns(names: Sequence[str], *, channels: Sequence[str] = (), time_field: str = "") -> Columns:
    """Columns of a header; `channels` picks among the names, empty: all but the time."""
    kept = tuple(name for name in (channels or names) if name != time_field)
    places = {name: at for at, name in enumerate(names)}
    return Columns(
        names=tuple(names),
        channels=kept,
        picks=tuple(places[name] for name in kept),
        time_at=places.get(time_field),
    )
