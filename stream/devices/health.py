"""Sensor health: what a channel last showed and when, values out of physical range, and stuck sensors."""

import math

import msgspec
import numpy as np

from models.contract import F64, I64, Bools
from stream.alarms.panel import Notice, Panel
from stream.alarms.phrase import quantity, span
from stream.alarms.rules import RULES
from stream.devices.chunk import Chunk
from stream.devices.plan import Plan
from wire.messages import NS_PER_S

# A sensor counts as lively when nearly every one of this many rows brought another value; only then is a
# long repetition odd without being configured: counters, set points and coarse sensors repeat by nature.
LIVELY_ROWS = 1000
LIVELY_SHARE = 0.99
FROZEN_ROWS = 100
FROZEN_NS = 10 * NS_PER_S
STILL_LIVE_ROWS = 10
# Where it is known when the machine runs, a coarse sensor may be judged by the longest repetition it ever showed.
KNOWN_ROWS = 5000
KNOWN_MOVES = 100
UNHEARD_OF = 5
FORGET_ROWS = 100_000


class Sense(msgspec.Struct, frozen=True):
    """What is known of each channel; -1 and NaN = never shown."""

    newest_ns: I64  # sensor time of the newest value
    heard_ns: I64  # device clock at which it came
    value: F64
    since_ns: I64  # the value has been the same since then
    run: I64  # rows that repeated it
    rows: I64
    moved: I64  # rows that brought another value
    longest: I64  # rows that one value was repeated before it moved again, at most
    bad_ns: I64  # sensor time of the newest value out of range

    @staticmethod
    def cold(channels: int) -> "Sense":
        """Nothing known."""
        never, zero = np.full(channels, -1), np.zeros(channels, dtype=np.int64)
        return Sense(never, never, np.full(channels, np.nan), never, zero, zero, zero, zero, never)

    def grown(self, channels: int) -> "Sense":
        """The same with room for new channels."""
        more = Sense.cold(channels - self.value.size)
        return Sense(*(np.concatenate([getattr(self, f), getattr(more, f)]) for f in self.__struct_fields__))


class Felt(msgspec.Struct, frozen=True):
    """What came of a chunk: values with those out of range missing, and the part that is newer than all before."""

    sense: Sense
    values: F64
    fresh: F64  # what came before a newer value of its channel is missing here too
    whole: bool  # nothing is missing in either


def feel(sense: Sense, t_ns: I64, values: F64, plan: Plan, panel: Panel, *, clock_ns: int) -> Felt:
    """Take out what no healthy sensor shows, and note what each channel last said."""
    whole = math.isfinite(float(values.sum()))
    bad_ns = sense.bad_ns
    if plan.ranged or not whole:
        bad = (values < plan.low) | (values > plan.high) | np.isinf(values)
        if bad.any():
            whole = False
            bad_ns = _ring_range(bad_ns, bad, Chunk(t_ns, values), plan, panel)
            values = np.where(bad, np.nan, values)
    fresh = values
    if t_ns[0] <= sense.newest_ns.max():
        fresh = np.where(t_ns[:, None] > sense.newest_ns, values, np.nan)
        whole = whole and not np.isnan(fresh).any()
    noted = _note_whole(sense, t_ns, fresh, clock_ns) if whole else _note(sense, t_ns, fresh, clock_ns)
    if bad_ns.max() >= 0 or panel.any_stands("range:"):
        bad_ns = _clear_range(bad_ns, noted.newest_ns, plan, panel)
    return Felt(_with_bad(noted, bad_ns), values, fresh, whole)


def rested(sense: Sense) -> Sense:
    """The machine is off: what stands still now says nothing of a sensor."""
    return msgspec.structs.replace(sense, run=np.zeros_like(sense.run), since_ns=sense.newest_ns)


def watch_stuck(sense: Sense, plan: Plan, panel: Panel, *, running: bool) -> None:
    """Ring for channels that repeat one value too long; a machine that is off may stand still."""
    stuck = _stuck(sense, plan, running=running)
    for index in stuck.nonzero()[0].tolist():
        name, value = plan.channels[index], float(sense.value[index])
        lasted = int(sense.newest_ns[index] - sense.since_ns[index])
        if running:
            facts = {"value": quantity(value, plan.uoms[index]), "after": span(lasted)}
            onset = int(sense.since_ns[index])
            notice = Notice(plan.stuck_rules[index], "stuck", onset, facts, channel=name, value=value)
            panel.raise_(notice, int(sense.newest_ns[index]))
    for index, rule in enumerate(plan.stuck_rules if panel.any_stands("stuck:") else ()):
        if not stuck[index] and panel.stands(rule) and panel.value(rule) != float(sense.value[index]):
            panel.clear(rule, int(sense.since_ns[index]))


