"""A lane: the ordered stream of batches of one edge, what goes into it at once, and what it remembers."""

from collections.abc import Mapping, Sequence

import msgspec

from edge.hands import Stretch
from wire.messages import Batch, ClockDoubted, Event, Frame, Gap, OutboxState, Redelivered, Refused


class Draft(msgspec.Struct, frozen=True):
    """What one batch will hold."""

    frames: tuple[Frame, ...] = ()
    events: tuple[Event, ...] = ()
    outbox: OutboxState | None = None


class Delivered(msgspec.Struct, frozen=True):
    """The keys of one source's deliveries in one group; `place` grows for ever."""

    place: int
    source: str
    keys: tuple[bytes, ...]


class Group(msgspec.Struct, frozen=True):
    """What one transaction makes durable: drafts become batches, one `seq` each."""

    clock_ns: int
    drafts: Sequence[Draft]
    utc_ns: int = 0  # what the edge's own clock said, be it right or wrong
    lines: Sequence[str] = ()  # sources without acknowledgement that were ever connected
    down: Mapping[str, int] = {}  # since when they are down
    delivered: Sequence[Delivered] = ()
    forgotten: Sequence[int] = ()  # places of Delivered that are no longer needed
    moved: int = 0


class Lane(msgspec.Struct, frozen=True):
    """What the log remembers of its lane, written with every commit.

    `rows` = `waiting` + `confirmed` + `given_up` at all times.
    """

    edge: str
    log: str
    seq: int = 0
    clock_ns: int = 0
    utc_ns: int = 0  # what the edge's own clock said at the last commit
    lines: Sequence[str] = ()  # see Group
    down: Mapping[str, int] = {}
    late: tuple[Stretch, ...] = ()  # what went by in a long outage, to follow behind the live data
    bytes: int = 0  # of the records that wait, as they lie on disk
    rows: int = 0
    waiting: int = 0
    confirmed: int = 0
    given_up: int = 0  # rows that gave way to newer ones
    batches: int = 0
    redelivered: int = 0
    refused: int = 0
    gaps: int = 0
    gap_rows: int = 0  # in all gaps of known size that were sent
    doubted: int = 0
    moved: int = 0  # equal stamps moved by 1 ns

    def next(self, draft: Draft, *, clock_ns: int) -> Batch:
        """The batch that follows in this lane."""
        return Batch(
            edge=self.edge,
            log=self.log,
            seq=self.seq + 1,
            clock_ns=max(clock_ns, self.clock_ns),
            frames=draft.frames,
            events=draft.events,
            outbox=draft.outbox,
        )

    def after(self, batch: Batch, *, cost: int) -> "Lane":
        """The lane with this batch behind it."""
        rows = sum(frame.rows for frame in batch.frames)
        gaps = [event.rows for event in batch.events if isinstance(event, Gap)]
        return msgspec.structs.replace(
            self,
            seq=batch.seq,
            clock_ns=batch.clock_ns,
            bytes=self.bytes + cost,
            rows=self.rows + rows,
            waiting=self.waiting + rows,
            batches=self.batches + 1,
            redelivered=self.redelivered + sum(e.rows for e in batch.events if isinstance(e, Redelivered)),
            refused=self.refused + sum(e.count for e in batch.events if isinstance(e, Refused)),
            gaps=self.gaps + len(gaps),
            gap_rows=self.gap_rows + sum(rows for rows in gaps if rows > 0),
            doubted=self.doubted + sum(e.rows for e in batch.events if isinstance(e, ClockDoubted)),
        )
