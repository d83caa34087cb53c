"""One step at work: takes inputs in order, and lets the detectors judge many batches at once where nothing hinders."""

from itertools import chain

from models.decide import Decision
from stream.admission import admit, unplaceable
from stream.alarms.answers import answer
from stream.benches import clerk as benches
from stream.devices.attendant import Attendant
from stream.devices.chunk import chunks
from stream.devices.claims import admitted, attend, grown, overfull
from stream.devices.plan import NEVER
from stream.devices.scoring import score
from stream.devices.visit import Visit, visit
from stream.draft import Draft, Occasion
from stream.happenings import happen
from stream.inputs import BODY, Item, Unreadable, origin_of, refused
from stream.models.detectors import Detectors, trained
from stream.models.replacing import change_model
from stream.models.seats import learns
from wire.messages import Batch, DeadLetter, Frame, ModelChange, Outcome, Tick


class Turn:
    """Works on one micro-batch. Each input has its own list of outcomes, so their order never depends on the cut."""

    def __init__(self, draft: Draft, detectors: Detectors, decision: Decision | None) -> None:
        self._draft = draft
        self._detectors = detectors
        self._decision = decision
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
            self._batch(item, Occasion(item.edge, origin_of(item, item.edge), out))
            return
        self._judge()
        if isinstance(item, Unreadable):
            body, size, t_ns = item.body[:BODY], len(item.body), self._clock_ns()
            out.append(DeadLetter(origin_of(item, ""), "inputs", item.reason, body, size=size, t_ns=t_ns))
        elif isinstance(item, Tick):
            for name in sorted(self._draft.edges):
                at = Occasion(name, origin_of(item, name), out)
                self._draft.edge(name).tick(item.at_ns, self._draft.panel(at))
        elif isinstance(item, ModelChange):
            change_model(item, self._draft, self._detectors, out)
        else:
            answer(item, self._draft, self._detectors, out)

    def _clock_ns(self) -> int:
        return max((edge.clock_ns for edge in self._draft.edges.values()), default=0)

    def outcomes(self) -> list[Outcome]:
        """Everything that came of the inputs, in their order."""
        self._judge()
        return list(chain.from_iterable(self._outs))

    def _judge(self) -> None:
        if self._visits:
            score(self._visits, self._draft, self._detectors, self._decision)
            self._visits, self._pending = [], set()

    def _batch(self, batch: Batch, at: Occasion) -> None:
        reason = unplaceable(batch)
        if reason:
            at.out.append(refused(batch, at.origin, "inputs", reason, t_ns=self._clock_ns()))
        elif admit(batch, at, self._draft):
            self.accepted.append(batch)
            self._devices(batch, at)
            self._draft.edge(at.edge).fire(self._draft.panel(at))
        else:
            self.duplicates += 1

    def _devices(self, batch: Batch, at: Occasion) -> None:
        at_work: dict[str, Attendant] = {}
        for name, frames in _by_device(batch.frames).items():
            attendant = self._attend(name, frames, at, late=batch.late)
            if attendant is None:
                continue
            at_work[name] = attendant
            for chunk in chunks(frames, attendant.device.channels):
                if batch.late:
                    attendant.take_late(chunk)
                else:
                    attendant.take(chunk, own=frames[0].own_times)
        for event in batch.events:
            happen(event, at, self._draft, at_work)
        benches.take(batch, at, self._draft, self._detectors)
        self._timers(at, at_work)
        self._leave(at, at_work)

    def _attend(self, name: str, frames: list[Frame], at: Occasion, *, late: bool) -> Attendant | None:
        """Whoever attends a device that sent rows; None where they are stored only."""
        draft = self._draft
        channels, left_out = grown(name, frames, at, draft, late=late)
        known = draft.devices.get((at.edge, name))
        grows = known is None or channels is not known.channels
        # What still waits for its detector needs the device as it is now.
        if (late or grows) and (at.edge, name) in self._pending:
            self._judge()
        if not admitted(name, at, draft):
            return None
        if grows:
            device = draft.device(at.edge, name)
            watching = self._detectors.find(device.watch.model, device.watch.version)
            device.grow(channels, anew=not (watching and watching.channels))
        attendant = attend(name, at, draft)
        if model := trained(attendant.plan.model, draft.models, self._detectors):
            attendant.arrange(frames, model.channels)
        if left_out:
            overfull(left_out, attendant)
        return attendant

    def _timers(self, at: Occasion, at_work: dict[str, Attendant]) -> None:
        draft = self._draft
        for name in dict.fromkeys([*at_work, *draft.table(at.edge).due(draft.edge(at.edge).clock_ns)]):
            if name not in at_work:
                at_work[name] = attend(name, at, draft)
            at_work[name].look_at_the_clock()

    def _leave(self, at: Occasion, at_work: dict[str, Attendant]) -> None:
        """Note what is left for the detectors, and when each device is due again."""
        draft, table = self._draft, self._draft.table(at.edge)
        # What share of the learning is done must be known after each batch, however batches come together.
        alone = any(each.stretches and learns(each, draft, self._detectors) for each in at_work.values())
        if alone:
            self._judge()
        for name, attendant in at_work.items():
            self._visits.append(visit(at, name, attendant))
            self._pending.add((at.edge, name))
            table.set(name, NEVER if attendant.device.life.own else attendant.due_ns)
        if alone:
            self._judge()


def _by_device(frames: tuple[Frame, ...]) -> dict[str, list[Frame]]:
    groups: dict[str, list[Frame]] = {}
    for frame in frames:
        if frame.rows:
            groups.setdefault(frame.device, []).append(frame)
    return groups
