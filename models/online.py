"""The self-learning detector: watches the channels of a device together from its first minutes, with no training.

Each channel is smoothed at several spans of rows. What a row adds to the fastest, what each stage differs from the
next slower one, and the slowest from the anchored normal, are judged against what the other channels let expect and
against the largest such differences of the past; the same is done with how restless the channels are.
"""

from collections.abc import Sequence

import msgspec
import numpy as np

from models import normal, starts, tails
from models.cascade import WAITING, Trail, run
from models.contract import F64, I64, Bools, Job, Scored
from models.memory import BAND_SPANS, BLOCK, FRESH, LEVELS, SETTLED, Memory, size
from models.relation import imputed, times

WARM_ROWS = 192.0
TOGETHER = 16  # channels of a device that are judged together; with more, each is judged by itself
LOOKS = 6.0  # spans of a band seen before it is judged
TRUSTED_ROWS = 64.0  # rows after which oddness means anything
STILL_ROWS = 64.0  # a channel that did not move for so long is taken to be coarse
LARGEST = 1e300
LOOK = 0.5  # independent looks of a span, for what follows one another is alike
STRANGER = 4.0  # limits are so much wider where most channels have never been
HUBER = 2.0  # spreads beyond which a row counts for less in what is learnt
FLOOR = 0.02
COARSE = 0.3  # of the first step of a channel that stood still at first
GAP_ROWS = 2.0  # grid rows that may be missing before it counts as a gap
_SPANS = np.array(BAND_SPANS, dtype=np.float64)[:, None, None]


class Online:
    """Scores and learns rows of many devices; see the module. More than 16 channels are each judged alone."""

    name = "online"
    version = 1

    def cold(self, channels: int) -> F64:
        """Nothing learnt: 16 channels at most take 10 KB together; beyond, 0.7 KB each."""
        if channels < 1:
            msg = f"a device has at least one channel, got {channels}"
            raise ValueError(msg)
        groups, width = _groups(channels)
        memory = Memory(np.zeros((size(width), groups)), width)
        memory["floor"] = FLOOR
        return _flat(memory)

    def advance(self, jobs: Sequence[Job]) -> list[Scored]:
        """Score and learn, all devices with equally many channels at once."""
        out: list[Scored | None] = [None] * len(jobs)
        by_width: dict[int, list[int]] = {}
        for at, job in enumerate(jobs):
            by_width.setdefault(job.rows.shape[1], []).append(at)
        for channels, places in by_width.items():
            # The longest first, so that those that still have rows are always the first ones.
            places.sort(key=lambda at: -len(jobs[at].t_ns))
            for at, scored in zip(places, _advance([jobs[at] for at in places], channels), strict=True):
                out[at] = scored
        return [scored for scored in out if scored is not None]

    def accept(self, state: F64) -> F64:
        """Where the device is now becomes its normal, and the anchor is set anew when that has matured."""
        channels = _channels(len(state))
        memory = _memory([state], channels)
        for name, part in (("level", 0), ("restless", 1)):
            memory[name][1:] = memory[name][0]
            memory["normal"][part] = memory[name][0]
        for name in ("anchored", "held", "drifting", "seen_ns"):
            memory[name][:] = 0.0
        memory["epoch"] = 0.0
        return _flat(memory)


def _groups(channels: int) -> tuple[int, int]:
    return (1, channels) if channels <= TOGETHER else (channels, 1)


def _channels(length: int) -> int:
    for channels in range(1, TOGETHER + 1):
        if size(channels) == length:
            return channels
    channels, rest = divmod(length, size(1))
    if rest:
        msg = f"no state of the online detector has length {length}"
        raise ValueError(msg)
    return channels


def _memory(states: Sequence[F64], channels: int) -> Memory:
    groups, width = _groups(channels)
    stacked = np.concatenate([state.reshape(groups, size(width)) for state in states])
    return Memory(np.ascontiguousarray(stacked.T), width)


