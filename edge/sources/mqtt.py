"""Messages from an MQTT broker, acknowledged only when they are on disk."""

import os
import random
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from hashlib import blake2b

from paho.mqtt.client import MQTTMessage
from paho.mqtt.enums import MQTTProtocolVersion

from edge.returns import Questions
from edge.source import SourceError
from edge.sources.line_reader import Harvest
from edge.sources.mqtt_broker import UnreachableError, broker, check, login
from edge.sources.mqtt_client import V5, V311, Peer
from edge.sources.mqtt_link import MqttLink, VersionRefusedError
from edge.sources.mqtt_messages import MessageReader
from edge.sources.mqtt_runs import RunMessages
from edge.sources.mqtt_topics import check_filters
from edge.sources.mqtt_waiting import WaitingRoom
from wire.answer import answer
from wire.config import Config
from wire.config import MqttSource as Settings
from wire.messages import Advice, Gap, StepEnded
from wire.ports import Arrival, Intake, Receipt

GRACE_S = 0.1
EXPIRES_S = 1  # an answer that no bench fetched by then
AGAIN_S = 1.0  # between tries to reach a broker that was there before
_VERSIONS: Mapping[str, tuple[MQTTProtocolVersion, ...]] = {"auto": (V5, V311), "5": (V5,), "3.1.1": (V311,)}
_WORDS = {V5: "MQTT 5", V311: "MQTT 3.1.1"}


def build(settings: Settings, *, name: str, config: Config) -> "MqttSource":
    """Make the source that the settings describe; raises ValueError naming a setting that cannot be."""
    return MqttSource(settings, name=name, client_id=settings.client_id or f"tocsin-{config.edge.name}-{name}")