def _stuck(sense: Sense, plan: Plan, *, running: bool) -> Bools:
    lasted = sense.newest_ns - sense.since_ns
    said = plan.stuck_ns > 0
    frozen = said & (lasted >= plan.stuck_ns) & (sense.run > 0)
    if sense.run.max() < FROZEN_ROWS:
        return frozen
    before = sense.rows - sense.run
    lively = (before >= LIVELY_ROWS) & (sense.moved >= LIVELY_SHARE * before)
    still = ~said & (sense.run >= FROZEN_ROWS) & (lasted >= FROZEN_NS)
    moving = sense.run < STILL_LIVE_ROWS
    # When nothing moves any more the machine stands or its gateway hangs: that is no stuck sensor.
    if (lively & moving).any():
        frozen |= still & lively
    if running and plan.running is not None and moving.any():
        known = (before >= KNOWN_ROWS) & (sense.moved >= KNOWN_MOVES)
        frozen |= still & known & (sense.run >= UNHEARD_OF * sense.longest)
    return frozen


def _note_whole(sense: Sense, t_ns: I64, values: F64, clock_ns: int) -> Sense:
    rows, channels = values.shape
    changed = np.empty((rows, channels), dtype=np.bool_)
    changed[0] = values[0] != sense.value
    np.not_equal(values[1:], values[:-1], out=changed[1:])
    after = changed[::-1].argmax(axis=0)  # rows since the last change, where there is one
    moved = changed.sum(axis=0)
    any_moved = moved > 0
    return _remembered(
        Sense(
            np.full(channels, t_ns[-1]),
            np.full(channels, clock_ns),
            values[-1],
            np.where(any_moved, t_ns[rows - 1 - after], sense.since_ns),
            np.where(any_moved, after, sense.run + rows),
            sense.rows + rows,
            sense.moved + moved,
            _longest(sense, changed),
            sense.bad_ns,
        )
    )


def _note(sense: Sense, t_ns: I64, values: F64, clock_ns: int) -> Sense:
    rows, channels = values.shape
    every = np.arange(channels)
    valid = ~np.isnan(values)
    shown = valid.any(axis=0)
    last = rows - 1 - valid[::-1].argmax(axis=0)
    order = np.maximum.accumulate(np.where(valid, np.arange(1, rows + 1)[:, None], 0), axis=0)
    filled = np.vstack([sense.value, values])[np.vstack([np.zeros(channels, dtype=np.int64), order]), every]
    changed = (filled[1:] != filled[:-1]) & valid
    any_moved = changed.any(axis=0)
    at = rows - 1 - changed[::-1].argmax(axis=0)
    counts = valid.cumsum(axis=0)
    return _remembered(
        Sense(
            np.where(shown, t_ns[last], sense.newest_ns),
            np.where(shown, clock_ns, sense.heard_ns),
            filled[-1],
            np.where(any_moved, t_ns[at], sense.since_ns),
            np.where(any_moved, counts[-1] - counts[at, every], sense.run + counts[-1]),
            sense.rows + counts[-1],
            sense.moved + changed.sum(axis=0),
            _longest(sense, changed),
            sense.bad_ns,
        )
    )


def _longest(sense: Sense, changed: Bools) -> I64:
    moves = changed.any(axis=0)
    longest = np.where(moves, np.maximum(sense.longest, sense.run + changed.argmax(axis=0)), sense.longest)
    repeats = changed.shape[0] - changed.sum(axis=0)
    for index in (moves & (repeats > longest)).nonzero()[0]:
        between = np.diff(np.flatnonzero(changed[:, index])) - 1
        longest[index] = max(int(longest[index]), int(between.max(initial=0)))
    return longest


def _remembered(sense: Sense) -> Sense:
    """Let the far past count half, so that a sensor may change its manner."""
    old = (sense.rows > FORGET_ROWS) & (sense.run < STILL_LIVE_ROWS)
    if not old.any():
        return sense
    halved = {name: np.where(old, getattr(sense, name) // 2, getattr(sense, name)) for name in ("rows", "moved")}
    return msgspec.structs.replace(sense, **halved)


def _with_bad(sense: Sense, bad_ns: I64) -> Sense:
    return sense if bad_ns is sense.bad_ns else msgspec.structs.replace(sense, bad_ns=bad_ns)


def _ring_range(bad_ns: I64, bad: Bools, chunk: Chunk, plan: Plan, panel: Panel) -> I64:
    t_ns, values = chunk.t_ns, chunk.values
    newest = bad_ns.copy()
    for index in np.flatnonzero(bad.any(axis=0)):
        rows = np.flatnonzero(bad[:, index])
        value, uom = float(values[rows[0], index]), plan.uoms[index]
        facts = {
            "value": quantity(value, uom),
            "low": quantity(float(plan.low[index]), uom),
            "high": quantity(float(plan.high[index]), uom),
        }
        limit = float(plan.low[index] if value < plan.low[index] else plan.high[index])
        kept = value if math.isfinite(value) else None
        at = int(t_ns[rows[0]])
        name = plan.channels[index]
        bound = limit if math.isfinite(limit) else None
        notice = Notice(plan.range_rules[index], "range", at, facts, channel=name, value=kept, limit=bound)
        panel.raise_(notice, at)
        newest[index] = max(newest[index], int(t_ns[rows[-1]]))
    return newest


def _clear_range(bad_ns: I64, newest_ns: I64, plan: Plan, panel: Panel) -> I64:
    healed = (newest_ns >= 0) & (newest_ns - bad_ns >= RULES["range"].quiet_ns)
    for index in np.flatnonzero(healed):
        panel.clear(plan.range_rules[index], int(newest_ns[index]))
    return np.where(healed, -1, bad_ns)
