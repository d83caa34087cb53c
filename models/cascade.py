"""Smoothing a block of rows at several spans, row by row, without following a lone wild value."""

import msgspec
import numpy as np

from models.contract import F64, I64, Bools
from models.memory import BLOCK, SPANS, Memory
from models.relation import imputed, times

FAR = 1e9  # units; beyond it a value is merely "far"
WAITING = 0.02  # share of its usual pace at which the slow follows while the device rings
_SPANS = np.array(SPANS, dtype=np.float64)[:, None, None]


class Trail(msgspec.Struct, frozen=True):
    """The cascade after each row of a block: (BLOCK, ..., c, D)."""

    jump: F64  # cleaned row minus the fastest level before it
    level: F64
    restless: F64
    missing: Bools  # (BLOCK, c, D)
    away: F64  # rows missing so far, (BLOCK, c, D)

    def take(self, devices: I64) -> "Trail":
        """The same for some of the devices."""
        return Trail(*(getattr(self, name)[..., devices] for name in self.__struct_fields__))


def paces(memory: Memory) -> F64:
    """How much of a new row each stage takes, (stages, c, D): a plain mean while young."""
    pace = 1.0 / np.minimum(_SPANS, memory["count"] + BLOCK / 2)
    pace[1:] *= np.where(memory["held"] > 0, WAITING, 1.0)
    return pace


def run(memory: Memory, spread: F64, precision: F64, limit: F64) -> Trail:
    """Lead the open block through the cascade.

    `spread` (c, D), `precision` (c, c, D) of the jumps in units of their spread, `limit` (c, D) of their oddness.
    """
    raw = memory["rows"]
    missing = ~np.isfinite(raw)
    unit = memory["unit"]
    unmoved = unit == 0
    with np.errstate(over="ignore", invalid="ignore"):
        x = (np.where(missing, memory["place"], raw) - memory["place"]) / np.where(unmoved, 1.0, unit)
    x = np.where(unmoved, 0.0, np.clip(x, -FAR, FAR))
    skipped = memory["skipped"]
    gaps = bool(missing.any() or skipped.any() or memory["away"].any())
    level, restless = memory["level"].copy(), memory["restless"].copy()
    away = memory["away"].copy()
    width = np.sqrt(precision[np.arange(x.shape[1]), np.arange(x.shape[1])])  # 1 / conditional spread
    reach = limit / width
    pace = paces(memory)
    out = Trail(
        jump=np.empty_like(x),
        level=np.empty((BLOCK, *level.shape)),
        restless=np.empty((BLOCK, *level.shape)),
        missing=missing,
        away=np.zeros_like(x),
    )
    fed = np.empty_like(level)
    for r in range(BLOCK):
        if gaps:
            away += skipped[r]
            back = np.where(missing[r], 0.0, away / (away + _SPANS))
            level += back * (x[r] - level)
        jump = (x[r] - level[0]) / spread
        if gaps:
            jump = imputed(precision, jump, missing[r])
        odd = times(precision, jump) / (width * width)
        kept = np.clip(odd, -reach, reach)
        jump = (jump - odd + kept) * spread
        step = pace
        if gaps:
            jump = np.where(missing[r], 0.0, jump)
            step = np.where(missing[r], 0.0, pace)
            away = np.where(missing[r], away + 1.0, 0.0)
            out.away[r] = away
        out.jump[r] = jump
        fed[0] = level[0] + jump
        fed[1:] = level[:-1]
        level += step * (fed - level)
        fed[0] = np.sqrt(np.abs(kept) * width)
        fed[1:] = restless[:-1]
        restless += step * (fed - restless)
        out.level[r] = level
        out.restless[r] = restless
    return out