class MqttSource:
    """Subscribes to topics of one broker with QoS 1 and a session that the broker keeps while this edge is away.

    When the outbox refuses, messages wait here unacknowledged, at most `receive_maximum` of them, and the broker sends
    no more; the connection stays alive. One that sends more all the same is left until there is room: it keeps what
    was not acknowledged. Messages of QoS 0 are not kept by anyone: those that come meanwhile end in a counted gap.
    Once it was connected, a broker that is away is tried every second or so, not at the supervisor's growing pace.
    """

    acknowledged = True

    def __init__(
        self,
        settings: Settings,
        *,
        name: str,
        client_id: str,
        environ: Mapping[str, str] = os.environ,
        clock_ns: Callable[[], int] = time.time_ns,
        monotonic_s: Callable[[], float] = time.monotonic,
        rng: random.Random | None = None,
    ) -> None:
        check(settings)
        check_filters(settings.topics)
        self.name = name
        self._settings = settings
        self._there = broker(settings.url)
        self._client_id = client_id
        self._environ = environ
        self._clock_ns = clock_ns
        self._rng = rng or random.Random()
        self._reader = MessageReader(
            source=name, pattern=settings.pattern, fields=settings.fields, time_field=settings.time_field
        )
        self._benches = RunMessages(settings, source=name)
        self._questions = Questions(monotonic_s=monotonic_s)
        self._speaking: MqttLink | None = None
        self._heard_ns = 0  # last sign of the session; 0: never connected in this run of the program
        self._waiting = WaitingRoom(
            source=name, limit=settings.receive_maximum, clock_ns=clock_ns, monotonic_s=monotonic_s
        )

    def run(self, intake: Intake, stop: threading.Event, connected: Callable[[str], None]) -> None:
        """Connect and put messages until stopped; raises SourceError when the connection is lost or refused."""
        self._waiting.forget()
        away_ns = self._heard_ns
        link = self._link(intake, stop)
        if link is None:
            return
        try:
            self._greet(link, intake, away_ns)
            self._speaking = link
            connected(f"subscribed to {', '.join(self._settings.topics)} at {self._there}, {_WORDS[link.version]}")
            while not stop.is_set():
                link.turn()
                for where, advice in self._questions.take():
                    link.publish(where, answer(advice).body, expires_s=EXPIRES_S)
                if self._waiting.crowded:
                    msg = f"the outbox is full, and {self._there} sends more than it should: left for a while"
                    raise SourceError(msg)
                self._waiting.offer(intake)
        finally:
            self._speaking = None
            link.close(grace_s=GRACE_S)

    def answer(self, advice: Advice) -> None:
        """Publish advice for the bench whose step came from here a moment ago."""
        link = self._speaking
        if self._questions.tell(advice) and link is not None:
            link.wake()

    def _link(self, intake: Intake, stop: threading.Event) -> MqttLink | None:
        while not stop.is_set():
            try:
                link = self._opened(intake, stop)
            except UnreachableError:
                if not self._heard_ns:
                    raise
            else:
                if not stop.is_set():
                    return link
                link.close(grace_s=0.0)  # told to stop before the broker had answered
            stop.wait(self._rng.uniform(0.5, 1.5) * AGAIN_S)
        return None

    def _opened(self, intake: Intake, stop: threading.Event) -> MqttLink:
        peer = Peer(self._there, login(self._settings, self._environ), self._client_id, self._settings)
        *newer, oldest = _VERSIONS[self._settings.version]
        for version in newer:
            with suppress(VersionRefusedError):
                return self._open(peer, version, intake, stop)
        return self._open(peer, oldest, intake, stop)

    def _open(self, peer: Peer, version: MQTTProtocolVersion, intake: Intake, stop: threading.Event) -> MqttLink:
        link = MqttLink(peer, version, take=lambda message: self._take(link, message, intake))
        known = self._heard_ns > 0
        try:
            link.open(stop)
            # Subscribing anew makes a broker of before MQTT 5 send all retained copies again.
            if not (known and link.session_present and version == V311):
                link.subscribe(self._settings.topics, stop)
        except BaseException:
            link.close(grace_s=0.0)
            raise
        return link

    def _greet(self, link: MqttLink, intake: Intake, away_ns: int) -> None:
        self._heard_ns = self._clock_ns()
        if away_ns and not link.session_present:
            reason = "the broker forgot this session while the edge was away, and with it what came meanwhile"
            lost = Gap("*", away_ns, self._heard_ns, -1, reason, self.name)
            self._waiting.put(Arrival(source=self.name, events=(lost,)), intake, keep=True)

    def _take(self, link: MqttLink, message: MQTTMessage, intake: Intake) -> None:
        self._heard_ns = self._clock_ns()
        try:
            topic: str | None = message.topic
        except UnicodeDecodeError:
            topic = None
        payload = bytes(message.payload)
        if topic is not None and self._benches.is_answer(topic, payload):
            if message.qos:
                link.acknowledge(message.mid)
            return
        harvest = self._read(topic, payload, retained=message.retain)
        arrival = Arrival(
            source=self.name,
            rows=harvest.rows,
            events=harvest.events,
            own_times=self._settings.times == "own",
            receipt=self._receipt(link, message, topic or "", payload) if message.qos else None,
        )
        self._waiting.put(arrival, intake, keep=message.qos > 0)

    def _read(self, topic: str | None, payload: bytes, *, retained: bool) -> Harvest:
        told = None if topic is None else self._benches.read(topic, payload, retained=retained)
        if topic is None or told is None:
            return self._reader.read(topic, payload, retained=retained)
        where = self._benches.way_back(topic)
        for event in told.events:
            if where and isinstance(event, StepEnded):
                self._questions.ask(event.run, event.step, where)
        return told

    def _receipt(self, link: MqttLink, message: MQTTMessage, topic: str, payload: bytes) -> Receipt:
        digest = blake2b(f"{self._client_id}\0{message.mid}\0{topic}\0".encode(), digest_size=16)
        digest.update(payload)
        return Receipt(key=digest.digest(), done=partial(link.acknowledge, message.mid), again=message.dup)
