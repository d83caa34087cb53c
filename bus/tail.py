"""What comes to one key of a topic from now on, outside any group of readers; what was there before is not told."""

from types import TracebackType
from typing import Self

from confluent_kafka import OFFSET_END, Consumer, KafkaException, TopicPartition

from bus.address import Address
from bus.feed import record_of
from bus.places import partition_of
from bus.trouble import Trouble
from wire.ports import BusError, Record

TIMEOUT_S = 8.0


class Tail:
    """The newest records of one key, for whoever needs them now or never; used by one thread. Raises BusError."""

    def __init__(self, address: Address, *, topic: str, key: bytes, client_id: str) -> None:
        """Nothing is opened yet."""
        self._address = address
        self._topic = topic
        self._key = key
        self._settings = {
            **address.settings(),
            "group.id": client_id,  # the client wants one; nothing is ever committed
            "client.id": client_id,
            "enable.auto.commit": False,
            "fetch.message.max.bytes": 8 << 20,
            "queued.max.messages.kbytes": 16384,
            "error_cb": Trouble(),
            "log_level": 0,
        }
        self._consumer: Consumer | None = None

    def __enter__(self) -> Self:
        """Begin at the end of the partition that the key has."""
        try:
            self._consumer = Consumer(self._settings)
            place = TopicPartition(self._topic, partition_of(self._key, self._partitions(self._consumer)))
            _, end = self._consumer.get_watermark_offsets(place, timeout=TIMEOUT_S)
            self._consumer.assign([TopicPartition(self._topic, place.partition, end if end >= 0 else OFFSET_END)])
        except KafkaException as error:
            self.__exit__(None, None, None)
            msg = f"{self._topic} cannot be read at {self._address.servers}: {error.args[0]}"
            raise BusError(msg) from error
        except BusError:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Read no more."""
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            consumer.close()

    def read(self, *, limit: int, wait_s: float) -> list[Record]:
        """The next records of the key; none where none came in time."""
        if self._consumer is None:
            msg = "the tail is closed"
            raise BusError(msg)
        try:
            first = self._consumer.poll(wait_s)  # `consume` would wait for all that are wanted
            messages = [first, *self._consumer.consume(limit - 1, 0)] if first is not None and limit > 1 else [first]
        except KafkaException as error:
            msg = f"the bus cannot be read: {error.args[0]}"
            raise BusError(msg) from error
        found = (record_of(message) for message in messages if message is not None)
        return [record for record in found if record is not None and record.key == self._key]

    def _partitions(self, consumer: Consumer) -> int:
        known = consumer.list_topics(self._topic, timeout=TIMEOUT_S).topics[self._topic]
        if known.error is not None or not known.partitions:
            msg = f"there is no topic {self._topic}: run tocsin stream --create-topics"
            raise BusError(msg)
        return len(known.partitions)