def _flat(memory: Memory) -> F64:
    return np.ascontiguousarray(memory.vectors.T).reshape(-1)


class _Verdict(msgspec.Struct, frozen=True):
    """What a block came to: (BLOCK, ..., D) unless said otherwise."""

    score: F64
    share: F64  # of each channel
    shown: F64  # bands
    odd: F64  # bands
    ratio: F64  # odd by limit, where judged
    limit: F64  # (2, BANDS, c, D)
    fresh: F64  # how long each row still counts as just started, ns
    slowest: F64  # spreads of the slowest bands, (2, c, D)

    def take(self, devices: I64) -> "_Verdict":
        """The same for some of the devices."""
        return _Verdict(*(getattr(self, name)[..., devices] for name in self.__struct_fields__))


class _Pages(msgspec.Struct):
    """What is written down while blocks are judged, (places, ..., groups)."""

    score: F64
    share: F64
    drift: F64


def _advance(jobs: Sequence[Job], channels: int) -> list[Scored]:
    groups, width = _groups(channels)
    memory = _memory([job.state for job in jobs], channels)
    lengths = np.array([len(job.t_ns) for job in jobs])
    start = memory["filled"][::groups].astype(np.int64)
    longest = int(lengths.max(initial=0))
    rows, skipped = _laid(jobs, memory, longest, groups)
    learns = np.repeat(np.array([job.learn for job in jobs]), groups)
    shape = (longest, len(jobs) * groups)
    pages = _Pages(score=np.full(shape, np.nan), share=np.zeros((longest, width, shape[1])), drift=np.zeros(shape))
    done = np.zeros(len(jobs), dtype=np.int64)  # rows taken
    while (left := lengths - done).any():
        # All open blocks are filled as far as rows reach, judged, and closed where full.
        fits = np.minimum(left, BLOCK - start)
        active = np.repeat(fits > 0, groups)
        devices = np.flatnonzero(active)
        part = memory if active.all() else Memory(np.ascontiguousarray(memory.vectors[:, devices]), width)
        first, take = np.repeat(start, groups)[devices], np.repeat(fits, groups)[devices]
        source = np.repeat(done, groups)[devices]
        for step in range(int(take.max())):
            on = np.flatnonzero(take > step)
            part["rows"][first[on] + step, :, on] = rows[source[on] + step, :, devices[on]]
            part["skipped"][first[on] + step, on] = skipped[source[on] + step, devices[on]]
        part["filled"][:] = first + take
        score, share = _judge(part, learns[devices])
        for step in range(int(take.max())):
            on = np.flatnonzero(take > step)
            pages.score[source[on] + step, devices[on]] = score[first[on] + step, on]
            pages.share[source[on] + step, :, devices[on]] = share[first[on] + step, :, on]
            pages.drift[source[on] + step, devices[on]] = part["drifting"][on]
        if part is not memory:
            memory.vectors[:, devices] = part.vectors
        start = np.where(fits > 0, (start + fits) % BLOCK, start)
        done += fits
    return _scored(jobs, memory, pages, groups)


def _scored(jobs: Sequence[Job], memory: Memory, pages: _Pages, groups: int) -> list[Scored]:
    out = []
    vectors = np.ascontiguousarray(memory.vectors.T)
    warm = np.minimum(memory["count"].max(axis=0) / WARM_ROWS, 1.0)
    for at, job in enumerate(jobs):
        k, mine = len(job.t_ns), slice(at * groups, (at + 1) * groups)
        parts = pages.score[:k, mine]  # one a group
        heard = np.where(np.isnan(parts), -1.0, parts)
        score = heard.max(axis=1)
        known = np.where(score >= 0, score, np.nan)
        share = pages.share[:k, :, mine]
        share = share[:, :, 0] if groups == 1 else _shares(np.maximum(heard, 0.0)[..., None])[..., 0]
        out.append(
            Scored(
                state=vectors[mine].reshape(-1) if job.learn else job.state.copy(),
                score=known.astype(np.float32),
                contributions=(share * np.maximum(score, 0.0)[:, None]).astype(np.float32),
                warm=float(warm[mine].max()),
                drift=pages.drift[:k, mine].max(axis=1) > 0.0,
            )
        )
    return out


