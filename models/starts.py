"""When a device counts as just started: what is usual then is learnt apart, for a cold machine behaves otherwise."""

import numpy as np

from models.cascade import Trail
from models.contract import F64, Bools
from models.memory import BLOCK, Memory

LEAST_ROWS = 3.0  # shorter absences are no stop
FOLLOWING = 24.0  # a start lasts so many times the stop before it, but ...
LONGEST_NS = 14400e9
FEWEST = 4  # channels from which on "most of them jumped" means anything
MOST = 0.75
SHARE = 0.25
LASTING = 1.0  # what has lasted as long as all else that was seen is usual
LEARNING_ROWS = 128.0  # rows before which no range is known
BEYOND = 0.1  # of its width outside a range is far


def after_absence(memory: Memory) -> F64:
    """How long each row of the open block will still count as just started, ns (rows, D)."""
    n = memory.open_rows
    none = np.isnan(memory["rows"][:n]).all(axis=1).reshape(n, -1)
    every, skipped = memory["every_ns"], memory["skipped"][:n]
    left, absent = memory["fresh_ns"].copy(), memory["absent_ns"].copy()
    out = np.zeros((n, len(every)))
    longest = _longest_ns(memory)
    if not (none.any() or skipped.any() or left.any() or absent.any()):
        return out
    for r in range(n):
        absent = absent + skipped[r] * every
        start = np.minimum(FOLLOWING * absent, longest)
        back = ~none[r] & (absent >= LEAST_ROWS * every)
        left = np.where(back, np.maximum(left, start), np.maximum(left - every, 0.0))
        absent = np.where(none[r], absent + every, 0.0)
        out[r] = left
    memory["absent_ns"] = np.where(memory["filled"] >= BLOCK, absent, memory["absent_ns"])
    return out


def _longest_ns(memory: Memory) -> F64:
    """A start lasts no longer than a share of all that was seen, or a young device would never count as settled."""
    seen_ns: F64 = memory["count"].max(axis=0) * memory["every_ns"]
    return np.minimum(LONGEST_NS, SHARE * seen_ns)


def after_change(memory: Memory, left: F64, trail: Trail) -> tuple[F64, Bools]:
    """The same after rows in which most channels were far outside their range at once: the machine was set or switched.

    So the first load step ever is no fault, nor is a stop that nobody announced. Also says which rows (rows, D) are so.
    """
    channels = memory.channels
    if channels < FEWEST:
        return left, np.zeros(left.shape, dtype=np.bool_)
    low, high = memory["range"]
    room = BEYOND * (high - low)
    outside = (
        ((trail.raw < low - room) | (trail.raw > high + room)) & ~trail.missing & (memory["count"] >= LEARNING_ROWS)
    )
    many: Bools = outside.sum(axis=1) >= MOST * channels
    if not many.any():
        return left, many
    every = memory["every_ns"]
    passed = every * np.arange(len(left))[:, None]
    since = np.maximum.accumulate(np.where(many, _longest_ns(memory) + passed, 0.0), axis=0) - passed
    return np.maximum(left, since), many


def learn(memory: Memory, trail: Trail, fresh: F64) -> None:
    """Widen the usual ranges by what a settled block showed; what lasts becomes usual in the end in any case."""
    level = np.concatenate([trail.first[None], trail.level[:-1, 0]]) + trail.kept
    pace = np.where(fresh[-1] > 0, np.minimum(1.0, LASTING * BLOCK / (memory["count"] + BLOCK)), 1.0)
    low, high = memory["range"]
    lowest = np.where(trail.missing, np.inf, level).min(axis=0)
    highest = np.where(trail.missing, -np.inf, level).max(axis=0)
    lower, higher = lowest < low, highest > high
    memory["range"] = np.stack(
        [
            np.where(lower, low + pace * (np.where(lower, lowest, low) - low), low),
            np.where(higher, high + pace * (np.where(higher, highest, high) - high), high),
        ]
    )
