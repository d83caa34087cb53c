"""What test benches say over MQTT, and where they are answered; knows nothing of brokers and acknowledgements."""

from edge.sources.json_text import decoded
from edge.sources.line_reader import Harvest
from edge.sources.lines import HEAD_BYTES
from edge.sources.mqtt_topics import StationPattern
from edge.sources.parsed import Told, Unread
from edge.sources.run_events import RunEvents
from wire.config import MqttSource as Settings
from wire.messages import Refused
from wire.names import BAD_NAME, MAX_NAME, is_name

MAX_PAYLOAD = 1 << 20
_NO_EVENT = Unread(reason='a JSON object without "event" and "run": a bench says both in each message')
_OF_NO_AGE = Unread(reason="retained copy without a time, so of unknown age: bench events need no retain, or a time")
_ANSWER = b'"event":"advice"'  # as wire.answer writes it


class RunMessages:
    """Reads messages on the topics of benches; a bare number there is a reading of a channel, as anywhere.

    A retained copy of an event without a time is refused: no one knows when it was.
    """

    def __init__(self, settings: Settings, *, source: str) -> None:
        self._source = source
        self._runs = StationPattern(settings.run_pattern, key="run_pattern")
        self._advice = StationPattern(settings.advice_pattern, key="advice_pattern")
        self._events = RunEvents(source=source, time_field=settings.time_field)

    def is_answer(self, topic: str, payload: bytes) -> bool:
        """Whether this is what an edge itself told a bench, heard because it subscribes to everything."""
        return _ANSWER in payload and self._advice.station(topic) is not None

    def way_back(self, topic: str) -> str:
        """The topic on which a bench is answered, "" if it is not."""
        station = self._runs.station(topic)
        return self._advice.topic(station) if station is not None else ""

    def read(self, topic: str, payload: bytes, *, retained: bool) -> Harvest | None:
        """Read one message, None if it is no bench's."""
        if not payload[:64].lstrip().startswith(b"{"):
            return None
        station = self._runs.station(topic)
        if station is None:
            return None
        outcome = self._outcome(payload, station)
        if retained and isinstance(outcome, Told) and not all(event.t_ns for event in outcome.events):
            outcome = _OF_NO_AGE
        told, unread = (outcome.events, outcome.unread) if isinstance(outcome, Told) else ((), (outcome,))
        where = f"topic {topic[:MAX_NAME]}"
        refused = [
            Refused(self._source, f"{where}: {one.reason}", payload[:HEAD_BYTES], 1, len(payload), device=station)
            for one in unread
        ]
        return Harvest(rows=(), events=(*told, *refused))

    def _outcome(self, payload: bytes, station: str) -> Told | Unread:
        if not is_name(station):
            return Unread(reason=BAD_NAME)
        if len(payload) > MAX_PAYLOAD:
            return Unread(reason=f"payload larger than {MAX_PAYLOAD} bytes")
        told = self._events.read(payload, station=station)
        if told is not None:
            return told
        found = decoded(payload)
        return found if isinstance(found, Unread) else _NO_EVENT
