"""A machine on an MQTT broker."""

import threading
import time
from collections import deque
from collections.abc import Callable
from math import isnan
from typing import Literal
from urllib.parse import urlsplit

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.reasoncodes import ReasonCode

from simulators.lines import TimeForm, json_object, time_text
from simulators.rows import Block, Machine
from simulators.speaker import Speaker


class MqttLine(Speaker):
    """Publishes rows with QoS 1, a JSON object a row on `plant/{device}` or a bare number a channel below it.

    At most `limit` messages wait for the broker's acknowledgement; then the machine's rows wait too, and follow when
    the broker is back. `acked` counts rows of which the broker acknowledged every message.
    """

    def __init__(
        self,
        machine: Machine,
        *,
        every_ns: int,
        url: str = "mqtt://127.0.0.1:1883",
        login: tuple[str, str] | None = None,
        topic: str = "plant/{device}",
        payload: Literal["json", "numbers"] = "json",
        time_form: TimeForm = "ns",
        limit: int = 1000,
        fast: bool = False,
        rows: int | None = None,
        start_ns: int | None = None,
        clock_ns: Callable[[], int] = time.time_ns,
        wait: Callable[[float], bool] | None = None,
    ) -> None:
        super().__init__(
            machine, every_ns=every_ns, fast=fast, rows=rows, start_ns=start_ns, clock_ns=clock_ns, wait=wait
        )
        address = urlsplit(url)
        if address.scheme != "mqtt" or not address.hostname:
            msg = f"url must look like mqtt://host:1883, got {url!r}"
            raise ValueError(msg)
        self.acked = 0
        self.published = 0  # messages handed to the client
        self._address = (address.hostname, address.port or 1883)
        self._topic = topic.format(device=machine.device)
        self._payload = payload
        self._time_form = time_form
        self._limit = limit
        self._waiting: dict[int, list[int]] = {}  # message id -> its row's count of messages still to come
        self._arrived: deque[int] = deque(maxlen=2 * limit + len(machine.channels))
        self._progress = threading.Event()
        self._client = self._client_for(machine.device)
        if login is not None:
            self._client.username_pw_set(*login)

    @property
    def connected(self) -> bool:
        """Whether the broker is there."""
        return self._client.is_connected()

    def _client_for(self, device: str) -> mqtt.Client:
        client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=f"sim-{device}", protocol=mqtt.MQTTv311)
        client.reconnect_delay_set(min_delay=1, max_delay=2)
        client.max_inflight_messages_set(100)
        client.on_publish = self._acknowledged
        return client

    def _open(self) -> None:
        self._client.connect_async(*self._address, keepalive=30)
        self._client.loop_start()

    def _close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _say(self, block: Block, at_ns: int) -> None:
        for i, (t_ns, values) in enumerate(zip(block.t_ns.tolist(), block.values.tolist(), strict=True)):
            messages = self._messages(t_ns, values)
            if not self._room_for(len(messages)):
                return
            left = [len(messages)]
            for topic, text in messages:
                body = self.machine.garbled(text.encode(), at_ns + i * self._every_ns)
                self._waiting[self._client.publish(topic, body, qos=1).mid] = left
                self.published += 1
            self.produced += 1

    def _messages(self, t_ns: int, values: list[float]) -> list[tuple[str, str]]:
        if self._payload == "json":
            stamp = time_text(t_ns, self._time_form)
            stamp = f'"{stamp}"' if self._time_form == "iso" else stamp
            return [(self._topic, json_object(self.machine.channels, values, stamp))]
        pairs = zip(self.machine.channels, values, strict=True)
        return [(f"{self._topic}/{c.name}", f"{v:.{c.decimals}f}") for c, v in pairs if not isnan(v)]

    def _room_for(self, count: int) -> bool:
        """Wait for acknowledgements until `count` more messages may go; false when stopped before."""
        self._collect()
        while self._waiting and len(self._waiting) + count > self._limit:
            if not self._await_progress():
                return False
        return True

    def _settle(self) -> None:
        self._collect()
        while self._waiting and self._await_progress():
            pass

    def _await_progress(self) -> bool:
        self._progress.wait(0.1)
        self._progress.clear()
        self._collect()
        return not self._stop.is_set()

    def _collect(self) -> None:
        while self._arrived:
            left = self._waiting.pop(self._arrived.popleft(), None)
            if left is not None:
                left[0] -= 1
                self.acked += left[0] == 0

    # Called in the client's thread while it holds its own lock: only note it, so that nothing can wait in a circle.
    def _acknowledged(self, _: mqtt.Client, __: object, mid: int, ___: ReasonCode, ____: object) -> None:
        self._arrived.append(mid)
        self._progress.set()
