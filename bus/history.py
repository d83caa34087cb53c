"""What a topic holds just now, from its first record to its last, outside any group of readers."""

import time
from collections.abc import Iterator, Mapping

from confluent_kafka import Consumer, KafkaException, TopicPartition

from bus.address import Address
from bus.feed import record_of
from wire.ports import BusError, Record

TIMEOUT_S = 8.0
READ, WAIT_S = 500, 0.05


def history(address: Address, topic: str) -> Iterator[Record]:
    """Every record that is on a topic now, in order in each partition. Raises BusError."""
    settings = {**address.settings(), "group.id": "tocsin-look", "enable.auto.commit": False, "log_level": 0}
    try:
        consumer = Consumer({**settings, "auto.offset.reset": "earliest", "fetch.message.max.bytes": 8 << 20})
    except KafkaException as error:
        msg = f"the bus cannot be used: {error.args[0]}"
        raise BusError(msg) from error
    try:
        there = consumer.list_topics(topic, timeout=TIMEOUT_S).topics[topic].partitions
        bounds = {part: _bounds(consumer, TopicPartition(topic, part)) for part in there}
        yield from _read(consumer, topic, {part: both for part, both in bounds.items() if both[0] < both[1]})
    except KafkaException as error:
        msg = f"{topic} cannot be read at {address.servers}: {error.args[0].str()}"
        raise BusError(msg) from error
    finally:
        consumer.close()


def _read(consumer: Consumer, topic: str, bounds: Mapping[int, tuple[int, int]]) -> Iterator[Record]:
    """All partitions at once: one after another would each wait for its first answer."""
    consumer.assign([TopicPartition(topic, part, low) for part, (low, _) in bounds.items()])
    left, heard = {part: end for part, (_, end) in bounds.items()}, time.monotonic()
    while left:
        messages = consumer.consume(READ, WAIT_S)
        if messages:
            heard = time.monotonic()
        elif time.monotonic() - heard > TIMEOUT_S:
            msg = f"{topic} cannot be read: no broker gives partition {min(left)}"
            raise BusError(msg)
        for message in messages:
            record = record_of(message)
            if record is not None and record.offset < bounds[record.partition][1]:
                yield record
        for place in consumer.position([TopicPartition(topic, part) for part in left]):
            if place.offset >= left[place.partition]:
                del left[place.partition]


def _bounds(consumer: Consumer, place: TopicPartition) -> tuple[int, int]:
    """The first offset that is there and the next to come; a topic just made has no leader for a moment."""
    deadline = time.monotonic() + TIMEOUT_S
    while True:
        try:
            return consumer.get_watermark_offsets(place, timeout=TIMEOUT_S)
        except KafkaException:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
