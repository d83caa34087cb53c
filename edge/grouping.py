"""From what waits to what is written at once: repeats taken out, misfits set aside, times given."""

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from edge.clock import BUILD_NS, Clock, LaneClock, offset_ns
from edge.cutter import Cut, Cutter, Timed, single_rule
from edge.deliveries import Deliveries
from edge.lane import Group
from edge.linewatch import LineWatch
from edge.log import LocalLog
from edge.waiting import WaitingRoom
from wire.config import Config
from wire.messages import Event, Gap, Refused, SourceState, StepEnded
from wire.ports import Arrival, Receipt, Row

_MISFIT = (TypeError, ValueError, OverflowError, AttributeError)  # what packing says of values that are none
MAX_DEVICE = 200  # characters kept of a name with which something is wrong


class Grouped(msgspec.Struct, frozen=True):
    """A group, who is told once it is written, and how many rows came from sources."""

    group: Group
    receipts: Sequence[Receipt]
    rows: int

    @property
    def is_empty(self) -> bool:
        """Whether it is no more than a heartbeat."""
        return not (self.receipts or self.group.drafts[0].frames or self.group.drafts[0].events)

    @property
    def is_pressing(self) -> bool:
        """Whether a bench waits for what is made of it."""
        return any(isinstance(event, StepEnded) for draft in self.group.drafts for event in draft.events)


class Grouping:
    """Makes groups in the order of arrival; remembers devices, deliveries and the lane's clock between them."""

    def __init__(self, log: LocalLog, config: Config, *, clock: Clock, lines: Iterable[str] = ()) -> None:
        self._clock = clock
        self._cutter = Cutter(past_ns=config.edge.past_ns, future_ns=config.edge.future_ns, single=single_rule(config))
        self._deliveries = Deliveries(log.deliveries())
        self._lane_clock = LaneClock(last_ns=log.lane.clock_ns, mono_ns=clock.monotonic_ns())
        self._watch = LineWatch(lines, known=log.lane.lines, down=log.lane.down, last_ns=log.lane.utc_ns)
        self._offset_ns = 0

    def take(self, room: WaitingRoom, *, until_ns: int) -> Grouped:
        """Wait for the next group, or at `until_ns` for an empty one."""
        waiting, mono_ns = room.take(until_ns=until_ns)
        offset = offset_ns(self._clock)
        if mono_ns + offset >= BUILD_NS or self._offset_ns == 0:
            self._offset_ns = offset  # a clock that falls back before the build date is not followed
        timed = [Timed(w.arrival, w.mono_ns + self._offset_ns) for w in waiting]
        fresh, again, keys = self._sort(timed)
        gaps = [*room.losses(offset_ns=self._offset_ns), *self._gaps(fresh)]
        cut = self._cut(fresh, again, gaps)
        delivered, forgotten = self._deliveries.remember(keys)
        utc_ns = mono_ns + self._offset_ns
        group = Group(
            clock_ns=self._lane_clock.at(utc_ns=utc_ns, mono_ns=mono_ns),
            drafts=cut.drafts,
            utc_ns=utc_ns,
            lines=self._watch.known,
            down=self._watch.down,
            delivered=delivered,
            forgotten=forgotten,
            moved=cut.moved,
        )
        receipts = [t.arrival.receipt for t in timed if t.arrival.receipt is not None]
        return Grouped(group, receipts, sum(len(t.arrival.rows) for t in fresh))

    def _sort(self, timed: Iterable[Timed]) -> tuple[list[Timed], list[Timed], dict[str, list[bytes]]]:
        fresh: list[Timed] = []
        again: list[Timed] = []
        keys: dict[str, list[bytes]] = {}
        here: set[tuple[str, bytes]] = set()  # the first copy may still be waiting beside its repeat
        for one in timed:
            receipt, source = one.arrival.receipt, one.arrival.source
            if receipt is not None:
                key = receipt.key
                if receipt.again and ((source, key) in here or self._deliveries.knows(source, key)):
                    again.append(one)
                    continue
                here.add((source, key))
                keys.setdefault(source, []).append(key)
            fresh.append(one)
        return fresh, again, keys

    def _gaps(self, fresh: Iterable[Timed]) -> Iterator[Gap]:
        for one in fresh:
            if one.arrival.rows:
                self._watch.hear(one.arrival.source, one.at_ns)
            for event in one.arrival.events:
                if isinstance(event, SourceState) and (gap := self._watch.follow(event, one.at_ns)):
                    yield gap

    def _cut(self, fresh: Sequence[Timed], again: Sequence[Timed], gaps: Sequence[Gap]) -> Cut:
        try:
            return self._cutter.cut(fresh, events=gaps, redelivered=again)
        except _MISFIT:
            # A source handed over what no frame can hold: find it, so that nothing else is disturbed.
            sound = [self._sound(one) for one in fresh]
            return self._cutter.cut(sound, events=gaps, redelivered=again)

    def _sound(self, one: Timed) -> Timed:
        arrival = one.arrival
        if not self._misfit(one):
            return one
        rows: list[Row] = []
        events: list[Event] = []
        refused: Refused | None = None
        for part in (*arrival.rows, *arrival.events):
            is_row = isinstance(part, Row)
            of = msgspec.structs.replace(arrival, rows=(part,) if is_row else (), events=() if is_row else (part,))
            if reason := self._misfit(Timed(of, one.at_ns)):
                refused = msgspec.structs.replace(refused, count=refused.count + 1) if refused else _refused(of, reason)
            elif isinstance(part, Row):
                rows.append(part)
            else:
                events.append(part)
        told = (*events, refused) if refused else events
        return Timed(msgspec.structs.replace(arrival, rows=rows, events=told), one.at_ns)

    def _misfit(self, one: Timed) -> str:
        try:
            self._cutter.cut([one])
        except _MISFIT as error:
            return f"no row can hold it: {error}".encode("utf-8", "backslashreplace").decode()
        return ""


def _refused(of: Arrival, reason: str) -> Refused:
    body = repr(of.rows or of.events).encode("utf-8", "backslashreplace")
    device = of.rows[0].device[:MAX_DEVICE].encode("utf-8", "backslashreplace").decode() if of.rows else ""
    return Refused(source=of.source, reason=reason, body=body, device=device)
