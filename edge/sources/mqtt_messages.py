"""MQTT messages turned into rows and events; knows nothing of brokers and acknowledgements."""

from collections.abc import Mapping

from edge.sources.json_fields import JsonFields
from edge.sources.line_reader import MAX_TEXT, Harvest
from edge.sources.lines import HEAD_BYTES
from edge.sources.mqtt_topics import Place, TopicPattern
from edge.sources.numbers import number
from edge.sources.parsed import Outcome, Parsed, Unread
from wire.messages import Event, Refused, Text
from wire.names import BAD_NAME, MAX_NAME, is_name
from wire.ports import Row

MAX_PAYLOAD = 1 << 20
_BOOLEANS = {"true": 1.0, "false": 0.0}


class MessageReader:
    """Reads messages whose topics follow a pattern.

    A retained copy is the last value before this edge subscribed, of an age that no one knows: it counts only if it
    carries its own time, and is refused otherwise. What is published later comes unretained, so nothing new is lost.
    """

    def __init__(self, *, source: str, pattern: str, fields: Mapping[str, str], time_field: str) -> None:
        self._source = source
        self._topics = TopicPattern(pattern)
        self._mapping = JsonFields(fields=fields, time_field=time_field)

    def read(self, topic: str | None, payload: bytes, *, retained: bool = False) -> Harvest:
        """Read one message; a topic of None was no text."""
        place = None if topic is None else self._topics.place(topic)
        outcome = self._outcome(topic, place, payload)
        if retained and isinstance(outcome, Parsed) and outcome.claimed_ns is None:
            outcome = Unread(reason=f"topic {topic}: retained copy without a time, so of unknown age")
        if place is None or not isinstance(outcome, Parsed):
            reason = outcome.reason if isinstance(outcome, Unread) else "no row"
            return Harvest(rows=(), events=(self._refused(reason, payload, place),))
        texts: tuple[Event, ...] = tuple(
            Text(place.device, name, text[:MAX_TEXT], outcome.claimed_ns or 0) for name, text in outcome.texts
        )
        return Harvest(rows=(Row(place.device, outcome.channels, outcome.values, outcome.claimed_ns),), events=texts)

    def _outcome(self, topic: str | None, place: Place | None, payload: bytes) -> Outcome:
        if topic is None:
            return Unread(reason="topic is not UTF-8")
        if place is None:
            return Unread(reason=f"topic {topic[:MAX_NAME]} does not fit the pattern {self._topics.pattern}")
        if not is_name(place.device) or not (place.channel is None or is_name(place.channel)):
            return Unread(reason=f"topic {topic[:MAX_NAME]}: {BAD_NAME}")
        if len(payload) > MAX_PAYLOAD:
            return Unread(reason=f"topic {topic[:MAX_NAME]}: payload larger than {MAX_PAYLOAD} bytes")
        outcome = _bare(place.channel, payload) if place.channel is not None else self._mapping.parse(payload)
        return Unread(reason=f"topic {topic[:MAX_NAME]}: {outcome.reason}") if isinstance(outcome, Unread) else outcome

    def _refused(self, reason: str, payload: bytes, place: Place | None) -> Refused:
        device = place.device[:MAX_NAME] if place is not None else ""
        return Refused(self._source, reason, payload[:HEAD_BYTES], 1, len(payload), device=device)


def _bare(channel: str, payload: bytes) -> Parsed | Unread:
    text = payload.decode("ascii", errors="replace").strip()
    value = _BOOLEANS.get(text.lower()) if text.lower() in _BOOLEANS else number(text)
    if value is None or not text:
        return Unread(reason="not a finite number")
    return Parsed(channels=(channel,), values=(value,))
