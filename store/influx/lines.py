"""Messages as line protocol: readings and scores by columns, all else line by line; one message, always one text.

What is no number (NaN, infinite) is left out, and a line with nothing left is none. A line holds no line end but its
own, whatever a device is called.
"""

from array import array
from collections.abc import Mapping, Sequence
from math import isfinite
from zlib import crc32

import msgspec

from store.influx.bench_lines import measured_in, point_of
from store.influx.protocol import NONE, Said, fields_of, name_of, texts_of
from store.influx.table import (
    ACTIVE_ALARMS,
    ALARMS,
    CHANNELS,
    CONTRIBUTION,
    CONTRIBUTIONS,
    DEAD,
    DEVICE,
    EDGE,
    GAPS,
    HEALTH_CODES,
    INSTANCE,
    LIMITS,
    LIVENESS,
    MODEL,
    PIPELINE,
    PRIORITY,
    READINGS,
    ROLE,
    RULE,
    SCORES,
    SHADOW_SCORES,
    SITE,
    SOURCE,
    SOURCES,
    VERSION,
    Measurement,
    channel_field,
)
from wire.messages import (
    FLOAT_CODES,
    NEAR_LIMIT,
    NS_PER_S,
    Advice,
    Alarm,
    AlarmState,
    Batch,
    DeadLetter,
    Frame,
    Gap,
    Health,
    Label,
    Liveness,
    Message,
    OutboxState,
    Run,
    Scores,
    SourceState,
    SourceStatus,
)

VERSIONS = 1000  # changes of an alarm, and gaps, within a microsecond that have times of their own
RECORDS = 1_000_000  # records within a millisecond that have times of their own
KNOWN = 10_000  # devices whose heads are remembered; one more, and all are made anew
Seen = tuple[str, str, tuple[str, ...]]  # edge, device, its channels


class _Shape(msgspec.Struct, frozen=True):
    """What is the same in every row of a device; `around` stands between numbers, with room for them.

    It begins with the end of the line before.
    """

    head: bytes
    keys: list[bytes]
    around: list[bytes]


