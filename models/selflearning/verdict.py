"""Judging the open block of many devices, and learning from it once it is whole."""

import msgspec
import numpy as np

from models.contract import F64, I64, Bools
from models.selflearning import normal, starts, tails
from models.selflearning.bands import Asked, Odd, look
from models.selflearning.cascade import WAITING, Trail, run
from models.selflearning.memory import BAND_SPANS, BLOCK, FRESH, LEVELS, SETTLED, Memory

WARM_ROWS = 192.0
LOOKS = 6.0  # spans of a band seen before it is judged
TRUSTED_ROWS = 64.0  # rows after which oddness means anything
STILL_ROWS = 64.0  # a channel that did not move for so long is taken to be coarse
LARGEST = 1e300
SUSPECT = (
    0.5  # from this share of its limit on, what a band shows is hardly learnt: a ramp must not teach its own limit
)
STRANGER = 4.0  # limits are so much wider where most channels have never been
COARSE = 0.3  # of the first step of a channel that stood still at first
_SPANS = np.array(BAND_SPANS, dtype=np.float64)[:, None, None]


class Verdict(msgspec.Struct, frozen=True):
    """What a block came to."""

    score: F64  # (rows, D)
    share: F64  # of each channel (rows, c, D)
    odd: Odd
    seen: F64  # epochs before, (2, BANDS, c, D)
    limit: F64  # (2, BANDS, c, D)
    fresh: F64  # how long each row still counts as just started, ns (rows, D)
    rest: Bools  # most channels stand still (rows, D)
    slowest: F64  # spreads of the slowest bands, (2, c, D)

    def take(self, devices: I64) -> "Verdict":
        """The same for some of the devices."""
        parts = {name: getattr(self, name)[..., devices] for name in self.__struct_fields__ if name != "odd"}
        return Verdict(odd=self.odd.take(devices), **parts)


def judge(memory: Memory, learns: Bools) -> tuple[F64, F64]:
    """Score the open block (rows, D) with each channel's share (rows, c, D), and close it where it is full."""
    if memory["filled"].min() < BLOCK:
        unfilled = np.arange(BLOCK)[:, None] >= memory["filled"]
        memory["rows"] = np.where(unfilled[:, None], memory["rows"][0], memory["rows"])
        memory["skipped"] = np.where(unfilled, 0.0, memory["skipped"])
    form = normal.shape(memory)
    seen = tails.epochs(memory)
    limit = tails.limits(memory, seen)
    fresh = starts.after_absence(memory)
    trail = run(memory, form.spread[:, 0], form.precision[:, :, 0], limit[SETTLED, 0], fresh > 0)
    verdict = _verdict(memory, form, (seen, limit), trail, fresh)
    full = np.flatnonzero(memory["filled"] >= BLOCK)
    if full.size == memory.vectors.shape[1]:
        _close(memory, trail, verdict, learns)
    elif full.size:
        part = memory.take(full)
        _close(part, trail.take(full), verdict.take(full), learns[full])
        memory.vectors[:, full] = part.vectors
    return verdict.score, verdict.share


def _verdict(memory: Memory, form: normal.Shape, tail: tuple[F64, F64], trail: Trail, fresh: F64) -> Verdict:
    seen, limit = tail
    count = memory["count"]
    fresh, elsewhere = starts.after_change(memory, fresh, trail)
    rest = starts.at_rest(memory, trail, form.spread[:, 0])
    fresh = starts.after_rest(memory, fresh, rest)
    young = fresh > 0
    asked = Asked(
        scale=_scale(memory, limit, young, elsewhere),
        mute=trail.missing | rest[:, None] if trail.missed or rest.any() else None,
        fresh=young if young.any() else None,
        whole=memory.open_rows >= BLOCK,
    )
    odd = look(memory, trail, form, asked)
    by_channel = np.sqrt(odd.top)
    mute = trail.missing.all(axis=1) | (count.max(axis=0) < WARM_ROWS) | rest
    return Verdict(
        score=np.where(mute, np.nan, by_channel.max(axis=1)),
        share=shares(by_channel),
        odd=odd,
        seen=seen,
        limit=limit,
        fresh=fresh,
        rest=rest,
        slowest=form.spread[:, [LEVELS - 1, -1]].swapaxes(0, 1),
    )


def _scale(memory: Memory, limit: F64, young: Bools, elsewhere: Bools) -> F64:
    """One by the square of the limit, 0 where nothing is judged (rows or 1, c, BANDS, D)."""
    count = memory["count"]
    judged = (count >= LOOKS * _SPANS) & (count >= WARM_ROWS) & (memory["unit"] > 0)
    scale = np.where(judged, 1.0 / (limit * limit), 0.0).swapaxes(1, 2)
    out = np.ascontiguousarray(scale[SETTLED])[None]
    if young.any():
        out = np.where(young[:, None, None], scale[FRESH], out)
    if elsewhere.any():
        out = out * np.where(elsewhere, 1.0 / (STRANGER * STRANGER), 1.0)[:, None, None]
    return out