def _laid(jobs: Sequence[Job], memory: Memory, longest: int, groups: int) -> tuple[F64, F64]:
    """Rows (longest, width, D) with what is off as missing, and grid rows skipped before each (longest, D)."""
    width = memory.channels
    rows = np.full((longest, width, len(jobs) * groups), np.nan)
    skipped = np.zeros((longest, len(jobs) * groups))
    for at, job in enumerate(jobs):
        k = len(job.t_ns)
        if not k:
            continue
        mine = slice(at * groups, (at + 1) * groups)
        values = np.where(job.running[:, None] & np.isfinite(job.rows), job.rows, np.nan)
        rows[:k, :, mine] = values[:, :, None] if groups == 1 else values[:, None, :]
        last = memory["last_ns"][at * groups]
        every = memory["every_ns"][at * groups]
        t = job.t_ns.astype(np.float64)
        steps = np.diff(t, prepend=last or t[0])
        usual = np.minimum.accumulate(np.where(steps > 0, steps, np.inf))
        usual = np.minimum(usual, every or np.inf)
        missed = np.floor(steps / usual + 0.5) - 1.0
        skipped[:k, mine] = np.where(missed > GAP_ROWS, missed, 0.0)[:, None]
        memory["last_ns"][mine] = t[-1]
        memory["every_ns"][mine] = usual[-1] if np.isfinite(usual[-1]) else 0.0
    return rows, skipped


def _judge(memory: Memory, learns: Bools) -> tuple[F64, F64]:
    """Score the open block (rows, D) with each channel's share (rows, c, D), and close it where it is full."""
    unfilled = np.arange(BLOCK)[:, None] >= memory["filled"]
    memory["rows"] = np.where(unfilled[:, None], memory["rows"][0], memory["rows"])
    memory["skipped"] = np.where(unfilled, 0.0, memory["skipped"])
    form = normal.shape(memory)
    limit = tails.limits(memory)
    fresh = starts.after_absence(memory)
    trail = run(memory, form.spread[0], form.precision[0], limit[SETTLED, 0], fresh > 0)
    verdict = _verdict(memory, form, limit, trail, fresh)
    full = np.flatnonzero(memory["filled"] >= BLOCK)
    if full.size == memory.vectors.shape[1]:
        _close(memory, trail, verdict, learns)
    elif full.size:
        part = memory.take(full)
        _close(part, trail.take(full), verdict.take(full), learns[full])
        memory.vectors[:, full] = part.vectors
    return verdict.score, verdict.share


def _verdict(memory: Memory, form: normal.Shape, limit: F64, trail: Trail, fresh: F64) -> _Verdict:
    shown = normal.bands(memory, trail)
    odd = _oddness(memory, form, shown, trail)
    count = memory["count"]
    judged = (count >= LOOKS * _SPANS) & (count >= WARM_ROWS) & (memory["unit"] > 0)
    seen = np.where(judged & ~trail.missing[:, None], odd, 0.0)
    fresh, elsewhere = starts.after_change(memory, fresh, trail)
    bound = np.where(fresh[:, None, None] > 0, limit[FRESH], limit[SETTLED])
    ratio = seen / (bound * np.where(elsewhere, STRANGER, 1.0)[:, None, None])
    by_channel = ratio.max(axis=1)
    mute = trail.missing.all(axis=1) | (count.max(axis=0) < WARM_ROWS)
    return _Verdict(
        score=np.where(mute, np.nan, by_channel.max(axis=1)),
        share=_shares(by_channel),
        shown=shown,
        odd=np.where(trail.missing[:, None], 0.0, odd),
        ratio=ratio,
        limit=limit,
        fresh=fresh,
        slowest=form.spread[[LEVELS - 1, -1]],
    )


