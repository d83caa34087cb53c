"""Static limits HH, H, L, LL on every reading: deadband, delay in sensor time, and how they are answered.

A limit alarm ends at the first value `deadband` inside again that comes at least HOLD_NS after the last value
that was not, so that a noisy value on the limit rings once. While HH is not normal it answers for H of the same
channel (and LL for L): H is still recorded, but acknowledged from the start, or as soon as HH rings.
"""

import msgspec
import numpy as np

from models.contract import F64, I64, Bools
from stream.alarms.panel import Notice, Panel
from stream.alarms.phrase import quantity
from stream.devices.plan import NEVER, Bound, Plan
from wire.messages import NS_PER_S

HOLD_NS = NS_PER_S


class Standing(msgspec.Struct, frozen=True):
    """What is known of each bound, in the order of `rules`; -1 = not violated."""

    rules: tuple[str, ...]
    since_ns: I64  # first value of the present violation
    outside_ns: I64  # newest value that was not inside again
    worst: F64  # signed
    due_ns: I64  # device clock at which a violation has stood for its delay

    @staticmethod
    def cold(plan: Plan) -> "Standing":
        """Nothing violated."""
        count = len(plan.bounds)
        never = np.full(count, -1)
        rules = tuple(bound.rule for bound in plan.bounds)
        return Standing(rules, never, never, np.full(count, -np.inf), np.full(count, NEVER))

    def stored(self) -> "Standing":
        """What need be stored of it: nothing while no bound is violated."""
        quiet = not (self.since_ns >= 0).any()
        return NOTHING if quiet else self

    def fitted(self, plan: Plan) -> "Standing":
        """The same for another set of bounds: what both know is kept."""
        new = Standing.cold(plan)
        if self.rules == new.rules:
            return self
        old = {rule: index for index, rule in enumerate(self.rules)}
        pairs = [(index, old[rule]) for index, rule in enumerate(new.rules) if rule in old]
        for target, source in pairs:
            new.since_ns[target] = self.since_ns[source]
            new.outside_ns[target] = self.outside_ns[source]
            new.worst[target] = self.worst[source]
            new.due_ns[target] = self.due_ns[source]
        return new


NOTHING = Standing((), *(np.zeros(0, dtype=np.int64),) * 2, np.zeros(0), np.zeros(0, dtype=np.int64))


class _Change(msgspec.Struct, frozen=True):
    at_ns: int
    bound: int
    begins: bool
    value: float
    onset_ns: int


def check(standing: Standing, t_ns: I64, fresh: F64, plan: Plan, panel: Panel, *, clock_ns: int) -> Standing:
    """Judge rows that are newer than all before, and ring."""
    signed = fresh[:, plan.columns] * plan.signs
    rings = _rings(standing, panel)
    hot = (signed >= plan.thresholds).any(axis=0) | (standing.since_ns >= 0) | rings
    if not hot.any():
        return standing
    since, outside = standing.since_ns.copy(), standing.outside_ns.copy()
    worst, due = standing.worst.copy(), standing.due_ns.copy()
    changes: list[_Change] = []
    for index in np.flatnonzero(hot):
        walk = _Walk(plan, standing, int(index), rings=bool(rings[index]))
        changes += walk.over(t_ns, signed[:, index])
        waits = walk.since_ns >= 0 and not walk.rings
        if not waits:
            due[index] = NEVER
        elif walk.since_ns != since[index]:
            due[index] = clock_ns + int(plan.delays_ns[index])
        since[index], outside[index], worst[index] = walk.since_ns, walk.outside_ns, walk.worst
    _apply(sorted(changes, key=lambda change: (change.at_ns, change.bound)), plan, panel)
    return Standing(standing.rules, since, outside, worst, due)


def fire(standing: Standing, plan: Plan, panel: Panel, index: int) -> Standing:
    """A violation has stood for its delay on the device's clock, though no further value came."""
    due = standing.due_ns.copy()
    at = int(due[index])
    due[index] = NEVER
    value = float(standing.worst[index] * plan.signs[index])
    _ring(plan.bounds[index], value, int(standing.since_ns[index]), at, panel)
    return msgspec.structs.replace(standing, due_ns=due)


