"""A device's readings and scores out of InfluxDB: whole in pieces, or thinned so that a single spike survives.

InfluxDB computes the minimum and the maximum of each bucket, and does not say when in the bucket they were. Their order
is that of the signal around the bucket: the minimum first where it rises, the maximum first where it falls.
"""

from collections.abc import Iterator, Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from store.influx.client import Series
from store.influx.reading.asking import Asking, between
from store.influx.reading.names import identifier, text
from store.influx.table import (
    CONTRIBUTION,
    DEVICE,
    MODEL,
    READINGS,
    ROLE,
    SCORES,
    SHADOW_SCORES,
    VERSION,
    channel_field,
    shown,
)
from store.port import TooManyRowsError
from store.series import Columns, merged
from store.which import Whose

MOST_ROWS = 500_000  # in one answer; more go into a file
PIECE_VALUES = 100_000  # of one question
F64 = npt.NDArray[np.float64]


class Wanted(msgspec.Struct, frozen=True):
    """Which rows of a device."""

    device: str
    channels: Sequence[str]
    start_ns: int
    end_ns: int

    @property
    def conditions(self) -> tuple[str, str]:
        """As InfluxQL says it."""
        return f'"{DEVICE}" = {text(shown(self.device))}', between(self.start_ns, self.end_ns)


