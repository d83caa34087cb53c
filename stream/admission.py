"""Letting a batch in: once only, and noting what is missing before it."""

from stream.alarms.panel import Notice
from stream.devices.plan import NEVER
from stream.draft import Draft, Occasion
from stream.lanes import Admission, Lane
from wire.messages import NS_PER_S, Batch

LANES = 64  # remembered an edge; the one longest unheard goes first
HEARTBEAT_NS = 2 * NS_PER_S  # at least this often an edge cuts a batch
AWAY_NS = 2 * HEARTBEAT_NS  # a longer step of its clock: it was down, or its batches were lost or come later
SHORT = 8  # digits of a lane's uuid that tell it from others


def unplaceable(batch: Batch) -> str:
    """Why a batch has no place in any order; "" if it has."""
    if 0 <= batch.clock_ns < NEVER and batch.seq >= 1:
        return ""
    return f"a batch with clock {batch.clock_ns} and number {batch.seq} cannot be placed"


def admit(batch: Batch, at: Occasion, draft: Draft) -> bool:
    """Whether a batch is new; then its edge hears it."""
    lane = _enter(batch, at, draft)
    if lane is None:
        return False
    edge, panel = draft.edge(at.edge), draft.panel(at)
    away_ns = batch.clock_ns - edge.clock_ns
    if edge.clock_ns and away_ns > AWAY_NS:
        _excuse(at.edge, away_ns - HEARTBEAT_NS, draft)
    edge.hear(batch.clock_ns, panel)
    if edge.lost:
        panel.raise_(Notice("state-lost", "state-lost", edge.clock_ns, {"reason": edge.lost}), edge.clock_ns)
        edge.event("state-lost")
        edge.lost = ""
    return True


def _excuse(edge: str, away_ns: int, draft: Draft) -> None:
    """An edge that was away heard no one: what its devices sent meanwhile, they are not to be blamed for.

    The time counts against no deadline, except for one heartbeat, so that a slow edge cannot hide silence for ever.
    """
    for name in [device for of, device in draft.devices if of == edge]:
        device = draft.device(edge, name)
        if not device.life.own:
            device.excuse(away_ns)
            draft.table(edge).set(name, device.due_ns(draft.plan(edge, name)))


def _enter(batch: Batch, at: Occasion, draft: Draft) -> Lane | None:
    known = draft.lanes.get((batch.edge, batch.log))
    if known is None and batch.edge not in draft.edges:
        known = Lane(batch.seq - 1)  # what an unknown edge sent before is not missing here
    lane, said = (known or Lane()).admit(batch.seq, batch.clock_ns)
    if said is Admission.DUPLICATE:
        return None
    draft.set_lane(batch.edge, batch.log, lane)
    if known is None:
        _forget_lanes(batch.edge, draft, but=batch.log)
    if said is Admission.AFTER_HOLE:
        first, last = lane.holes[-1]
        edge = draft.edge(at.edge)
        edge.clock_ns = max(edge.clock_ns, batch.clock_ns)
        facts = {"start": str(first), "end": str(last), "log": batch.log[:SHORT]}
        draft.panel(at).raise_(Notice("sequence", "sequence", edge.clock_ns, facts), edge.clock_ns)
        edge.event("sequence")
    elif said is Admission.SET_BACK:
        edge = draft.edge(at.edge)
        facts = {"log": batch.log[:SHORT], "start": str(batch.seq), "end": str(known.last if known else 0)}
        draft.panel(at).raise_(Notice("set-back", "set-back", batch.clock_ns, facts), batch.clock_ns)
        edge.event("set-back")
    return lane


def _forget_lanes(edge: str, draft: Draft, *, but: str) -> None:
    """Let the oldest go; not the one that has just begun, whose clock is old where recorded rows are brought."""
    lanes = [(lane.clock_ns, log) for (of, log), lane in draft.lanes.items() if of == edge and log != but]
    for _, log in sorted(lanes)[: -(LANES - 1)]:
        draft.forget_lane(edge, log)
