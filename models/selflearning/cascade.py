"""Smoothing a block of rows at several spans, row by row, without following a lone wild value."""

import msgspec
import numpy as np

from models.contract import F64, I64, Bools
from models.selflearning.memory import BLOCK, SPANS, Memory
from models.selflearning.relation import imputed, times

FAR = 1e9  # units; beyond it a value is merely "far"
WAITING = 0.02  # share of its usual pace at which what is not yet mature follows while the device rings
MATURE = 6.0  # spans after which a stage may always follow: the next one keeps what it forgets
HALF = 0.5  # a jump of so many spreads is half as restless as can be
LOOSE = 10.0  # how many limits a fresh device may jump
_SPANS = np.array(SPANS, dtype=np.float64)[:, None, None]


class Trail(msgspec.Struct, frozen=True):
    """The cascade after each row of the open block: (rows, ..., c, D)."""

    raw: F64  # in units from the first place
    jump: F64  # row minus the fastest level before it
    kept: F64  # so much of the jump is followed
    first: F64  # fastest level before the block, (c, D)
    level: F64
    restless: F64
    missing: Bools  # (rows, c, D)
    away: F64  # rows missing so far, (rows, c, D)

    def take(self, devices: I64) -> "Trail":
        """The same for some of the devices."""
        return Trail(*(getattr(self, name)[..., devices] for name in self.__struct_fields__))


def paces(memory: Memory) -> F64:
    """How much of a new row each stage takes, (stages, c, D): a plain mean while young."""
    pace = 1.0 / np.minimum(_SPANS, memory["count"] + BLOCK / 2)
    waits = (memory["held"] > 0) & (memory["count"] < MATURE * _SPANS)
    return np.where(waits, WAITING * pace, pace)


def run(memory: Memory, spread: F64, precision: F64, limit: F64, fresh: Bools) -> Trail:
    """Lead the open block through the cascade.

    `spread` (c, D), `precision` (c, c, D) of the jumps in units of their spread, `limit` (c, D) of their oddness;
    `fresh` (rows, D) rows may jump further.
    """
    n = memory.open_rows
    raw = memory["rows"][:n]
    missing = ~np.isfinite(raw)
    unit = memory["unit"]
    unmoved = unit == 0
    with np.errstate(over="ignore", invalid="ignore"):
        x = (np.where(missing, memory["place"], raw) - memory["place"]) / np.where(unmoved, 1.0, unit)
    x = np.where(unmoved, 0.0, np.clip(x, -FAR, FAR))
    skipped = memory["skipped"][:n]
    gaps = bool(missing.any() or skipped.any() or memory["away"].any())
    level, restless = memory["level"].copy(), memory["restless"].copy()
    away = memory["away"].copy()
    width = np.sqrt(precision[np.arange(x.shape[1]), np.arange(x.shape[1])])  # 1 / conditional spread
    reach = limit / width
    pace = paces(memory)
    out = Trail(
        raw=x,
        first=memory["level"][0].copy(),
        jump=np.empty_like(x),
        kept=np.empty_like(x),
        level=np.empty((n, *level.shape)),
        restless=np.empty((n, *level.shape)),
        missing=missing,
        away=np.zeros_like(x),
    )
    fed = np.empty_like(level)
    for r in range(n):
        if gaps:
            away += skipped[r]
            back = np.where(missing[r], 0.0, away / (away + _SPANS))
            level += back * (x[r] - level)
        jump = (x[r] - level[0]) / spread
        if gaps:
            jump = imputed(precision, jump, missing[r])
        odd = times(precision, jump) / (width * width)
        bound = np.where(fresh[r], LOOSE * reach, reach)
        kept = np.clip(odd, -bound, bound)
        # Never past the value itself nor back behind the level: another channel's fault must not push this one.
        out.jump[r] = jump * spread
        jump = np.clip(jump - odd + kept, np.minimum(jump, 0.0), np.maximum(jump, 0.0)) * spread
        step = pace
        if gaps:
            jump = np.where(missing[r], 0.0, jump)
            step = np.where(missing[r], 0.0, pace)
            away = np.where(missing[r], away + 1.0, 0.0)
            out.away[r] = away
        out.kept[r] = jump
        fed[0] = level[0] + jump
        fed[1:] = level[:-1]
        level += step * (fed - level)
        moved = np.abs(jump) / spread
        fed[0] = moved / (moved + HALF)
        fed[1:] = restless[:-1]
        restless += step * (fed - restless)
        out.level[r] = level
        out.restless[r] = restless
    return out
