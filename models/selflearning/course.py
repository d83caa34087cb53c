"""Both cascades, of level and of restlessness, led through one block: as it came, or guarded where that will not do."""

import msgspec
import numpy as np

from models.contract import F64, I64, Bools
from models.selflearning.memory import SPANS
from models.selflearning.relation import imputed, times

HALF = 0.5  # a jump of so many spreads is half as restless as can be
_SPANS = np.array(SPANS, dtype=np.float64)[:, None, None]


class Block(msgspec.Struct, frozen=True):
    """An open block and how it is to be followed: (rows, c, D) unless said otherwise."""

    x: F64  # units from the first place
    missing: Bools
    skipped: F64  # (rows, D)
    pace: F64  # how much of a new row each stage takes, (stages, c, D)
    steady: F64  # one by the spread of the jumps, (c, D)
    precision: F64  # of the jumps in units of their spread, (c, c, D)
    own: F64  # its diagonal (c, D)
    bound: F64  # how odd a jump may be to be followed; (rows or 1, c, D)
    level: F64  # both cascades before, (stages, c, D)
    restless: F64
    away: F64  # rows missing before, (c, D)

    def take(self, devices: I64) -> "Block":
        """The same for some of the devices."""
        return Block(*(getattr(self, name)[..., devices] for name in self.__struct_fields__))


class Course(msgspec.Struct, frozen=True):
    """Both cascades through a block: before row r at [1:, r], after it at [1:, r + 1], what it adds at [0, r]."""

    level: F64  # (1 + stages, rows + 1, c, D)
    restless: F64
    jump: F64  # row minus the fastest level before it, (rows, c, D)
    away: F64  # rows missing so far, (rows, c, D)

    def put(self, part: "Course", devices: I64) -> None:
        """Overwrite some of the devices."""
        for name in self.__struct_fields__:
            getattr(self, name)[..., devices] = getattr(part, name)


def _course(block: Block) -> Course:
    n, stages = len(block.x), len(SPANS)
    level, restless = np.empty((2, stages + 1, n + 1, *block.x.shape[1:]))
    level[1:, 0], restless[1:, 0] = block.level, block.restless
    return Course(level=level, restless=restless, jump=np.empty_like(block.x), away=np.zeros_like(block.x))


def free(block: Block) -> tuple[Course, Bools]:
    """Follow every row as it came; also says which devices (D) showed one that is not to be followed so."""
    course = _course(block)
    course.level[0, :-1] = block.x
    _smooth(course.level, block.pace)
    np.subtract(block.x, course.level[1, :-1], out=course.jump)
    jump = course.jump * block.steady
    pull = np.abs(times(block.precision, jump))
    wild: Bools = np.any(pull > block.bound, axis=(0, 1))
    moved = np.abs(jump, out=jump)
    np.divide(moved, moved + HALF, out=course.restless[0, :-1])
    _smooth(course.restless, block.pace)
    return course, wild


def _smooth(course: F64, pace: F64) -> None:
    step = np.empty_like(pace)
    fed, level = course[:-1], course[1:]
    for r in range(course.shape[1] - 1):
        np.subtract(fed[:, r], level[:, r], out=step)
        np.multiply(step, pace, out=step)
        np.add(level[:, r], step, out=level[:, r + 1])


def guarded(block: Block) -> Course:
    """Row by row, so that what is missing is made up for and what is too odd is followed only in part."""
    course = _course(block)
    away = block.away
    for r, x in enumerate(block.x):
        missing = block.missing[r]
        level, restless = course.level[1:, r], course.restless[1:, r]
        away = away + block.skipped[r]
        if away.any():
            level = level + np.where(missing, 0.0, away / (away + _SPANS)) * (x - level)
        away = np.where(missing, away + 1.0, 0.0)
        course.away[r] = away
        course.jump[r], jump, fed = _followed(block, r, x - level[0], level[0])
        pace = np.where(missing, 0.0, block.pace) if missing.any() else block.pace
        course.level[0, r] = fed - (level[0] - course.level[1, r])  # as if it had not come back
        _step(level, fed, pace, course.level[1:, r + 1])
        moved = np.abs(jump)
        course.restless[0, r] = moved / (moved + HALF)
        _step(restless, course.restless[0, r], pace, course.restless[1:, r + 1])
    return course


def _followed(block: Block, r: int, gap: F64, level: F64) -> tuple[F64, F64, F64]:
    """A row's jump, so many spreads of it as are followed, and the value that is followed."""
    missing = block.missing[r]
    jump = gap * block.steady
    if missing.any():
        jump = imputed(block.precision, jump, missing)
        gap = np.where(missing, jump / block.steady, gap)
    pull = times(block.precision, jump)
    bound = block.bound[r if len(block.bound) > 1 else 0]
    excess = pull - np.minimum(np.maximum(pull, -bound), bound)
    # Never past the value itself nor back behind the level: another channel's fault must not push this one.
    kept = jump - excess / block.own
    kept = np.minimum(np.maximum(kept, np.minimum(jump, 0.0)), np.maximum(jump, 0.0))
    kept = np.where(missing, 0.0, kept)
    return gap, kept, np.where(missing | (excess != 0), level + kept / block.steady, block.x[r])


def _step(level: F64, fed: F64, pace: F64, out: F64) -> None:
    out[0] = level[0] + (fed - level[0]) * pace[0]
    out[1:] = level[1:] + (level[:-1] - level[1:]) * pace[1:]
