"""Messages as line protocol: readings and scores by columns, all else line by line; one message, always one text.

What is no number (NaN, infinite) is left out, and a line with nothing left is none. A line holds no line end but its
own, whatever a device is called.
"""

from collections.abc import Iterable, Mapping, Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from store.influx.table import (
    ACTIVE_ALARMS,
    ADVICE,
    ALARMS,
    CONTRIBUTION,
    CONTRIBUTIONS,
    CONTRIBUTIONS_FROM,
    DEAD,
    DEVICE,
    EDGE,
    GAPS,
    HEALTH_CODES,
    INSTANCE,
    LIVENESS,
    PIPELINE,
    PRIORITY,
    READINGS,
    ROLE,
    RULE,
    SCORES,
    SITE,
    SOURCE,
    SOURCES,
    Measurement,
    channel_field,
    shown,
)
from wire.messages import (
    NS_PER_S,
    Advice,
    Alarm,
    AlarmState,
    Batch,
    DeadLetter,
    Frame,
    Gap,
    Health,
    Liveness,
    Message,
    Scores,
    SourceState,
    SourceStatus,
)

TEXT_LENGTH = 4000  # characters of a string field; InfluxDB refuses 64 KiB
VERSIONS = 1000  # changes of an alarm within a microsecond that have times of their own
RECORDS = 1_000_000  # records within a millisecond that have times of their own
_IN_NAMES = str.maketrans({",": r"\,", "=": r"\=", " ": r"\ "})
_IN_TEXTS = str.maketrans({**dict.fromkeys(map(chr, range(0x20)), " "), "\\": r"\\", '"': r"\""})
_json = msgspec.json.Encoder()
_Floats = npt.NDArray[np.float64]
_Said = Mapping[str, float | str | None]