def _oddness(memory: Memory, form: normal.Shape, shown: F64, trail: Trail) -> F64:
    """How far each band of each channel is from what the others let expect, in its spreads (rows, BANDS, c, D)."""
    g = shown / form.spread
    level = g[:, :LEVELS]
    if trail.missing.any():
        long = trail.missing[:, None] & (trail.away[:, None] >= _SPANS[:LEVELS] / 4)
        level = imputed(np.broadcast_to(form.precision, (len(level), *form.precision.shape)), level, long)
    at = np.arange(level.shape[2])
    pull = times(form.precision, level)
    total = level[:, :, 0] * pull[:, :, 0]
    for c in range(1, level.shape[2]):
        total += level[:, :, c] * pull[:, :, c]
    alone = pull * pull / form.precision[:, at, at]
    # Where the others are where they have never been, what they let expect is uncertain (as in any regression).
    strange = np.maximum(total[:, :, None] - alone, 0.0) / np.maximum(LOOK * normal.looks(memory), 1.0)
    g[:, :LEVELS] = np.sqrt(alone / (1.0 + strange))
    return np.abs(g)


def _shares(by_channel: F64) -> F64:
    """Each channel's share of the score: by the fourth power, so that the one at fault leads."""
    top = by_channel.max(axis=1)  # (n, c, D) -> (n, D)
    power = (by_channel / np.where(top > 0, top, 1.0)[:, None]) ** 2
    power *= power
    total = power[:, 0].copy()
    for c in range(1, power.shape[1]):
        total += power[:, c]
    return power / np.where(total > 0, total, 1.0)[:, None]


def _close(memory: Memory, trail: Trail, verdict: _Verdict, learns: Bools) -> None:
    """Carry the cascade on through a whole block, and learn from it where that is wanted."""
    memory["level"] = trail.level[-1]
    memory["restless"] = trail.restless[-1]
    memory["away"] = trail.away[-1]
    memory["filled"] = 0.0
    memory["fresh_ns"] = verdict.fresh[-1]
    memory["held"] = np.where(verdict.score >= 1.0, 1.0, 0.0).max(axis=0)
    if learns.all():
        _learn(memory, trail, verdict)
        return
    devices = np.flatnonzero(learns)
    if not devices.size:
        return
    part = memory.take(devices)
    _learn(part, trail.take(devices), verdict.take(devices))
    memory.vectors[:, devices] = part.vectors


def _learn(memory: Memory, trail: Trail, verdict: _Verdict) -> None:
    rings = verdict.ratio.max(axis=(0, 2)) >= 1.0
    ease = np.where(rings, np.where(memory["anchored"] > 0, 0.0, WAITING), 1.0)
    ease[[LEVELS - 1, -1]] *= memory["anchored"] == 0  # how far the slowest may be from an anchor is settled with it
    oddest = verdict.odd.max(axis=2) / HUBER
    weight = 1.0 / np.maximum(1.0, oddest * oddest)
    normal.learn(memory, trail, verdict.shown, weight, ease)
    normal.settle(memory, ease[LEVELS - 1], verdict.slowest)
    starts.learn(memory, trail, verdict.fresh)
    fresh = verdict.fresh > 0
    known = (memory["unit"] > 0) & (memory["count"] >= TRUSTED_ROWS)
    stands = verdict.ratio[-1] >= 1.0
    stands[[LEVELS - 1, -1]] |= memory["anchored"] > 0
    for context, mine in ((SETTLED, ~fresh), (FRESH, fresh)):
        if mine.any():
            largest = np.where(known & mine[:, None, None], verdict.odd, 0.0).max(axis=0)
            tails.learn(memory, context, largest, verdict.limit[context], stands)
    _bear(memory)
    present = np.where(trail.missing, 0.0, 1.0)
    memory["count"] += present.sum(axis=0)
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