class Lines:
    """Encodes what happens at one site; used by one thread."""

    def __init__(self, site: str) -> None:
        self._site = site
        self._known: dict[Seen, _Shape] = {}

    def seen(self) -> list[Seen]:
        """The devices whose readings were written, as far as they are remembered; may be asked by any thread."""
        return list(self._known)

    def of(self, message: Message) -> bytes:  # noqa: PLR0911 -- one return a kind
        """The lines of a message, each with its line end; nothing for what has no place in InfluxDB."""
        match message:
            case Batch():
                return self.batch(message)
            case Scores():
                return self.scores(message)
            case Alarm():
                return self.alarm(message)
            case Liveness():
                return self.liveness(message)
            case Run() | Advice() | Label():
                point = point_of(message)
                return self._line(point.kind, point.tags, point.fields, point.at_ns)
            case DeadLetter():
                return self.dead(message, at_ns=message.t_ns)
            case _:
                return b""

    def batch(self, batch: Batch) -> bytes:
        """Readings, gaps, states of sources and of the edge's outbox."""
        parts = [self._frame(batch.edge, frame) for frame in batch.frames]
        for event in batch.events:
            match event:
                case Gap():
                    parts.append(self._gap(batch.edge, event))
                case SourceState():
                    parts.append(self._source(batch, event))
        if batch.outbox is not None:
            parts.append(self._outbox(batch, batch.outbox))
        parts += [self._line(point.kind, point.tags, point.fields, point.at_ns) for point in measured_in(batch)]
        return b"".join(parts)

    def scores(self, scores: Scores) -> bytes:
        """A line a scored row; contributions only where the score is high; those of champions in their own place."""
        tags = {EDGE: scores.edge, DEVICE: scores.device}
        said: Said = {"late": float(scores.late)}
        if scores.role == "champion":
            head = self._head(SCORES, tags) + b" score="
            said = {**said, "model_version": float(scores.version), "model": scores.model}
        else:
            tags |= {MODEL: scores.model, VERSION: str(scores.version), ROLE: scores.role}
            head = self._head(SHADOW_SCORES, tags) + b" score="
        tail = b"," + fields_of(said)
        score = memoryview(scores.score).cast("f").tolist()
        times = memoryview(scores.t_ns).cast("q").tolist()
        parts: list[bytes] = []
        for row, (value, written, at) in enumerate(zip(score, texts_of(score), texts_of(times), strict=True)):
            if written != NONE:
                most = self._largest(scores, row) if value >= NEAR_LIMIT else b""
                parts += (head, written, most, tail, b" ", at, b"\n")
        return b"".join(parts)

    def alarm(self, alarm: Alarm) -> bytes:
        """A line a change; changes within one microsecond keep times of their own."""
        fields: Said = {
            "id": alarm.id,
            "version": float(alarm.version),
            "state": alarm.state.value,
            "active": float(alarm.active),
            "unacknowledged": float(_unacknowledged(alarm)),
            "onset_s": alarm.onset_ns / NS_PER_S,
            "summary": alarm.summary,
            "cause": alarm.cause,
            "consequence": alarm.consequence,
            "response": alarm.response,
            "channel": alarm.channel,
            "who": alarm.who,
            "why": alarm.why,
            "model": alarm.model,
            "model_version": float(alarm.model_version),
            "value": alarm.value,
            "limit": alarm.limit,
        }
        at_ns = alarm.changed_ns // VERSIONS * VERSIONS + alarm.version % VERSIONS
        return self._line(ALARMS, self._alarm_tags(alarm), fields, at_ns)

    def active(self, alarm: Alarm, *, at_ns: int, active: bool) -> bytes:
        """What an alarm is doing at a wall time."""
        fields: Said = {
            "active": float(active),
            "unacknowledged": float(_unacknowledged(alarm)),
            "summary": alarm.summary,
            "state": alarm.state.value,
        }
        return self._line(ACTIVE_ALARMS, self._alarm_tags(alarm), fields, at_ns)

    def channels(self, edge: str, device: str, names: str, *, at_ns: int) -> bytes:
        """Which channels a device has at a wall time."""
        return self._line(CHANNELS, {EDGE: edge, DEVICE: device}, {"names": names}, at_ns)

    def limit(self, edge: str, device: str, rule: str, limit: float, *, at_ns: int) -> bytes:
        """A limit of a channel at a wall time."""
        return self._line(LIMITS, {EDGE: edge, DEVICE: device, RULE: rule}, {"limit": limit}, at_ns)

    def liveness(self, alive: Liveness) -> bytes:
        """How a device is doing."""
        fields: Said = {
            "health": alive.health.value,
            "code": HEALTH_CODES[alive.health],
            "silent": float(alive.health is Health.SILENT),
            "warm": alive.warm,
            "last_s": alive.last_ns / NS_PER_S,
        }
        return self._line(LIVENESS, {EDGE: alive.edge, DEVICE: alive.device}, fields, alive.clock_ns)

    def dead(self, letter: DeadLetter, *, at_ns: int, place: int = 0) -> bytes:
        """A dead letter; `place` tells apart those of one millisecond."""
        at_ns = (letter.t_ns or at_ns) // RECORDS * RECORDS + place % RECORDS
        return self._line(DEAD, {SOURCE: letter.source}, {"count": float(letter.count), "reason": letter.reason}, at_ns)

    def pipeline(self, *, role: str, instance: str, figures: Mapping[str, float], at_ns: int) -> bytes:
        """How a role is doing at a wall time; figures are named as the fields of the measurement."""
        return self._line(PIPELINE, {ROLE: role, INSTANCE: instance}, figures, at_ns)

    def _frame(self, edge: str, frame: Frame) -> bytes:
        """The texts of all numbers at once, then laid between what stands around them in each row."""
        rows, columns = frame.rows, len(frame.channels)
        if not rows:
            return b""
        shape = self._shape(edge, frame.device, frame.channels)
        values = array(FLOAT_CODES[frame.dtype], frame.values).tolist()
        numbers: list[float] = [0.0] * (rows * (columns + 1))
        for column in range(columns):
            numbers[column :: columns + 1] = values[column::columns]
        numbers[columns :: columns + 1] = memoryview(frame.t_ns).cast("q").tolist()
        texts = texts_of(numbers)
        if NONE in texts:
            return _sparse(shape, texts)
        pieces = shape.around * rows
        pieces[1::2] = texts
        pieces.append(b"\n")
        return b"".join(pieces)[1:]

    def _shape(self, edge: str, device: str, channels: tuple[str, ...]) -> _Shape:
        known = self._known.get((edge, device, channels))
        if known is None:
            if len(self._known) >= KNOWN:
                self._known.clear()
            head = self._head(READINGS, {EDGE: edge, DEVICE: device})
            keys = [f"{name_of(channel_field(channel))}=".encode() for channel in channels]
            before = [b"\n" + head + b" " + keys[0], *(b"," + key for key in keys[1:]), b" "]
            known = _Shape(head, keys, [piece for each in before for piece in (each, b"")])
            self._known[edge, device, channels] = known
        return known

    def _largest(self, scores: Scores, row: int) -> bytes:
        """The contributions that are kept of a row, in the order of the channels."""
        width = 4 * len(scores.channels)
        shares = memoryview(scores.contributions)[row * width : (row + 1) * width].cast("f").tolist()
        finite = [place for place, share in enumerate(shares) if isfinite(share)]
        kept = sorted(sorted(finite, key=lambda place: -abs(shares[place]))[:CONTRIBUTIONS])
        return b"".join(b"," + fields_of({CONTRIBUTION + scores.channels[place]: shares[place]}) for place in kept)

    def _gap(self, edge: str, gap: Gap) -> bytes:
        fields: Said = {
            "from_s": gap.from_ns / NS_PER_S,
            "to_s": gap.to_ns / NS_PER_S,
            "rows": float(gap.rows),
            "reason": gap.reason,
            "source": gap.source,
        }
        # Several lines of an edge may be down from one moment on: their digest tells such gaps apart.
        digest = crc32(f"{gap.source}\n{gap.reason}\n{gap.to_ns}\n{gap.rows}".encode())
        at_ns = gap.from_ns // VERSIONS * VERSIONS + digest % VERSIONS
        return self._line(GAPS, {EDGE: edge, DEVICE: gap.device}, fields, at_ns)

    def _source(self, batch: Batch, state: SourceState) -> bytes:
        connected = float(state.state is SourceStatus.CONNECTED)
        fields: Said = {"state": state.state.value, "connected": connected, "detail": state.detail}
        return self._line(SOURCES, {EDGE: batch.edge, SOURCE: state.source}, fields, state.t_ns or batch.clock_ns)

    def _outbox(self, batch: Batch, state: OutboxState) -> bytes:
        figures = {"backlog": state.backlog, "outbox_bytes": state.bytes, "rows": state.rows, "running": 1.0}
        if state.hours_left is not None:
            figures["hours_left"] = state.hours_left
        return self.pipeline(role=EDGE, instance=batch.edge, figures=figures, at_ns=batch.clock_ns)

    def _alarm_tags(self, alarm: Alarm) -> Mapping[str, str]:
        return {EDGE: alarm.edge, DEVICE: alarm.device, RULE: alarm.rule, PRIORITY: alarm.priority.value}

    def _line(
        self, kind: Measurement, tags: Mapping[str, str], fields: Said | Mapping[str, float], at_ns: int
    ) -> bytes:
        written = fields_of(fields)
        return b"%s %s %d\n" % (self._head(kind, tags), written, at_ns) if written else b""

    def _head(self, kind: Measurement, tags: Mapping[str, str]) -> bytes:
        said = {**tags, SITE: self._site}
        return ",".join([kind.name, *(f"{tag}={name_of(said[tag])}" for tag in kind.tags if said[tag])]).encode()


def _sparse(shape: _Shape, texts: Sequence[bytes]) -> bytes:
    """Rows of which some lack numbers."""
    parts: list[bytes] = []
    columns = len(shape.keys)
    for start in range(0, len(texts), columns + 1):
        row = zip(shape.keys, texts[start : start + columns], strict=True)
        if fields := b",".join([key + text for key, text in row if text != NONE]):
            parts.append(b"%b %b %b\n" % (shape.head, fields, texts[start + columns]))
    return b"".join(parts)


def _unacknowledged(alarm: Alarm) -> bool:
    return alarm.state in {AlarmState.UNACKNOWLEDGED, AlarmState.RETURNED}
