"""Arrivals into drafts of batches: the clock rules, and how much goes into one batch. Pure but for its memory."""

from collections.abc import Iterable, Sequence

import msgspec

from edge.frames import Framer, SingleRule
from edge.lane import Draft
from edge.roster import Roster
from edge.tally import Tally
from wire.config import Config, channel
from wire.messages import NS_PER_S, Event, Frame, RunEvent
from wire.ports import Arrival, Row

BATCH_BYTES = 1_000_000
EVENT_BYTES = 1_000_000
DEVICES = 10_000  # whose last arrival stamp is remembered
EVERY = "*"  # the whole edge, where a bench does not say who it is
HELD_NS = NS_PER_S  # a clock that steps back by more than this is followed, by less it is waited for


class Timed(msgspec.Struct, frozen=True):
    """An arrival and when it came, UTC."""

    arrival: Arrival
    at_ns: int


class Cut(msgspec.Struct, frozen=True):
    """What became of a group of arrivals: at least one draft, and how many equal stamps were moved."""

    drafts: Sequence[Draft]
    moved: int


class Cutter:
    """Cuts groups of arrivals; remembers the last stamp of each device so that arrival times only increase.

    A claimed time is believed within `past_ns` and `future_ns` of the arrival; else the arrival time is used and a
    ClockDoubted event keeps the claim. Arrivals with `own_times` keep what they claim, whatever it is.
    """

    def __init__(self, *, past_ns: int, future_ns: int, single: SingleRule) -> None:
        self._past_ns = past_ns
        self._future_ns = future_ns
        self._single = single
        self._stamps: dict[str, int] = {}
        self._roster = Roster()

    def cut(self, arrivals: Iterable[Timed], *, events: Iterable[Event] = (), redelivered: Iterable[Timed] = ()) -> Cut:
        """Drafts of at most about BATCH_BYTES each, in the order of arrival.

        Raises TypeError, ValueError or OverflowError when an arrival holds what no frame can.
        """
        framer = Framer(self._single, self._roster)
        tally = Tally()
        moved = 0
        for event in events:
            tally.add(event, at_ns=0)
        for timed in arrivals:
            moved += self._lay(timed, framer, tally)
            for event in timed.arrival.events:
                dated = self._dated(event, timed, tally) if isinstance(event, RunEvent) else event
                tally.add(dated, at_ns=timed.at_ns)
        for timed in redelivered:
            tally.redeliver(timed.arrival.source, len(timed.arrival.rows) or 1)
        return Cut(_drafts(framer.frames(), tally.events()), moved + framer.moved)

    def _lay(self, timed: Timed, framer: Framer, tally: Tally) -> int:
        own = timed.arrival.own_times
        at_ns = timed.at_ns
        first_ns, last_ns = at_ns - self._past_ns, at_ns + self._future_ns
        add = framer.add
        moved = 0
        for row in timed.arrival.rows:
            t_ns = row.claimed_ns
            if t_ns is None or not (own or first_ns <= t_ns <= last_ns):
                t_ns = self._stamp(row, at_ns, tally)
                moved += t_ns != at_ns
            add(row.device, row.channels, row.values, t_ns, own)
        return moved

    def _dated(self, event: RunEvent, timed: Timed, tally: Tally) -> RunEvent:
        at_ns, t_ns = timed.at_ns, event.t_ns
        believed = timed.arrival.own_times or at_ns - self._past_ns <= t_ns <= at_ns + self._future_ns
        if t_ns and believed:
            return event
        if t_ns:
            tally.doubt(event.station or EVERY, t_ns=at_ns, claimed_ns=t_ns)
        return msgspec.structs.replace(event, t_ns=at_ns)

    def _stamp(self, row: Row, at_ns: int, tally: Tally) -> int:
        last_ns = self._stamps.get(row.device)
        if last_ns is None:
            if len(self._stamps) >= DEVICES:
                del self._stamps[next(iter(self._stamps))]
        elif at_ns <= last_ns < at_ns + HELD_NS:
            at_ns = last_ns + 1
        self._stamps[row.device] = at_ns
        if row.claimed_ns is not None:
            tally.doubt(row.device, t_ns=at_ns, claimed_ns=row.claimed_ns)
        return at_ns


def single_rule(config: Config) -> SingleRule:
    """Whether all channels of a row are said to need no more than single precision; remembers a bounded number."""
    known: dict[tuple[str, tuple[str, ...]], bool] = {}

    def single(device: str, channels: tuple[str, ...]) -> bool:
        found = known.get((device, channels))
        if found is None:
            rule = config.device(device)
            found = bool(channels) and all(channel(rule, name).single for name in channels)
            if len(known) >= DEVICES:
                known.clear()
            known[device, channels] = found
        return found

    return single


def _drafts(frames: Iterable[Frame], events: Iterable[Event]) -> list[Draft]:
    drafts: list[Draft] = []
    part: list[Frame | Event] = []
    size = 0
    for item in (*events, *frames):
        more = _size(item)
        if part and size + more > BATCH_BYTES:
            drafts.append(_draft(part))
            part, size = [], 0
        part.append(item)
        size += more
    return [*drafts, _draft(part)]


def _draft(part: Iterable[Frame | Event]) -> Draft:
    items = list(part)
    return Draft(
        frames=tuple(item for item in items if isinstance(item, Frame)),
        events=tuple(item for item in items if not isinstance(item, Frame)),
    )


def _size(item: Frame | Event) -> int:
    if isinstance(item, Frame):
        return len(item.t_ns) + len(item.values) + sum(map(len, item.channels)) + 100
    size = len(msgspec.msgpack.encode(item))
    if size > EVENT_BYTES:
        msg = f"an event of {size} bytes, at most {EVENT_BYTES} are taken"
        raise ValueError(msg)
    return size
