"""The numbered readings of a soak: what each device says, and the alarms that an undisturbed core makes of it."""

import json
import threading
import time
from collections.abc import Iterator, Sequence

import msgspec
import numpy as np
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from models.selflearning.online import Online
from stream.core import Core
from stream.models.detectors import Shelf
from wire.config import Config
from wire.messages import Alarm, Batch, Frame

EVERY_NS = 100_000_000
CHANNELS = ("level", "n")
HIGH = 80.0
INFLIGHT = 5000


class Readings(msgspec.Struct, frozen=True):
    """`devices` x `rows` readings: `n` counts 1, 2, 3, … of each device, `level` passes a limit now and then."""

    devices: int
    rows: int
    edges: tuple[str, ...]
    begun_ns: int

    def edge_of(self, device: int) -> str:
        """The edge that a device belongs to."""
        return self.edges[device % len(self.edges)]

    def levels(self, device: int) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
        """What a device says: noise, and from time to time a plateau beyond its limit."""
        chance = np.random.default_rng(device)
        level = 50 + chance.normal(size=self.rows)
        for begin in range(400 + 13 * device, self.rows, 900):
            level[begin : begin + 60] += 40
        return np.round(level, 3)

    def messages(self) -> Iterator[tuple[str, bytes]]:
        """Topic and payload of each reading, row by row over all devices."""
        levels = [self.levels(device) for device in range(self.devices)]
        for row in range(self.rows):
            at_ns = self.begun_ns + row * EVERY_NS
            for device in range(self.devices):
                said = {"time": at_ns, "n": row + 1, "level": float(levels[device][row])}
                yield f"plant/{self.edge_of(device)}/{name_of(device)}", json.dumps(said).encode()

    def alarms(self, config: Config) -> set[str]:
        """The ids of the alarms that a core makes of all this when nobody disturbs it."""
        core = Core(config, Shelf([Online()]))
        state, found = core.cold(), set[str]()
        times = self.begun_ns + EVERY_NS * np.arange(self.rows, dtype=np.int64)
        values = {device: np.column_stack([self.levels(device), np.arange(1, self.rows + 1.0)]) for device in self._all}
        for seq, begin in enumerate(range(0, self.rows, 100), 1):
            part = slice(begin, begin + 100)
            items = []
            for edge in self.edges:
                devices = [device for device in self._all if self.edge_of(device) == edge]
                frames = tuple(
                    Frame(
                        name_of(device), CHANNELS, times[part].tobytes(), values[device][part].tobytes(), own_times=True
                    )
                    for device in devices
                )
                items.append(Batch(edge, "a" * 32, seq, clock_ns=int(times[part][-1]), frames=frames))
            state, outcomes = core.step(state, list(enumerate(items, seq * 100)))
            found |= ids(outcomes.outcomes)
        return found

    @property
    def _all(self) -> range:
        return range(self.devices)


def name_of(device: int) -> str:
    """The name of a device."""
    return f"m-{device:02d}"


def ids(outcomes: Sequence[object]) -> set[str]:
    """The ids of the devices' alarms among outcomes; an id stands for device, rule and onset."""
    return {each.id for each in outcomes if isinstance(each, Alarm) and each.device.startswith("m-")}


class Sender:
    """Says readings at a steady rate, QoS 1, from a thread of its own; `done` when the broker has them all."""

    def __init__(self, readings: Readings, *, port: int, per_s: float) -> None:
        """Remember what to say."""
        self._readings = readings
        self._port = port
        self._per_s = per_s
        self._slots = threading.BoundedSemaphore(INFLIGHT)
        self._thread = threading.Thread(target=self._run, name="sender", daemon=True)
        self.sent = 0

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    @property
    def done(self) -> bool:
        """Whether everything was said and the broker has it."""
        return not self._thread.is_alive()

    def _run(self) -> None:
        client = Client(CallbackAPIVersion.VERSION2, client_id="soak-sender")
        client.max_inflight_messages_set(INFLIGHT)
        client.on_publish = lambda *_: self._slots.release()
        client.connect("127.0.0.1", self._port)
        client.loop_start()
        begun = time.monotonic()
        for topic, payload in self._readings.messages():
            ahead_s = self.sent / self._per_s - (time.monotonic() - begun)
            if ahead_s > 0:
                time.sleep(ahead_s)
            self._slots.acquire()
            client.publish(topic, payload, qos=1)
            self.sent += 1
        for _ in range(INFLIGHT):
            self._slots.acquire()
        client.loop_stop()
        client.disconnect()
