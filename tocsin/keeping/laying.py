"""Recorded rows of a device as the core works on them: as they were sent, or on its grid, and only while it runs."""

from collections.abc import Sequence

import msgspec
import numpy as np

from models.arrays import F64, I64
from stream.devices.grid import Grid
from stream.devices.pace import Pace, learn
from stream.devices.running import parse
from wire.config import DeviceRule

FIRST_ROWS = 2000  # tell how often it speaks
PIECE = 0.5  # of the channels: rows with no more are put together by a grid


class Laid(msgspec.Struct, frozen=True):
    """Rows of a device, and what its columns are called."""

    t_ns: I64
    values: F64
    channels: tuple[str, ...]

    def part(self, rows: I64) -> "Laid":
        """Some of them."""
        return Laid(self.t_ns[rows], self.values[rows], self.channels)


def every_ns(t_ns: I64, values: F64, rule: DeviceRule) -> int:
    """The interval of its grid: as configured, or as the core learns it where rows come in pieces; 0: it has none."""
    if rule.every_ns or not len(t_ns):
        return rule.every_ns or 0
    first = slice(0, FIRST_ROWS)
    speak = np.isfinite(values[first]).any(axis=0)
    shares = np.isfinite(values[first][:, speak]).mean(axis=1)
    if not len(shares) or not speak.any() or np.median(shares) > PIECE:
        return 0
    return learn(Pace.cold(values.shape[1]), t_ns[first], values[first]).every_ns


def laid(
    t_ns: I64, values: F64, channels: Sequence[str], rule: DeviceRule, *, every: int | None = None
) -> tuple[I64, F64]:
    """Rows in which it runs; `every`: the interval of its grid, 0 for none, where the stretch alone shall not tell."""
    step = every_ns(t_ns, values, rule) if every is None else every
    if step and len(t_ns):
        grid, rows, _ = Grid.cold(step, int(t_ns[0]), values.shape[1]).lay(t_ns, values, int(t_ns[-1]), whole=False)
        _, last = grid.close()
        t_ns, values = np.concatenate([rows.t_ns, last.t_ns]), np.concatenate([rows.values, last.values])
    on = _running(values, channels, rule)
    return t_ns[on], values[on]


def _running(values: F64, channels: Sequence[str], rule: DeviceRule) -> np.ndarray:
    if not rule.running_when or not len(values):
        return np.ones(len(values), dtype=np.bool_)
    condition = parse(rule.running_when)
    place = {name: at for at, name in enumerate(channels)}
    missing = np.full(len(values), np.nan)
    columns = {name: values[:, place[name]] if name in place else missing for name in condition.channels}
    return condition.judge(columns, True)