class Lines:
    """Encodes what happens at one site."""

    def __init__(self, site: str) -> None:
        self._site = site

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
            case Advice():
                return self.advice(message)
            case DeadLetter():
                return self.dead(message, at_ns=message.t_ns)
            case _:
                return b""

    def batch(self, batch: Batch) -> bytes:
        """Readings, gaps and states of sources."""
        parts = [self._frame(batch.edge, frame) for frame in batch.frames]
        for event in batch.events:
            match event:
                case Gap():
                    parts.append(self._gap(batch.edge, event))
                case SourceState():
                    parts.append(self._source(batch, event))
        return b"".join(parts)

    def scores(self, scores: Scores) -> bytes:
        """A line a scored row; contributions only where the score is high."""
        times = np.frombuffer(scores.t_ns, "<i8")
        score = np.frombuffer(scores.score, "<f4").astype(np.float64)
        head = self._head(SCORES, {EDGE: scores.edge, DEVICE: scores.device})
        rest: _Said = {"late": float(scores.late), "model_version": float(scores.version), "model": scores.model}
        rest_of = _fields(rest)
        high = np.isfinite(score) & (score >= CONTRIBUTIONS_FROM)
        low = np.isfinite(score) & ~high
        parts = [_table(head, ["score"], score[low, None], times[low], tail=b"," + rest_of)]
        shares = np.frombuffer(scores.contributions, "<f4").reshape(len(times), len(scores.channels))
        keys = [CONTRIBUTION + shown(channel) for channel in scores.channels]
        parts += [
            b"%s %s%s,%s %d\n" % (head, _fields({"score": float(score[row])}), _largest(keys, shares[row]), rest_of, at)
            for row, at in zip(np.flatnonzero(high).tolist(), times[high].tolist(), strict=True)
        ]
        return b"".join(parts)

    def alarm(self, alarm: Alarm) -> bytes:
        """A line a change; changes within one microsecond keep times of their own."""
        fields: _Said = {
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
        fields: _Said = {
            "active": float(active),
            "unacknowledged": float(_unacknowledged(alarm)),
            "summary": alarm.summary,
            "state": alarm.state.value,
        }
        return self._line(ACTIVE_ALARMS, self._alarm_tags(alarm), fields, at_ns)

    def liveness(self, alive: Liveness) -> bytes:
        """How a device is doing."""
        fields: _Said = {
            "health": alive.health.value,
            "code": HEALTH_CODES[alive.health],
            "silent": float(alive.health is Health.SILENT),
            "warm": alive.warm,
            "last_s": alive.last_ns / NS_PER_S,
        }
        return self._line(LIVENESS, {EDGE: alive.edge, DEVICE: alive.device}, fields, alive.clock_ns)

    def advice(self, advice: Advice) -> bytes:
        """P(run fails) after a step."""
        fields: _Said = {"p_fail": advice.p_fail, "stop": float(advice.stop), "step": advice.step, "run": advice.run}
        return self._line(ADVICE, {EDGE: advice.edge, DEVICE: advice.run}, fields, advice.t_ns)

    def dead(self, letter: DeadLetter, *, at_ns: int, place: int = 0) -> bytes:
        """A dead letter; `place` tells apart those of one millisecond."""
        at_ns = (letter.t_ns or at_ns) // RECORDS * RECORDS + place % RECORDS
        return self._line(DEAD, {SOURCE: letter.source}, {"count": float(letter.count), "reason": letter.reason}, at_ns)

    def pipeline(self, *, role: str, instance: str, figures: Mapping[str, float], at_ns: int) -> bytes:
        """How a role is doing at a wall time; figures are named as the fields of the measurement."""
        return self._line(PIPELINE, {ROLE: role, INSTANCE: instance}, figures, at_ns)

    def _frame(self, edge: str, frame: Frame) -> bytes:
        times = np.frombuffer(frame.t_ns, "<i8")
        kind = "<f8" if frame.dtype == "f8" else "<f4"
        values = np.frombuffer(frame.values, kind).reshape(-1, len(frame.channels)).astype(np.float64, copy=False)
        head = self._head(READINGS, {EDGE: edge, DEVICE: frame.device})
        keys = [channel_field(channel) for channel in frame.channels]
        there = np.isfinite(values)
        if there.all():
            return _table(head, keys, values, times)
        patterns, which = np.unique(there, axis=0, return_inverse=True)
        parts = []
        for number, pattern in enumerate(patterns):
            rows, columns = np.flatnonzero(which.reshape(-1) == number), np.flatnonzero(pattern)
            parts.append(_table(head, [keys[column] for column in columns], values[np.ix_(rows, columns)], times[rows]))
        return b"".join(parts)

    def _gap(self, edge: str, gap: Gap) -> bytes:
        fields: _Said = {
            "from_s": gap.from_ns / NS_PER_S,
            "to_s": gap.to_ns / NS_PER_S,
            "rows": float(gap.rows),
            "reason": gap.reason,
            "source": gap.source,
        }
        return self._line(GAPS, {EDGE: edge, DEVICE: gap.device}, fields, gap.from_ns)

    def _source(self, batch: Batch, state: SourceState) -> bytes:
        connected = float(state.state is SourceStatus.CONNECTED)
        fields: _Said = {"state": state.state.value, "connected": connected, "detail": state.detail}
        return self._line(SOURCES, {EDGE: batch.edge, SOURCE: state.source}, fields, state.t_ns or batch.clock_ns)

    def _alarm_tags(self, alarm: Alarm) -> Mapping[str, str]:
        return {EDGE: alarm.edge, DEVICE: alarm.device, RULE: alarm.rule, PRIORITY: alarm.priority.value}

    def _line(
        self, kind: Measurement, tags: Mapping[str, str], fields: _Said | Mapping[str, float], at_ns: int
    ) -> bytes:
        written = _fields(fields)
        return b"%s %s %d\n" % (self._head(kind, tags), written, at_ns) if written else b""

    def _head(self, kind: Measurement, tags: Mapping[str, str]) -> bytes:
        said = {**tags, SITE: self._site}
        return ",".join([kind.name, *(f"{tag}={_name(said[tag])}" for tag in kind.tags if said[tag])]).encode()


def _table(
    head: bytes, keys: Sequence[str], values: _Floats, times: npt.NDArray[np.int64], *, tail: bytes = b""
) -> bytes:
    """Lines of the same fields, all numbers finite: texts of all numbers at once, then laid beside each other."""
    rows, columns = values.shape
    if not (rows and columns):
        return b""
    numbers = _json.encode(values.ravel().tolist())[1:-1].split(b",")
    stride = 2 * columns + 2
    pieces = [b""] * (stride * rows)
    for column, key in enumerate(keys):
        before = b"," if column else head + b" "
        pieces[2 * column :: stride] = [before + _name(key).encode() + b"="] * rows
        pieces[2 * column + 1 :: stride] = numbers[column::columns]
    pieces[2 * columns :: stride] = [tail + b" "] * rows
    pieces[2 * columns + 1 :: stride] = [at + b"\n" for at in _json.encode(times.tolist())[1:-1].split(b",")]
    return b"".join(pieces)


def _largest(keys: Sequence[str], shares: npt.NDArray[np.float32]) -> bytes:
    finite = np.flatnonzero(np.isfinite(shares))
    order = finite[np.argsort(-np.abs(shares[finite]), kind="stable")][:CONTRIBUTIONS]
    return b"".join(b"," + _fields({keys[at]: float(shares[at])}) for at in sorted(order.tolist()))


def _fields(fields: _Said | Mapping[str, float]) -> bytes:
    return ",".join(_written(fields.items())).encode()


def _written(fields: Iterable[tuple[str, float | str | None]]) -> Iterable[str]:
    for key, value in fields:
        if isinstance(value, str):
            yield f'{_name(key)}="{value[:TEXT_LENGTH].translate(_IN_TEXTS)}"'
        elif value is not None and np.isfinite(value):
            yield f"{_name(key)}={float(value)!r}"


def _name(name: str) -> str:
    """A tag's value or a field's key as it is written."""
    return shown(name).translate(_IN_NAMES)


def _unacknowledged(alarm: Alarm) -> bool:
    return alarm.state in {AlarmState.UNACKNOWLEDGED, AlarmState.RETURNED}
