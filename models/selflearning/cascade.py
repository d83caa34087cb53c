"""Smoothing a block of rows at several spans, row by row, without following a lone wild value."""

import msgspec
import numpy as np

from models.contract import F64, I64, Bools
from models.selflearning.course import Block, free, guarded
from models.selflearning.memory import BLOCK, SPANS, Memory

FAR = 1e9  # units; beyond it a value is merely "far"
WAITING = 0.02  # share of its usual pace at which what is not yet mature follows while the device rings
MATURE = 6.0  # spans after which a stage may always follow: the next one keeps what it forgets
LOOSE = 10.0  # how many limits a fresh device may jump
_SPANS = np.array(SPANS, dtype=np.float64)[:, None, None]


class Trail(msgspec.Struct, frozen=True):
    """The cascade after each row of the open block: (rows, c, D), or (stages, rows, c, D)."""

    raw: F64  # in units from the first place
    jump: F64  # row minus the fastest level before it
    fed: F64  # so much of the row is followed
    level: F64
    restless: F64
    missing: Bools  # (rows, c, D)
    away: F64  # rows missing so far, (rows, c, D)
    missed: bool  # anything is missing at all

    def take(self, devices: I64) -> "Trail":
        """The same for some of the devices."""
        parts = {name: getattr(self, name)[..., devices] for name in self.__struct_fields__ if name != "missed"}
        return Trail(missed=self.missed, **parts)


def paces(memory: Memory) -> F64:
    """How much of a new row each stage takes, (stages, c, D): a plain mean while young."""
    pace = 1.0 / np.minimum(_SPANS, memory["count"] + BLOCK / 2)
    held = memory["held"] > 0
    if not held.any():
        return pace
    return np.where(held & (memory["count"] < MATURE * _SPANS), WAITING * pace, pace)


def run(memory: Memory, spread: F64, precision: F64, limit: F64, fresh: Bools) -> Trail:
    """Lead the open block through the cascade.

    `spread` (c, D), `precision` (c, c, D) of the jumps in units of their spread, `limit` (c, D) of their oddness;
    `fresh` (rows, D) rows may jump further.
    """
    block = _block(memory, spread, precision, limit, fresh)
    careful = np.any(block.missing, axis=(0, 1)) | np.any(block.skipped, axis=0) | np.any(block.away, axis=0)
    if not np.all(careful):
        course, wild = free(block)
        careful |= wild
    if np.all(careful):
        course = guarded(block)
    elif careful.any():
        devices = np.flatnonzero(careful)
        course.put(guarded(block.take(devices)), devices)
    return Trail(
        raw=block.x,
        jump=course.jump,
        fed=course.level[0, :-1],
        level=course.level[1:, 1:],
        restless=course.restless[1:, 1:],
        missing=block.missing,
        away=course.away,
        missed=bool(block.missing.any()),
    )


def _block(memory: Memory, spread: F64, precision: F64, limit: F64, fresh: Bools) -> Block:
    n, at = memory.open_rows, np.arange(memory.channels)
    raw, unit = memory["rows"][:n], memory["unit"]
    missing = ~np.isfinite(raw)
    own = precision[at, at]
    bound = (limit * np.sqrt(own))[None]  # in units of what is left of a spread when the others are known
    unmoved = unit == 0
    with np.errstate(over="ignore", invalid="ignore"):
        x = (np.where(missing, memory["place"], raw) - memory["place"]) / np.where(unmoved, 1.0, unit)
    np.minimum(np.maximum(x, -FAR, out=x), FAR, out=x)
    return Block(
        x=np.where(unmoved, 0.0, x) if unmoved.any() else x,
        missing=missing,
        skipped=memory["skipped"][:n],
        pace=paces(memory),
        steady=1.0 / spread,
        precision=np.ascontiguousarray(precision),
        own=own,
        bound=np.where(fresh[:, None], LOOSE * bound, bound) if fresh.any() else bound,
        level=memory["level"],
        restless=memory["restless"],
        away=memory["away"],
    )
