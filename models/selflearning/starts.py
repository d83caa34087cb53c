"""When a device counts as just started: what is usual then is learnt apart, for a cold machine behaves otherwise."""

import numpy as np

from models.contract import F64, Bools
from models.selflearning.cascade import Trail
from models.selflearning.memory import BLOCK, Memory

LEAST_ROWS = 3.0  # shorter absences are no stop
FOLLOWING = 24.0  # a start lasts so many times the stop before it, but ...
LONGEST_NS = 14400e9
FEWEST = 4  # channels from which on "most of them jumped" means anything
MOST = 0.75
SHARE = 0.25
LASTING = 1.0  # what has lasted as long as all else that was seen is usual
LEARNING_ROWS = 128.0  # rows before which no range is known
KNOWN_ROWS = 512.0  # rows before which nobody knows how restless a channel usually is
CALM, CALMER = 0.25, 0.5  # shares of the usual restlessness, of the last few rows and of the last hundred
SMALL = 0.3  # of the spread of the usual jump
STOP_ROWS = 128.0  # a rest shorter than this is part of the work
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


def at_rest(memory: Memory, trail: Trail, spread: F64) -> Bools:
    """Rows (rows, D) in which most channels stand still, who usually do not: the machine stands, nobody said so.

    A fault makes one channel calm, or many restless; most of them calm at once is a stop. `spread` (c, D) of the jumps:
    a channel whose wild values are not followed must not look calm.
    """
    still = np.zeros((len(trail.raw), memory["count"].shape[1]), dtype=np.bool_)
    if memory.channels < FEWEST:
        return still
    usual = memory["normal"][1]
    known = (memory["count"] >= KNOWN_ROWS) & (memory["unit"] > 0)
    calm = (trail.restless[0] < CALM * usual) & (trail.restless[1] < CALMER * usual) & ~trail.missing & known
    calm &= np.abs(trail.jump) < SMALL * spread
    still[:] = calm.sum(axis=1) >= MOST * memory.channels
    return still


def after_rest(memory: Memory, left: F64, rest: Bools) -> F64:
    """How long each row still counts as just started, where a long rest came before; keeps count of the rest."""
    rested = memory["rested"].copy()
    if not (rest.any() or rested.any()):
        return left
    every, longest = memory["every_ns"], _longest_ns(memory)
    out = left.copy()
    begun = np.zeros_like(rested)
    for r in range(len(rest)):
        start = np.where(rested >= STOP_ROWS, np.minimum(FOLLOWING * rested * every, longest), 0.0)
        begun = np.where(rest[r], begun, np.maximum(begun - every, start))
        rested = np.where(rest[r], rested + 1.0, 0.0)
        out[r] = np.maximum(left[r], begun)
    memory["rested"] = np.where(memory["filled"] >= BLOCK, rested, memory["rested"])
    return out


def learn(memory: Memory, trail: Trail, fresh: F64, stood: Bools) -> None:
    """Widen the usual ranges by what a settled block showed; what lasts becomes usual in the end in any case."""
    pace = np.where(fresh[-1] > 0, np.minimum(1.0, LASTING * BLOCK / (memory["count"] + BLOCK)), 1.0)
    pace = np.where(stood, 0.0, pace)
    low, high = memory["range"]
    lowest = (np.where(trail.missing, np.inf, trail.fed) if trail.missed else trail.fed).min(axis=0)
    highest = (np.where(trail.missing, -np.inf, trail.fed) if trail.missed else trail.fed).max(axis=0)
    lower, higher = lowest < low, highest > high
    memory["range"] = np.stack(
        [
            np.where(lower, low + pace * (np.where(lower, lowest, low) - low), low),
            np.where(higher, high + pace * (np.where(higher, highest, high) - high), high),
        ]
    )