def violations(t_ns: I64, values: F64, plan: Plan) -> list[tuple[Bound, int, float]]:
    """The severest bounds that late rows violate, each with the time and the value of the first."""
    found = []
    signed = values[:, plan.columns] * plan.signs
    over = signed >= plan.thresholds
    beyond = np.flatnonzero(over.any(axis=0)).tolist()
    rules = {plan.bounds[index].rule for index in beyond}
    for index in beyond:
        if plan.bounds[index].cover in rules:
            continue
        row = int(over[:, index].argmax())
        found.append((plan.bounds[index], int(t_ns[row]), float(values[row, plan.columns[index]])))
    return found


def _rings(standing: Standing, panel: Panel) -> Bools:
    if not panel.any_stands("limit:"):
        return np.zeros(len(standing.rules), dtype=np.bool_)
    return np.array([panel.stands(rule) for rule in standing.rules], dtype=np.bool_)


class _Walk:
    """Follows one bound through stretches of values that are inside, between (in the deadband) or outside."""

    def __init__(self, plan: Plan, standing: Standing, index: int, *, rings: bool) -> None:
        self.index = index
        self.sign = float(plan.signs[index])
        self.threshold = float(plan.thresholds[index])
        self.inside_below = self.threshold - float(plan.deadbands[index])
        self.delay_ns = int(plan.delays_ns[index])
        self.rings = rings
        self.since_ns, self.outside_ns = int(standing.since_ns[index]), int(standing.outside_ns[index])
        self.worst = float(standing.worst[index])
        self.changes: list[_Change] = []

    def over(self, t_ns: I64, signed: F64) -> list[_Change]:
        known = ~np.isnan(signed)
        times, values = t_ns[known], signed[known]
        if not times.size:
            return []
        violated, between = values >= self.threshold, values >= self.inside_below
        kind = violated.astype(np.int8) + between
        edges = np.flatnonzero(kind[1:] != kind[:-1]) + 1
        for start, end in zip([0, *edges.tolist()], [*edges.tolist(), times.size], strict=True):
            if violated[start]:
                self._outside(times[start:end], values[start:end])
            elif not self.rings:
                self.since_ns = -1
            elif between[start]:
                self.outside_ns = int(times[end - 1])
            else:
                self._inside(times[start:end], values[start:end])
        return self.changes

    def _outside(self, times: I64, values: F64) -> None:
        if not self.rings:
            if self.since_ns < 0:
                self.since_ns, self.worst = int(times[0]), -np.inf
            first = int(np.searchsorted(times, self.since_ns + self.delay_ns))
            if first < times.size:
                self._change(int(times[first]), begins=True, value=float(values[first]))
        self.worst = max(self.worst, float(values.max()))
        self.outside_ns = int(times[-1])

    def _inside(self, times: I64, values: F64) -> None:
        del values
        first = int(np.searchsorted(times, self.outside_ns + HOLD_NS))
        if first < times.size:
            self._change(int(times[first]), begins=False, value=self.worst)
            self.since_ns = -1

    def _change(self, at_ns: int, *, begins: bool, value: float) -> None:
        self.rings = begins
        self.changes.append(_Change(at_ns, self.index, begins, value * self.sign, self.since_ns))


def _apply(changes: list[_Change], plan: Plan, panel: Panel) -> None:
    for change in changes:
        bound = plan.bounds[change.bound]
        if change.begins:
            _ring(bound, change.value, change.onset_ns, change.at_ns, panel)
        else:
            panel.clear(bound.rule, change.at_ns, value=change.value)


def _ring(bound: Bound, value: float, onset_ns: int, at_ns: int, panel: Panel) -> None:
    facts = {"value": quantity(value, bound.uom), "limit": quantity(bound.limit, bound.uom)}
    panel.raise_(
        Notice(
            bound.rule,
            bound.row,
            onset_ns,
            facts,
            bound.texts,
            channel=bound.channel,
            value=value,
            limit=bound.limit,
        ),
        at_ns,
    )
    if bound.cover and panel.holds(bound.cover):
        panel.acknowledge(bound.rule, "tocsin", f"answered with {bound.cover}", at_ns)
    if bound.covered and panel.stands(bound.covered):
        panel.acknowledge(bound.covered, "tocsin", f"answered with {bound.rule}", at_ns)