def shares(by_channel: F64) -> F64:
    """Each channel's share of the score: by the fourth power, so that the one at fault leads."""
    top = by_channel.max(axis=1)  # (n, c, D) -> (n, D)
    power = (by_channel / np.where(top > 0, top, 1.0)[:, None]) ** 2
    power *= power
    total = power[:, 0].copy()
    for c in range(1, power.shape[1]):
        total += power[:, c]
    return power / np.where(total > 0, total, 1.0)[:, None]


def _close(memory: Memory, trail: Trail, verdict: Verdict, learns: Bools) -> None:
    """Carry the cascade on through a whole block, and learn from it where that is wanted."""
    memory["level"] = trail.level[:, -1]
    memory["restless"] = trail.restless[:, -1]
    memory["away"] = trail.away[-1]
    memory["filled"] = 0.0
    memory["fresh_ns"] = verdict.fresh[-1]
    memory["held"] = np.where(verdict.score >= SUSPECT, 1.0, 0.0).max(axis=0)
    if learns.all():
        _learn(memory, trail, verdict)
        return
    devices = np.flatnonzero(learns)
    if not devices.size:
        return
    part = memory.take(devices)
    _learn(part, trail.take(devices), verdict.take(devices))
    memory.vectors[:, devices] = part.vectors


def _learn(memory: Memory, trail: Trail, verdict: Verdict) -> None:
    rings = verdict.odd.most >= SUSPECT * SUSPECT
    ease = np.where(rings, np.where(memory["anchored"] > 0, 0.0, WAITING), 1.0)
    stood: Bools = np.any(verdict.rest, axis=0)
    ease = np.where(stood, 0.0, ease)  # nothing is learnt of a machine that stands
    ease[[LEVELS - 1, -1]] *= memory["anchored"] == 0  # how far the slowest may be from an anchor is settled with it
    normal.learn(memory, trail, verdict.odd.moment, verdict.odd.square, ease)
    normal.settle(memory, ease[LEVELS - 1], verdict.slowest)
    starts.learn(memory, trail, verdict.fresh, stood)
    fresh = verdict.fresh > 0
    known = (memory["unit"] > 0) & (memory["count"] >= TRUSTED_ROWS)
    stands = verdict.odd.last >= SUSPECT * SUSPECT
    stands[[LEVELS - 1, -1]] |= memory["anchored"] > 0
    for context, mine in ((SETTLED, ~fresh), (FRESH, fresh)):
        if mine.any():
            largest = np.where(known, np.sqrt(verdict.odd.largest[context]), 0.0)
            tail = (verdict.seen[context], verdict.limit[context], stands)
            tails.learn(memory, context, largest, tail, np.any(mine, axis=0))
    _bear(memory)
    present = np.where(trail.missing, 0.0, 1.0)
    # While it rings, experience hardly grows: a stage that is not mature must not become so on what is wrong.
    memory["count"] += present.sum(axis=0) * np.where(stood, 0.0, np.where(memory["held"] > 0, WAITING, 1.0))
    memory["fresh_rows"] += np.where(fresh & ~trail.missing.all(axis=1), 1.0, 0.0).sum(axis=0)
    memory["blocks"] += 1.0
    memory["seen_ns"] += memory["every_ns"] * BLOCK


def _bear(memory: Memory) -> None:
    """Give channels that are new, or move for the first time, their place and unit."""
    if (memory["unit"] > 0).all():
        return
    rows = np.where(np.isfinite(memory["rows"]), memory["rows"], np.nan)
    present = np.isfinite(rows).sum(axis=0)
    middle = np.take_along_axis(np.sort(rows, axis=0), np.maximum(present - 1, 0)[None] // 2, axis=0)[0]
    new = (memory["count"] == 0) & (present > 0)
    memory["place"] = np.where(new, middle, memory["place"])
    with np.errstate(over="ignore", invalid="ignore"):
        away = np.where(np.isfinite(rows), np.abs(rows - memory["place"]), 0.0)
        usual = np.zeros_like(memory["unit"])
        for r in range(BLOCK):
            usual += away[r] / np.maximum(present, 1)
        usual *= 1.25  # a normal's spread is 1.25 times its mean deviation
    late = memory["count"] >= STILL_ROWS
    unit = np.minimum(np.where(late, away.max(axis=0), usual), LARGEST)
    moves = (memory["unit"] == 0) & (unit > 0)
    memory["floor"] = np.where(moves & late, COARSE, memory["floor"])
    memory["unit"] = np.where(moves, unit, memory["unit"])
