"""From records of the bus to what is written at once: lines, where each comes from, and what nobody could read."""

from collections.abc import Sequence

import msgspec

from store.influx.lines import Lines
from wire.envelope import Rejected, unpack_input, unpack_outcomes
from wire.messages import Batch, DeadLetter, Message, Origin
from wire.ports import Record
from wire.topics import ADVICE, ALARMS, DEAD, INPUTS, SCORES

TOPICS = (INPUTS, SCORES, ALARMS, ADVICE, DEAD)
BURIED_BY_OTHERS = frozenset({INPUTS, DEAD})  # what cannot be read there is no new dead letter
SOURCE = "sink"  # of the dead letters that are made here
LINES, BYTES = 8000, 4_000_000
CUT_BYTES = 4096
PARTITIONS = 64  # of a topic; dead letters of more share their times


class Part(msgspec.Struct, frozen=True):
    """The lines of one record."""

    record: Record
    origin: Origin
    lines: bytes


class Load(msgspec.Struct):
    """What is written with one request; full at 8000 lines or 4 MB, whichever comes first."""

    parts: list[Part] = []
    records: list[Record] = []
    letters: list[DeadLetter] = []
    lines: int = 0
    size: int = 0
    unread: int = 0

    @property
    def full(self) -> bool:
        """Whether it should be written now."""
        return self.lines >= LINES or self.size >= BYTES

    def add(self, record: Record, encode: Lines) -> None:
        """Take a record in."""
        self.records.append(record)
        if not record.body:
            return  # erases a key of a compacted topic
        messages = _opened(record)
        if isinstance(messages, Rejected):
            self.unread += 1
            if record.topic not in BURIED_BY_OTHERS:
                self.letters.append(letter(record, origin_of(record), messages.reason, record.body))
            return
        place = record.offset * PARTITIONS + record.partition
        for message in messages:
            if isinstance(message, DeadLetter):
                lines = encode.dead(message, at_ns=record.at_ns, place=place)
            else:
                lines = encode.of(message)
            if lines:
                self.parts.append(Part(record, _origin(message, record), lines))
                self.lines += lines.count(b"\n")
                self.size += len(lines)


def _opened(record: Record) -> Sequence[Message] | Rejected:
    if record.topic != INPUTS:
        return unpack_outcomes(record.body)
    message = unpack_input(record.body)
    return message if isinstance(message, Rejected) else [message]


def letter(record: Record, origin: Origin, reason: str, body: bytes) -> DeadLetter:
    """A dead letter of the sink; the same record gives the same."""
    return DeadLetter(
        origin=origin, source=SOURCE, reason=reason, body=body[:CUT_BYTES], size=len(body), t_ns=record.at_ns
    )


def origin_of(record: Record) -> Origin:
    """The origin of what does not name one: the key's edge, and the place on the bus."""
    edge = record.key.decode(errors="replace").partition("/")[0]
    return Origin(edge=edge, log=f"{record.topic}/{record.partition}", seq=record.offset)


def _origin(message: Message, record: Record) -> Origin:
    if isinstance(message, Batch):
        return Origin(edge=message.edge, log=message.log, seq=message.seq)
    origin = getattr(message, "origin", None)
    return origin if isinstance(origin, Origin) else origin_of(record)