def pieces(asking: Asking, wanted: Wanted) -> Iterator[Columns]:
    """Every row in time order, as many at a time as one question may bring."""
    fields = ", ".join(identifier(channel_field(name)) for name in wanted.channels)
    width, limit = len(wanted.channels), max(PIECE_VALUES // max(len(wanted.channels), 1), 1000)
    while width:
        found = asking.ask([f"SELECT {fields} {asking.of(READINGS, *wanted.conditions)} LIMIT {limit}"])
        rows = columns(found, width)
        if len(rows.t_ns) < limit:
            yield merged([rows], width)
            return
        # What else there is of the last time, from another edge, comes with the next piece.
        last_ns = int(rows.t_ns[-1])
        whole = rows.t_ns < last_ns
        yield merged([Columns(rows.t_ns[whole], rows.values[:, whole])], width)
        wanted = msgspec.structs.replace(wanted, start_ns=last_ns)


def readings(asking: Asking, wanted: Wanted, points: int) -> Columns:
    """Every row in time order, or about `points` if there are more. Raises TooManyRowsError."""
    width = len(wanted.channels)
    if not points:
        return _all(asking, wanted)
    if not width:
        return merged([], 0)
    fields = [identifier(channel_field(name)) for name in wanted.channels]
    where = asking.of(READINGS, *wanted.conditions)
    rows = columns(asking.ask([f"SELECT {', '.join(fields)} {where} LIMIT {points + 1}"]), width)
    if len(rows.t_ns) <= points:
        return merged([rows], width)
    newest = columns(asking.ask([f"SELECT {', '.join(fields)} {where} ORDER BY time DESC LIMIT 1"]), width)
    grid = Grid.over(int(rows.t_ns[0]), int(newest.t_ns[0]), points)
    asked = ", ".join(f"min({field}), max({field})" for field in fields)
    found = columns(asking.ask([f"SELECT {asked} {where} {grid.grouping}"]), 2 * width)
    return grid.rows(found.t_ns, found.values[0::2], found.values[1::2])


def scores(asking: Asking, wanted: Wanted, whose: Whose, points: int) -> Columns:
    """Row 0 is the score, one more a channel its contribution; thinned, those of the highest score in a bucket."""
    width = 1 + len(wanted.channels)
    shares = [identifier(shown(CONTRIBUTION + name)) for name in wanted.channels]
    measurement = SCORES if whose.role == "champion" else SHADOW_SCORES
    where = asking.of(measurement, *wanted.conditions, *_of(whose))
    limit = points or MOST_ROWS
    rows = columns(asking.ask([f"SELECT {', '.join(['score', *shares])} {where} LIMIT {limit + 1}"]), width)
    if len(rows.t_ns) <= limit:
        return merged([rows], width)
    if not points:
        raise TooManyRowsError(wanted.device, MOST_ROWS)
    newest = columns(asking.ask([f"SELECT score {where} ORDER BY time DESC LIMIT 1"]), 1)
    grid = Grid.over(int(rows.t_ns[0]), int(newest.t_ns[0]), points)
    high = columns(asking.ask([f"SELECT {', '.join(['max(score)', *shares])} {where} {grid.grouping}"]), width)
    low = columns(asking.ask([f"SELECT min(score) {where} {grid.grouping}"]), 1)
    low_at = dict(zip(low.t_ns.tolist(), low.values[0].tolist(), strict=True))
    lowest = np.full_like(high.values, np.nan)  # a contribution belongs to the highest score alone
    lowest[0] = [low_at.get(at_ns, np.nan) for at_ns in high.t_ns.tolist()]
    return grid.rows(high.t_ns, lowest, high.values, together=True)


class Grid(msgspec.Struct, frozen=True):
    """Buckets of equal length between the first and the last row."""

    first_ns: int
    last_ns: int
    width_ns: int

    @classmethod
    def over(cls, first_ns: int, last_ns: int, points: int) -> "Grid":
        """Two rows a bucket make about `points`."""
        last_ns = max(first_ns, last_ns)
        return cls(first_ns, last_ns, (last_ns - first_ns) // max(points // 2, 1) + 1)

    @property
    def grouping(self) -> str:
        """The end of a statement that computes buckets."""
        return (
            f"AND time <= {self.last_ns} GROUP BY time({self.width_ns}ns, {self.first_ns % self.width_ns}ns) fill(none)"
        )

    def rows(self, bucket_ns: npt.NDArray[np.int64], low: F64, high: F64, *, together: bool = False) -> Columns:
        """Two rows a bucket, at a quarter and three quarters of it; one where there is nothing between them.

        `together`: the columns are of one row and keep together, in the order of the first.
        """
        rising = _rising(low, high)
        if together:
            rising = np.broadcast_to(rising[:1], low.shape)
        early, late = np.where(rising, low, high), np.where(rising, high, low)
        early_ns = np.clip(bucket_ns + self.width_ns // 4, self.first_ns, self.last_ns)
        late_ns = np.clip(bucket_ns + self.width_ns - self.width_ns // 4 - 1, self.first_ns, self.last_ns)
        flat = np.all((low == high) | (np.isnan(low) & np.isnan(high)), axis=0) | (early_ns == late_ns)
        keep = np.stack([np.ones(len(flat), bool), ~flat], axis=1).reshape(-1)
        t_ns = np.stack([early_ns, late_ns], axis=1).reshape(-1)[keep]
        values = np.stack([np.where(flat, high, early), late], axis=2).reshape(len(low), -1)[:, keep]
        return Columns(t_ns, values)


def columns(found: Sequence[Series], width: int) -> Columns:
    """The rows of an answer's series, one after another; what is missing is NaN."""
    lines = [row for series in found for row in series.values]
    t_ns = np.array([row[0] for row in lines], np.int64)
    values = np.array([row[1:] for row in lines], np.float64).reshape(len(lines), width).T
    return Columns(t_ns, values)


def _of(whose: Whose) -> list[str]:
    """As InfluxQL says it: champions have a measurement of their own, where model and version are fields."""
    if whose.role == "champion":
        named = [f'"model" = {text(whose.model)}'] if whose.model else []
        return [*named, *([f'"model_version" = {whose.version}'] if whose.version else [])]
    tags = ((ROLE, whose.role), (MODEL, shown(whose.model)), (VERSION, str(whose.version) if whose.version else ""))
    return [f'"{tag}" = {text(name)}' for tag, name in tags if name]


def _rising(low: F64, high: F64) -> npt.NDArray[np.bool_]:
    middle = (low + high) / 2
    around = np.concatenate([middle[:, :1], middle, middle[:, -1:]], axis=1)
    return ~(around[:, 2:] < around[:, :-2])


def _all(asking: Asking, wanted: Wanted) -> Columns:
    parts, count = list[Columns](), 0
    for piece in pieces(asking, wanted):
        parts.append(piece)
        count += len(piece.t_ns)
        if count > MOST_ROWS:
            raise TooManyRowsError(wanted.device, MOST_ROWS)
    return merged(parts, len(wanted.channels))
