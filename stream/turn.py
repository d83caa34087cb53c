"""One step at work: takes inputs in order, and lets the detectors judge many batches at once where nothing hinders."""

from itertools import chain

from stream.alarms import Notice
from stream.answers import answer
from stream.attendant import Attendant
from stream.chunk import chunks, union
from stream.detectors import OFF, Detectors
from stream.draft import Draft
from stream.edges import WHOLE
from stream.happenings import happen
from stream.inputs import Item, Unreadable, origin_of
from stream.lanes import Admission, Lane
from stream.plan import NEVER
from stream.scoring import score
from stream.visit import Visit, visit
from wire.messages import Batch, DeadLetter, Frame, ModelChange, Origin, Outcome, Tick

LANES = 64  # remembered an edge; the one longest unheard goes first
MAX_CHANNELS = 2048  # watched of a device; further ones are stored
MAX_DEVICES = 20_000  # watched in all; further ones are stored
BODY = 4096  # bytes kept of what cannot be read


class Turn:
    """Works on one micro-batch. Each input has its own list of outcomes, so their order never depends on the cut."""

    def __init__(self, draft: Draft, detectors: Detectors) -> None:
        self._draft = draft
        self._detectors = detectors
        self._outs: list[list[Outcome]] = []
        self._visits: list[Visit] = []
        self._pending: set[tuple[str, str]] = set()
        self.accepted: list[Batch] = []
        self.duplicates = 0

    def take(self, item: Item) -> None:
        """Work on one input."""
        out: list[Outcome] = []
        self._outs.append(out)
        if isinstance(item, Batch):
            self._batch(item, out)
            return
        self._judge()
        if isinstance(item, Unreadable):
            clock_ns = max((edge.clock_ns for edge in self._draft.edges.values()), default=0)
            out.append(_dead(item, clock_ns))
        elif isinstance(item, Tick):
            for name in sorted(self._draft.edges):
                edge = self._draft.edge(name)
                edge.tick(item.at_ns, self._draft.panel(name, WHOLE, origin_of(item, name), out))
        elif isinstance(item, ModelChange):
            self._change_model(item, out)
        else:
            answer(item, self._draft, self._detectors, out)

    def outcomes(self) -> list[Outcome]:
        """Everything that came of the inputs, in their order."""
        self._judge()
        return list(chain.from_iterable(self._outs))

    def _judge(self) -> None:
        if self._visits:
            score(self._visits, self._draft, self._detectors)
            self._visits, self._pending = [], set()

    def _batch(self, batch: Batch, out: list[Outcome]) -> None:
        draft, origin = self._draft, Origin(batch.edge, batch.log, batch.seq)
        if not 0 <= batch.clock_ns < NEVER or batch.seq < 1:
            reason = f"a batch with clock {batch.clock_ns} and number {batch.seq} cannot be placed"
            out.append(DeadLetter(origin, batch.edge, reason, b"", device=WHOLE))
            return
        if not self._admit(batch, origin, out):
            self.duplicates += 1
            return
        self.accepted.append(batch)
        edge = draft.edge(batch.edge)
        panel = draft.panel(batch.edge, WHOLE, origin, out)
        if edge.lost:
            panel.raise_(Notice("state-lost", "state-lost", batch.clock_ns, {"reason": edge.lost}), batch.clock_ns)
            edge.event("state-lost")
            edge.lost = ""
        edge.hear(batch.clock_ns, panel)
        self._devices(batch, origin, out)
        edge.fire(panel)

    def _admit(self, batch: Batch, origin: Origin, out: list[Outcome]) -> bool:
        draft, edge, log = self._draft, batch.edge, batch.log
        known = draft.lanes.get((edge, log))
        if known is None and edge not in draft.edges:
            known = Lane(batch.seq - 1)  # what an unknown edge sent before is not missing here
        lane, said = (known or Lane()).admit(batch.seq, batch.clock_ns)
        if said is Admission.DUPLICATE:
            return False
        draft.set_lane(edge, log, lane)
        if known is None:
            self._forget_lanes(edge)
        if said is Admission.AFTER_HOLE:
            first, last = lane.holes[-1]
            facts = {"start": str(first), "end": str(last), "log": log[:8]}
            rule = f"sequence:{log[:8]}"
            draft.panel(edge, WHOLE, origin, out).raise_(
                Notice(rule, "sequence", batch.clock_ns, facts), batch.clock_ns
            )
            draft.edge(edge).clock_ns = max(draft.edge(edge).clock_ns, batch.clock_ns)
            draft.edge(edge).event(rule)
        return True

    def _forget_lanes(self, edge: str) -> None:
        lanes = [(lane.clock_ns, log) for (of, log), lane in self._draft.lanes.items() if of == edge]
        for _, log in sorted(lanes)[:-LANES]:
            self._draft.forget_lane(edge, log)

    def _devices(self, batch: Batch, origin: Origin, out: list[Outcome]) -> None:
        draft, edge = self._draft, batch.edge
        clock_ns = draft.edge(edge).clock_ns
        at_work: dict[str, Attendant] = {}
        for name, frames in _by_device(batch.frames).items():
            attendant = self._attend(edge, name, frames, origin, out, clock_ns, late=batch.late)
            if attendant is None:
                continue
            at_work[name] = attendant
            for chunk in chunks(frames, attendant.device.channels):
                if batch.late:
                    attendant.take_late(chunk)
                else:
                    attendant.take(chunk, own=frames[0].own_times)
        for event in batch.events:
            happen(event, edge, origin, out, draft, at_work)
        self._timers(edge, origin, out, clock_ns, at_work)
        self._leave(edge, origin, out, at_work)

    def _timers(
        self, edge: str, origin: Origin, out: list[Outcome], clock_ns: int, at_work: dict[str, Attendant]
    ) -> None:
        draft = self._draft
        due = draft.table(edge).due(clock_ns)
        for name in dict.fromkeys([*at_work, *due]):
            attendant = at_work.get(name)
            device = draft.device(edge, name)
            if attendant is None:
                panel = draft.panel(edge, name, origin, out)
                attendant = at_work[name] = Attendant(device, draft.plan(edge, name), panel, device.clock_ns(clock_ns))
            if device.due_ns(attendant.plan) <= attendant.clock_ns:
                attendant.fire()

    def _leave(self, edge: str, origin: Origin, out: list[Outcome], at_work: dict[str, Attendant]) -> None:
        """Note what is left for the detectors, and when each device is due again."""
        table = self._draft.table(edge)
        learns = False
        for name, attendant in at_work.items():
            device, plan = attendant.device, attendant.plan
            self._visits.append(visit(edge, name, origin, out, attendant))
            self._pending.add((edge, name))
            table.set(name, NEVER if device.life.own else device.due_ns(plan))
            learns = learns or (bool(attendant.stretches) and plan.model != OFF and device.watch.warm < 1.0)
        # What share of the learning is done must be known after each batch, however batches come together.
        if learns:
            self._judge()

    def _attend(
        self,
        edge: str,
        name: str,
        frames: list[Frame],
        origin: Origin,
        out: list[Outcome],
        clock_ns: int,
        *,
        late: bool,
    ) -> Attendant | None:
        """Whoever attends a device that sent rows; None where they are stored only."""
        draft = self._draft
        if (edge, name) not in draft.devices and len(draft.devices) >= MAX_DEVICES:
            self._crowded(edge, WHOLE, f"more than {MAX_DEVICES} devices", origin, out)
            return None
        if late and (edge, name) in self._pending:
            self._judge()
        known = draft.devices[edge, name].channels if (edge, name) in draft.devices else ()
        channels, left_out = (known, 0) if late and known else union(known, frames, MAX_CHANNELS)
        if channels is not known and (edge, name) in self._pending:
            self._judge()
        device = draft.device(edge, name)
        panel = draft.panel(edge, name, origin, out)
        if not self._owns(edge, name, clock_ns, origin, out):
            return None
        if channels is not known:
            device.grow(channels)
        attendant = Attendant(device, draft.plan(edge, name), panel, device.clock_ns(clock_ns))
        if left_out:
            what = f"{left_out} channels beyond {MAX_CHANNELS}"
            panel.raise_(Notice("crowded", "crowded", clock_ns, {"what": what}), clock_ns)
            attendant.event("crowded")
        return attendant

    def _crowded(self, edge: str, device: str, what: str, origin: Origin, out: list[Outcome]) -> None:
        clock_ns = self._draft.edge(edge).clock_ns
        panel = self._draft.panel(edge, device, origin, out)
        panel.raise_(Notice("crowded", "crowded", clock_ns, {"what": what}), clock_ns)
        self._draft.edge(edge).event("crowded")

    def _owns(self, edge: str, name: str, clock_ns: int, origin: Origin, out: list[Outcome]) -> bool:
        """Whether a device is this edge's; the name passes on when the device is silent at its old edge."""
        draft = self._draft
        owner = draft.owners.get(name)
        device = draft.device(edge, name)
        if owner == edge:
            return True
        if owner is not None and not (draft.device(owner, name).stands("silent") or draft.edges[owner].silent()):
            panel = draft.panel(edge, name, origin, out)
            panel.raise_(Notice("conflict", "conflict", clock_ns, {"owner": owner}), clock_ns)
            attendant = Attendant(device, draft.plan(edge, name), panel, clock_ns)
            attendant.event("conflict")
            draft.table(edge).set(name, device.due_ns(attendant.plan))
            return False
        draft.own(edge, name)
        return True

    def _change_model(self, change: ModelChange, out: list[Outcome]) -> None:
        origin = origin_of(change, "")
        if self._detectors.find(change.name, change.version) is None:
            reason = f"model {change.name!r} version {change.version} is not to be had"
            out.append(DeadLetter(origin, "models", reason, change.id.encode()[:BODY], t_ns=change.at_ns))
            return
        self._draft.set_model(change.name, change.version)


def _by_device(frames: tuple[Frame, ...]) -> dict[str, list[Frame]]:
    groups: dict[str, list[Frame]] = {}
    for frame in frames:
        if frame.rows:
            groups.setdefault(frame.device, []).append(frame)
    return groups


def _dead(item: Unreadable, clock_ns: int) -> DeadLetter:
    origin = origin_of(item, "")
    return DeadLetter(origin, "inputs", item.reason, item.body[:BODY], size=len(item.body), t_ns=clock_ns)
