"""Putting records on Kafka so that none is lost: idempotent, acknowledged by all replicas, told one by one."""

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from bus.address import Address
from bus.reasons import Heard, reason
from bus.trouble import Trouble
from wire.ports import BusError

WAITING_BYTES_KB = 65536  # in the client's memory; the outbox on disk is the buffer
LARGEST_BYTES = 8 * 1024 * 1024
POLL_S, WAIT_S = 0.1, 5.0

log = logging.getLogger(__name__)


class KafkaPublisher:
    """Implements wire.ports.Publisher. Keeps trying for `give_up_s`, then says "no" to `done`.

    The default of an hour lets an outage pass without a word; order in a partition holds all the while.
    """

    def __init__(self, address: Address, *, client_id: str, give_up_s: float = 3600.0) -> None:
        self._settings: dict[str, str | int | float | bool | Callable[[KafkaError], None]] = {
            **address.settings(),
            "client.id": client_id,
            "enable.idempotence": True,
            "acks": "all",
            "partitioner": "murmur2_random",  # as Faust's client
            "compression.type": address.compression,
            "linger.ms": 5,
            "message.max.bytes": LARGEST_BYTES,
            "queue.buffering.max.kbytes": WAITING_BYTES_KB,
            "message.timeout.ms": int(give_up_s * 1000),
            "reconnect.backoff.max.ms": 2000,
            "topic.metadata.propagation.max.ms": 10_000,
            "error_cb": self._troubled,
            "log_level": 0,
        }
        self._producer: Producer | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._poll, name="kafka-publisher", daemon=True)
        self._told = Trouble()
        self._address = address
        self._heard = Heard()  # since something went through

    def __enter__(self) -> Self:
        """Start; the broker need not be there yet. Raises BusError for settings that cannot be."""
        try:
            self._producer = Producer(self._settings)
        except KafkaException as error:
            msg = f"the bus cannot be used: {error.args[0]}"
            raise BusError(msg) from error
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop; what is still under way is given up without a word."""
        self._stop.set()
        self._thread.join()
        producer, self._producer = self._producer, None
        if producer is not None:
            producer.purge()
            producer.poll(0)

    def publish(self, topic: str, key: bytes, body: bytes, done: Callable[[str], None], *, partition: int = -1) -> None:
        """See wire.ports.Publisher; waits for room for WAIT_S at most, so that who publishes can be told to end."""
        producer, until_s = self._producer, time.monotonic() + WAIT_S

        def told(error: KafkaError | None, _: Message) -> None:
            if error is None and self._heard.said:
                self._heard = Heard()
            done("" if error is None else error.str())

        while producer is not None and not self._stop.is_set():
            try:
                producer.produce(topic, key=key, value=body, partition=partition, on_delivery=told)
            except BufferError:
                if time.monotonic() > until_s:
                    msg = (
                        f"the bus takes nothing and {len(producer)} records wait for it: {self.trouble or 'no answer'}"
                    )
                    raise BusError(msg) from None
                self._stop.wait(POLL_S)
            except KafkaException as error:
                msg = f"the bus refuses a record of {len(body)} bytes for {topic}: {error.args[0]}"
                raise BusError(msg) from error
            else:
                return
        msg = "the publisher is closed"
        raise BusError(msg)

    def flush(self, timeout_s: float) -> bool:
        """See wire.ports.Publisher."""
        deadline = time.monotonic() + timeout_s
        while self._producer is not None and len(self._producer):
            if time.monotonic() > deadline:
                return False
            self._stop.wait(POLL_S / 10)
        return True

    @property
    def trouble(self) -> str:
        """Why nothing goes through just now; empty where nothing waits to."""
        producer = self._producer
        stands = producer is not None and len(producer) and self._heard.said
        return reason(list(self._heard.said), self._address) if stands else ""

    def _poll(self) -> None:
        while not self._stop.is_set():
            assert self._producer is not None
            try:
                self._producer.poll(POLL_S)
            except KafkaException as error:
                self._renew(self._producer, str(error.args[0].str()))

    def _renew(self, broken: Producer, why: str) -> None:
        """Begin anew where the client ended itself, as when brokers lost what they had confirmed.

        What was under way is told as not sent, before anything is taken again.
        """
        log.error("the bus lost its thread, and what was under way goes out anew: %s", why)
        broken.purge()
        while len(broken) and not self._stop.is_set():
            with suppress(KafkaException):
                broken.poll(POLL_S)
        self._producer = Producer(self._settings)

    def _troubled(self, error: KafkaError) -> None:
        self._told(error)
        self._heard(error)
